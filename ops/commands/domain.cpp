#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

#include "ops/commands/commands.h"
#include "ops/output.h"
#include "ops/zone_state.h"

namespace ops {

namespace {

// All servers serve a new domain; `mx remove` and `domain set` narrow that.
base::Status add_domain(CommandContext& context, const Arguments& arguments) {
    const std::string name = TRY(checked_name(arguments.text("domain")));
    base::Connection* connection = TRY(context.db());
    base::Tx tx = TRY(connection->begin());
    auto added = tx.query(
        "INSERT INTO directory.domain (name, contact, policy, primary_name_server) "
        "SELECT $1, $2, coalesce($3, 'load'), "
        "(SELECT host_name FROM directory.name_server ORDER BY id LIMIT 1) RETURNING id",
        {name, arguments.optional("--contact"), arguments.optional("--policy")});
    if (!added && added.error().code == base::Errc::Exists) {
        return base::Error{base::Errc::Exists, "the domain " + name + " is there already"};
    }
    const std::int64_t id = TRY(std::move(added))[0].int64(0);
    (void)TRY(
        tx.query("INSERT INTO directory.mail_exchange (domain_id, mail_server_id) "
                 "SELECT $1, id FROM directory.mail_server WHERE retired_at IS NULL",
                 {id}));
    (void)TRY(
        tx.query("INSERT INTO directory.access_exchange (domain_id, access_server_id) "
                 "SELECT $1, id FROM directory.access_server WHERE retired_at IS NULL",
                 {id}));
    (void)TRY(tx.commit());
    say(context, "added domain " + name + ", served by all mail and access servers");
    return base::Done{};
}

constexpr std::array<std::string_view, 4> kVirusPolicies = {
    "reject", "quarantine", "tag", "default"};
constexpr std::array<std::string_view, 3> kNoScannerPolicies = {"tempfail", "accept", "default"};

// The value of an option that takes one of a few words.
template <std::size_t Count>
base::Result<std::optional<std::string>> one_of(const Arguments& arguments,
                                                const std::string& option,
                                                const std::array<std::string_view, Count>& words) {
    std::optional<std::string> given = arguments.optional(option);
    if (!given || std::find(words.begin(), words.end(), *given) != words.end()) {
        return given;
    }
    std::string all;
    for (const std::string_view word : words) {
        all += (all.empty() ? "" : ", ") + std::string(word);
    }
    return base::Error{base::Errc::Invalid,
                       option + " takes one of " + all + ", not '" + *given + "'"};
}

base::Status set_domain(CommandContext& context, const Arguments& arguments) {
    const std::string name = normal_name(arguments.text("domain"));
    const std::int64_t ttl = TRY(arguments.integer("--ttl", 0, INT32_MAX, -1));
    const std::int64_t mx_ttl = TRY(arguments.integer("--mx-ttl", 30, 86400, -1));
    const auto virus = TRY(one_of(arguments, "--virus", kVirusPolicies));
    const auto no_scanner = TRY(one_of(arguments, "--no-scanner", kNoScannerPolicies));
    auto given = [](std::int64_t value) {
        return value < 0 ? base::Param(nullptr) : base::Param(value);
    };
    const auto edit = [&](base::Tx& tx) -> base::Status {
        (void)TRY(
            tx.query("UPDATE directory.domain SET contact = coalesce($2, contact), "
                     "policy = coalesce($3, policy), ttl = coalesce($4, ttl), "
                     "mx_ttl = coalesce($5, mx_ttl), "
                     "virus_policy = CASE WHEN $6 = 'default' THEN NULL "
                     "ELSE coalesce($6, virus_policy) END, "
                     "no_scanner_policy = CASE WHEN $7 = 'default' THEN NULL "
                     "ELSE coalesce($7, no_scanner_policy) END WHERE name = $1",
                     {name,
                      arguments.optional("--contact"),
                      arguments.optional("--policy"),
                      given(ttl),
                      given(mx_ttl),
                      virus,
                      no_scanner}));
        return base::Done{};
    };
    TRY(edit_zone(context, name, edit));
    say(context, "changed domain " + name);
    return base::Done{};
}

base::Status remove_domain(CommandContext& context, const Arguments& arguments) {
    const std::string name = normal_name(arguments.text("domain"));
    base::Connection* connection = TRY(context.db());
    auto removed = connection->query("DELETE FROM directory.domain WHERE name = $1", {name});
    if (!removed && removed.error().code == base::Errc::Invalid) {
        return base::Error{base::Errc::Refused,
                           "the domain " + name +
                               " still has accounts or addresses; remove them first (`roundtable "
                               "account list --domain " +
                               name + "`)"};
    }
    if (TRY(std::move(removed)).affected() == 0) {
        return base::Error{base::Errc::NotFound, "there is no domain " + name};
    }
    say(context, "removed domain " + name);
    return base::Done{};
}

constexpr const char* kDomainColumns =
    "SELECT d.name, d.policy, d.primary_name_server, "
    "coalesce(d.contact, 'hostmaster@' || d.name) AS contact, d.ttl, d.mx_ttl, d.serial, "
    "(SELECT count(*) FROM directory.mail_exchange e WHERE e.domain_id = d.id) AS mail_servers, "
    "coalesce(d.virus_policy, 'default') AS virus, "
    "coalesce(d.no_scanner_policy, 'default') AS no_scanner, "
    "(SELECT count(*) FROM directory.account a WHERE a.domain_id = d.id) AS accounts "
    "FROM directory.domain d ";

base::Status list_domains(CommandContext& context, const Arguments&) {
    return print_rows(context, std::string(kDomainColumns) + "ORDER BY d.name", {}, "no domains");
}

base::Status show_domain(CommandContext& context, const Arguments& arguments) {
    const std::string name = normal_name(arguments.text("domain"));
    return print_one(context,
                     std::string(kDomainColumns) + "WHERE d.name = $1",
                     {name},
                     "there is no domain " + name);
}

std::string joined(const std::vector<std::string>& words) {
    std::string text;
    for (const std::string& word : words) {
        text += (text.empty() ? "" : " ") + word;
    }
    return text;
}

base::Status add_record(CommandContext& context, const Arguments& arguments) {
    const std::string domain = normal_name(arguments.text("domain"));
    const std::int64_t ttl = TRY(arguments.integer("--ttl", 0, INT32_MAX, -1));
    const auto edit = [&](base::Tx& tx) -> base::Status {
        auto added = tx.query(
            "INSERT INTO directory.record (domain_id, owner, type, ttl, rdata) "
            "SELECT d.id, lower($2), upper($3), $4, $5 FROM directory.domain d WHERE d.name = $1",
            {domain,
             arguments.text("owner"),
             arguments.text("type"),
             ttl < 0 ? base::Param(nullptr) : base::Param(ttl),
             joined(arguments.list("rdata"))});
        if (!added && added.error().code == base::Errc::Exists) {
            return base::Error{base::Errc::Exists, "that record is there already"};
        }
        (void)TRY(std::move(added));
        return base::Done{};
    };
    TRY(edit_zone(context, domain, edit));
    say(context, "added record");
    return base::Done{};
}

base::Status remove_record(CommandContext& context, const Arguments& arguments) {
    const std::string domain = normal_name(arguments.text("domain"));
    const std::string rdata = joined(arguments.list("rdata"));
    const auto edit = [&](base::Tx& tx) -> base::Status {
        const base::Rows removed =
            TRY(tx.query("DELETE FROM directory.record r USING directory.domain d "
                         "WHERE d.id = r.domain_id AND d.name = $1 AND r.owner = lower($2) "
                         "AND r.type = upper($3) AND ($4 = '' OR r.rdata = $4)",
                         {domain, arguments.text("owner"), arguments.text("type"), rdata}));
        if (removed.affected() == 0) {
            return base::Error{
                base::Errc::NotFound,
                "there is no such record; see `roundtable record list " + domain + "`"};
        }
        return base::Done{};
    };
    TRY(edit_zone(context, domain, edit));
    say(context, "removed record");
    return base::Done{};
}

base::Status list_records(CommandContext& context, const Arguments& arguments) {
    const std::string domain = normal_name(arguments.text("domain"));
    return print_rows(context,
                      "SELECT r.owner, coalesce(r.ttl, d.ttl) AS ttl, r.type, r.rdata "
                      "FROM directory.record r JOIN directory.domain d ON d.id = r.domain_id "
                      "WHERE d.name = $1 ORDER BY r.owner, r.type, r.rdata",
                      {domain},
                      "no records beside those that Roundtable makes");
}

}  // namespace

std::vector<Command> domain_commands() {
    const OptionSpec domain{"domain", OptionKind::Positional, "a mail domain"};
    const OptionSpec contact{"--contact", OptionKind::Value, "mail address of the zone's contact"};
    const OptionSpec policy{"--policy", OptionKind::Value, "load, roundtable, rotate or static"};
    const OptionSpec owner{"owner", OptionKind::Positional, "name below the domain; @ is itself"};
    const OptionSpec type{"type", OptionKind::Positional, "A, TXT, SRV, TYPE65280, ..."};
    return {
        {"domain", "add", "serve a mail domain", {domain, contact, policy}, add_domain},
        {"domain", "list", "list domains", {}, list_domains},
        {"domain", "show", "show one domain", {domain}, show_domain},
        {"domain",
         "set",
         "change a domain's settings",
         {domain,
          contact,
          policy,
          {"--ttl", OptionKind::Value, "seconds, of records that state none"},
          {"--mx-ttl", OptionKind::Value, "seconds, of the steered MX"},
          {"--virus",
           OptionKind::Value,
           "infected mail: reject, quarantine, tag, or default (as the cluster)"},
          {"--no-scanner",
           OptionKind::Value,
           "mail that no scanner could look at: tempfail, accept, or default"}},
         set_domain},
        {"domain", "remove", "stop serving a domain", {domain}, remove_domain},
        {"record",
         "add",
         "add a DNS record",
         {domain,
          owner,
          type,
          {"rdata", OptionKind::Positionals, "as in a zone file"},
          {"--ttl", OptionKind::Value, "seconds; else the domain's"}},
         add_record},
        {"record",
         "remove",
         "remove a DNS record, or all of one owner and type",
         {domain, owner, type, {"rdata", OptionKind::OptionalPositional, "only this one"}},
         remove_record},
        {"record", "list", "list a domain's DNS records", {domain}, list_records},
    };
}

}  // namespace ops
