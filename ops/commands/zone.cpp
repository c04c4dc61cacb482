// `roundtable zone`: master files in and out, and what name servers would say to a zone.

#include <cstdio>
#include <string>
#include <vector>

#include "base/file.h"
#include "dns/directory/directory_reader.h"
#include "dns/directory/zone_sources.h"
#include "dns/limits.h"
#include "dns/zone_text.h"
#include "ops/commands/commands.h"
#include "ops/json.h"
#include "ops/output.h"
#include "ops/zone_import.h"
#include "ops/zone_state.h"

namespace ops {

namespace {

// Records written by one statement.
constexpr std::size_t kRecordsPerWrite = 50'000;

base::Result<dns::MasterFile> read_zone_file(const Arguments& arguments) {
    const std::string path = arguments.text("file");
    const std::string text = TRY(base::read_file(path, dns::kMasterFileMax));
    std::optional<dns::Name> apex;
    if (const auto domain = arguments.optional("--domain")) {
        const std::string name = TRY(checked_name(*domain));
        apex = TRY(dns::Name::from_text(name));
    }
    auto file = dns::read_master_file(text, apex);
    if (!file) {
        return base::Error{file.error().code, path + ", " + file.error().detail};
    }
    return file;
}

std::string domain_of(const dns::Name& apex) {
    return normal_name(apex.to_text());
}

base::Status remove_records(base::Tx& tx, std::int64_t domain_id, const ZoneImport& plan) {
    for (std::size_t from = 0; from < plan.removed.size(); from += kRecordsPerWrite) {
        std::vector<std::string> owners;
        std::vector<std::string> types;
        std::vector<std::string> data;
        const std::size_t to = std::min(plan.removed.size(), from + kRecordsPerWrite);
        for (std::size_t i = from; i < to; ++i) {
            owners.push_back(plan.removed[i].owner);
            types.push_back(plan.removed[i].type);
            data.push_back(plan.removed[i].data);
        }
        (void)TRY(
            tx.query("DELETE FROM directory.record r "
                     "USING unnest($2::text[], $3::text[], $4::text[]) AS x(owner, type, rdata) "
                     "WHERE r.domain_id = $1 AND r.owner = x.owner AND r.type = x.type "
                     "AND r.rdata = x.rdata",
                     {domain_id, owners, types, data}));
    }
    return base::Done{};
}

base::Status add_records(base::Tx& tx, std::int64_t domain_id, const ZoneImport& plan) {
    for (std::size_t from = 0; from < plan.added.size(); from += kRecordsPerWrite) {
        std::vector<std::string> owners;
        std::vector<std::string> types;
        std::vector<std::int64_t> ttls;
        std::vector<std::string> data;
        const std::size_t to = std::min(plan.added.size(), from + kRecordsPerWrite);
        for (std::size_t i = from; i < to; ++i) {
            owners.push_back(plan.added[i].owner);
            types.push_back(plan.added[i].type);
            ttls.push_back(plan.added[i].ttl);
            data.push_back(plan.added[i].data);
        }
        (void)TRY(
            tx.query("INSERT INTO directory.record (domain_id, owner, type, ttl, rdata) "
                     "SELECT $1, * FROM unnest($2::text[], $3::text[], $4::bigint[], $5::text[])",
                     {domain_id, owners, types, ttls, data}));
    }
    return base::Done{};
}

base::Status change_soa(base::Tx& tx, std::int64_t domain_id, const SoaChange& soa) {
    const auto number = [](const std::optional<std::uint32_t>& value) {
        return value ? base::Param(static_cast<std::int64_t>(*value)) : base::Param(nullptr);
    };
    (void)TRY(
        tx.query("UPDATE directory.domain SET "
                 "primary_name_server = coalesce($2, primary_name_server), "
                 "contact = coalesce($3, contact), refresh = coalesce($4, refresh), "
                 "retry = coalesce($5, retry), expire = coalesce($6, expire), "
                 "minimum = coalesce($7, minimum) WHERE id = $1",
                 {domain_id,
                  soa.primary,
                  soa.contact,
                  number(soa.refresh),
                  number(soa.retry),
                  number(soa.expire),
                  number(soa.minimum)}));
    return base::Done{};
}

void show_json(const ZoneImport& plan) {
    Json changes = Json::array();
    const auto add = [&changes](const char* change, const dns::RecordRow& row) {
        changes.push_back({{"change", change},
                           {"owner", row.owner},
                           {"ttl", row.ttl},
                           {"type", row.type},
                           {"rdata", row.data}});
    };
    for (const dns::RecordRow& row : plan.removed_rows) {
        add("remove", row);
    }
    for (const dns::RecordRow& row : plan.added) {
        add("add", row);
    }
    const Json all = {{"changes", changes}, {"soa", plan.soa_lines}, {"notes", plan.notes}};
    std::printf("%s\n", all.dump(2).c_str());
}

void show(const CommandContext& context, const ZoneImport& plan) {
    if (context.output == Output::Json) {
        show_json(plan);
        return;
    }
    for (const std::string& line : plan.soa_lines) {
        std::printf("~ %s\n", line.c_str());
    }
    for (const dns::RecordRow& row : plan.removed_rows) {
        std::printf("- %s\n", dns::record_line(row).c_str());
    }
    for (const dns::RecordRow& row : plan.added) {
        std::printf("+ %s\n", dns::record_line(row).c_str());
    }
    for (const std::string& note : plan.notes) {
        std::printf("; %s\n", note.c_str());
    }
}

enum class Outcome : std::uint8_t { Kept, RolledBack };

// One transaction: the plan, shown; the change; what name servers would say to it. Rolled back when
// they would refuse the zone, or when it is only to be known.
base::Status try_file(CommandContext& context, const dns::MasterFile& file, Outcome outcome) {
    const std::string domain = domain_of(file.apex);
    base::Connection* connection = TRY(context.db());
    base::Tx tx = TRY(connection->begin());
    TRY(lock_domain(tx, domain));
    const ZoneState state = TRY(read_zone_state(tx, domain));
    const ZoneImport plan = TRY(plan_import(file, state));
    show(context, plan);
    TRY(remove_records(tx, state.domain.id, plan));
    TRY(add_records(tx, state.domain.id, plan));
    if (!plan.soa.empty()) {
        TRY(change_soa(tx, state.domain.id, plan.soa));
    }
    const base::Status judged = judge_zone(tx, domain);
    if (!judged) {
        return base::Error{judged.error().code,
                           "the name servers would refuse the zone: " + judged.error().detail +
                               "; nothing was changed"};
    }
    if (outcome == Outcome::RolledBack) {
        return base::Done{};
    }
    if (plan.empty()) {
        say(context, "nothing to change: " + domain + " is as the file says");
        return base::Done{};
    }
    (void)TRY(tx.commit());
    say(context,
        "imported " + domain + ": " + std::to_string(plan.added.size()) + " records added, " +
            std::to_string(plan.removed.size()) + " removed");
    return base::Done{};
}

base::Status import_zone(CommandContext& context, const Arguments& arguments) {
    const dns::MasterFile file = TRY(read_zone_file(arguments));
    if (arguments.has("--yes")) {
        return try_file(context, file, Outcome::Kept);
    }
    TRY(try_file(context, file, Outcome::RolledBack));
    return base::Error{base::Errc::Refused,
                       "nothing was changed; with --yes the zone becomes what the file says"};
}

base::Status diff_zone(CommandContext& context, const Arguments& arguments) {
    return try_file(context, TRY(read_zone_file(arguments)), Outcome::RolledBack);
}

base::Status check_file(CommandContext& context, const Arguments& arguments) {
    const dns::MasterFile file = TRY(read_zone_file(arguments));
    dns::ZoneSource source;
    source.name = domain_of(file.apex);
    source.records = file.records;
    std::erase_if(source.records, [](const dns::RecordRow& row) {
        return row.type == "RRSIG" || row.type.starts_with("NSEC");
    });
    source.soa.primary = source.name;
    source.soa.contact = "hostmaster@" + source.name;
    if (file.soa) {
        source.soa = file.soa->fields;
    }
    const auto zone = dns::build_zone(source);
    if (!zone) {
        return base::Error{zone.error().code, arguments.text("file") + ": " + zone.error().detail};
    }
    say(context,
        source.name + ": " + std::to_string(file.records.size()) +
            " records, good as they stand; `roundtable zone diff` says what importing them "
            "would change");
    return base::Done{};
}

// All domains, or one.
base::Status check_directory(CommandContext& context, const std::optional<std::string>& only) {
    base::Connection* connection = TRY(context.db());
    if (only) {
        base::Tx tx = TRY(connection->begin());
        const base::Status judged = judge_zone(tx, *only);
        if (judged) {
            say(context, *only + " is served as it is written");
        }
        return judged;
    }
    const dns::Directory directory = TRY(dns::read_directory(*connection, dns::SecretsWanted::No));
    const dns::HostsByDomain hosts = dns::hosts_by_domain(directory);
    std::size_t refused = 0;
    for (const dns::DirectoryDomain& domain : directory.domains) {
        const auto zone = dns::build_zone(dns::zone_source(directory, hosts, domain));
        if (!zone) {
            std::printf("%s: %s\n", domain.name.c_str(), zone.error().detail.c_str());
            ++refused;
        }
    }
    if (refused != 0) {
        return base::Error{base::Errc::Invalid,
                           std::to_string(refused) + " of " +
                               std::to_string(directory.domains.size()) +
                               " domains are refused by the name servers, which go on with the "
                               "zones that they had; see `roundtable zone problems`"};
    }
    say(context, std::to_string(directory.domains.size()) + " domains are served as written");
    return base::Done{};
}

base::Status check_zone(CommandContext& context, const Arguments& arguments) {
    if (arguments.has("file")) {
        return check_file(context, arguments);
    }
    std::optional<std::string> domain = arguments.optional("--domain");
    if (domain) {
        domain = normal_name(*domain);
    }
    return check_directory(context, domain);
}

base::Status export_zone(CommandContext& context, const Arguments& arguments) {
    const std::string domain = normal_name(arguments.text("domain"));
    base::Connection* connection = TRY(context.db());
    base::Tx tx = TRY(connection->begin());
    const ZoneState state = TRY(read_zone_state(tx, domain));
    const dns::Zone zone = TRY(effective_zone(state));
    const std::string text = TRY(dns::write_master_file(zone, state.domain.serial));
    if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size()) {
        return base::Error{base::Errc::Io, "the zone could not be written to standard output"};
    }
    return base::Done{};
}

base::Status list_problems(CommandContext& context, const Arguments&) {
    return print_rows(context,
                      "SELECT domain, name_server, CASE WHEN serves_old THEN 'the zone of before' "
                      "ELSE 'nothing' END AS serves, since::timestamptz(0) AS since, reason "
                      "FROM directory.zone_problem ORDER BY domain, name_server",
                      {},
                      "the name servers serve every domain as it is written");
}

}  // namespace

std::vector<Command> zone_commands() {
    const OptionSpec file{"file", OptionKind::Positional, "a master file (RFC 1035)"};
    const OptionSpec domain{
        "--domain", OptionKind::Value, "of which zone; else the SOA of the file says it"};
    return {
        {"zone",
         "import",
         "make a domain's records what a master file says",
         {file, domain, {"--yes", OptionKind::Flag, "really; else the changes are only shown"}},
         import_zone},
        {"zone", "diff", "what an import would change", {file, domain}, diff_zone},
        {"zone",
         "export",
         "a domain's zone as a master file",
         {{"domain", OptionKind::Positional, "a mail domain"}},
         export_zone},
        {"zone",
         "check",
         "whether a file, or the domains as they are, can be served",
         {domain, {"file", OptionKind::OptionalPositional, "a master file; else the directory"}},
         check_zone},
        {"zone", "problems", "what name servers refuse to serve now, and why", {}, list_problems},
    };
}

}  // namespace ops
