#include <string>
#include <vector>

#include "dns/ldns_door.h"
#include "dns/name.h"
#include "dns/zone_text.h"
#include "ops/commands/commands.h"
#include "ops/output.h"

namespace ops {

namespace {

constexpr const char* kAcmeLifetime = "1 hour";
constexpr std::int64_t kDayS = 86'400;

// What is granted, as it goes into the table.
struct GrantRow {
    std::string match = "exact";
    std::string owner = "@";
    std::vector<std::string> types;
    base::Param lifetime = base::Param(nullptr);
};

// "www", "www.example.org" or "@" as the directory keeps it.
base::Result<std::string> owner_of(const std::string& text, const std::string& domain) {
    const dns::Name apex = TRY(dns::Name::from_text(domain));
    const auto absolute = dns::Name::from_text(text);
    const dns::Name name = text != "@" && absolute && absolute.value().is_within(apex)
                               ? absolute.value()
                               : TRY(dns::Name::from_text(text, apex));
    if (!name.is_within(apex)) {
        return base::Error{base::Errc::Invalid, text + " is not in " + domain};
    }
    return dns::relative_owner(name, apex);
}

base::Result<std::string> lifetime_of(const std::string& text) {
    const auto seconds = dns::parse_ttl(text);
    if (!seconds || seconds.value() < 60 || seconds.value() > 400 * kDayS) {
        return base::Error{base::Errc::Invalid,
                           "--lifetime takes a time of 1m to 400d, such as 1h, not " + text};
    }
    return std::to_string(seconds.value()) + " seconds";
}

base::Result<GrantRow> grant_of(const Arguments& arguments, const std::string& domain) {
    GrantRow grant;
    if (arguments.has("--acme") && arguments.has("--below")) {
        return base::Error{base::Errc::Invalid, "give --acme or --below, not both"};
    }
    if (arguments.has("--acme")) {
        grant.match = "acme";
        grant.types = {"TXT"};
        grant.lifetime = base::Param(kAcmeLifetime);
    } else if (arguments.has("--below")) {
        grant.match = "subtree";
    } else if (!arguments.has("--name")) {
        return base::Error{base::Errc::Invalid,
                           "say what may be changed: --name NAME, --name NAME --below, or --acme"};
    }
    if (const auto name = arguments.optional("--name")) {
        grant.owner = TRY(owner_of(normal_name(*name), domain));
    }
    if (arguments.has("--type")) {
        grant.types.clear();
    }
    for (const std::string& text : arguments.list("--type")) {
        grant.types.push_back(dns::record_type_name(TRY(dns::record_type(text))));
    }
    if (const auto text = arguments.optional("--lifetime")) {
        grant.lifetime =
            *text == "forever" ? base::Param(nullptr) : base::Param(TRY(lifetime_of(*text)));
    }
    return grant;
}

base::Status allow(CommandContext& context, const Arguments& arguments) {
    const std::string key = normal_name(arguments.text("key"));
    const std::string domain = normal_name(arguments.text("domain"));
    const GrantRow grant = TRY(grant_of(arguments, domain));
    base::Connection* connection = TRY(context.db());
    base::Tx tx = TRY(connection->begin());
    const base::Rows keys =
        TRY(tx.query("SELECT id FROM directory.transfer_key WHERE name = $1", {key}));
    if (keys.empty()) {
        return base::Error{base::Errc::NotFound,
                           "there is no key " + key + "; `roundtable transfer key add` makes one"};
    }
    const base::Rows domains =
        TRY(tx.query("SELECT id FROM directory.domain WHERE name = $1", {domain}));
    if (domains.empty()) {
        return base::Error{base::Errc::NotFound, "there is no domain " + domain};
    }
    const base::Rows made = TRY(tx.query(
        "INSERT INTO directory.update_grant "
        "(key_id, domain_id, match, owner, types, lifetime, author) "
        "VALUES ($1, $2, $3, $4, $5, $6::text::interval, $7) "
        "ON CONFLICT (key_id, domain_id, match, owner) DO UPDATE SET types = excluded.types, "
        "lifetime = excluded.lifetime, author = excluded.author, created_at = now() RETURNING id",
        {keys[0].int64(0),
         domains[0].int64(0),
         grant.match,
         grant.owner,
         grant.types,
         grant.lifetime,
         current_author()}));
    (void)TRY(tx.commit());
    say(context, "granted as " + std::to_string(made[0].int64(0)));
    return base::Done{};
}

base::Status list_grants(CommandContext& context, const Arguments&) {
    return print_rows(context,
                      "SELECT g.id, k.name AS key, d.name AS domain, g.match, g.owner, "
                      "CASE cardinality(g.types) WHEN 0 THEN 'all' "
                      "ELSE array_to_string(g.types, ' ') END AS types, "
                      "coalesce(g.lifetime::text, 'forever') AS lifetime, g.author, g.created_at "
                      "FROM directory.update_grant g "
                      "JOIN directory.transfer_key k ON k.id = g.key_id "
                      "JOIN directory.domain d ON d.id = g.domain_id ORDER BY d.name, k.name, g.id",
                      {},
                      "nobody may update zones");
}

base::Status revoke(CommandContext& context, const Arguments& arguments) {
    const std::string id = arguments.text("id");
    (void)TRY(change_one(context,
                         "DELETE FROM directory.update_grant WHERE id::text = $1",
                         {id},
                         "there is no grant " + id + "; `roundtable update list` shows them"));
    say(context, "revoked " + id);
    return base::Done{};
}

base::Status show_history(CommandContext& context, const Arguments& arguments) {
    const std::string domain = normal_name(arguments.optional("--domain").value_or(""));
    return print_rows(
        context,
        "SELECT u.at, u.domain, coalesce(u.key_name, '(expired)') AS key, host(u.client) AS "
        "client, "
        "u.name_server, (SELECT string_agg(c, '; ') FROM (SELECT '-' || r AS c "
        "FROM unnest(u.removed) r UNION ALL SELECT '+' || a FROM unnest(u.added) a) x) AS changes "
        "FROM directory.zone_update u WHERE ($1 = '' OR u.domain = $1) "
        "AND cardinality(u.removed || u.added) > 0 ORDER BY u.id DESC LIMIT 1000",
        {domain},
        "no updates");
}

}  // namespace

std::vector<Command> update_commands() {
    const OptionSpec key{"key", OptionKind::Positional, "name of a key (`transfer key add`)"};
    const OptionSpec domain{"domain", OptionKind::Positional, "the zone"};
    return {
        {"update",
         "allow",
         "let a key change records by dynamic updates (RFC 2136)",
         {key,
          domain,
          {"--name", OptionKind::Value, "the name whose records it may change"},
          {"--below", OptionKind::Flag, "and those of all names below it (without --name: all)"},
          {"--acme", OptionKind::Flag, "TXT of _acme-challenge at or below the name, for an hour"},
          {"--type", OptionKind::Values, "only records of these types"},
          {"--lifetime", OptionKind::Value, "what it adds goes after so long (1h, 2d); forever"}},
         allow},
        {"update", "list", "list who may update what", {}, list_grants},
        {"update",
         "revoke",
         "take a right to update",
         {{"id", OptionKind::Positional, "its number in the list"}},
         revoke},
        {"update",
         "history",
         "show updates that were made, the last first",
         {{"--domain", OptionKind::Value, "only of this zone"}},
         show_history},
    };
}

}  // namespace ops
