#include "ops/zone_state.h"

#include <algorithm>
#include <cstdio>

#include "dns/control/priority_report.h"
#include "dns/directory/directory_reader.h"
#include "dns/directory/zone_sources.h"
#include "dns/zone_text.h"

namespace ops {

namespace {

constexpr const char* kExchanges =
    "SELECT m.host_name, e.priority_index, m.retired_at IS NOT NULL "
    "FROM directory.mail_exchange e JOIN directory.mail_server m ON m.id = e.mail_server_id "
    "WHERE e.domain_id = $1 ORDER BY e.priority_index, m.host_name";

// The MX that is answered now: without what the steering has withdrawn or an operator retired; with
// them rather than none.
void add_exchanges(ZoneState& state, const base::Rows& rows) {
    const auto add = [&](bool withdrawn, bool retired) {
        for (const base::Row row : rows) {
            if ((withdrawn || row.int64(1) != dns::kWithdrawnPriority) &&
                (retired || !row.boolean(2))) {
                state.steered.push_back({"@",
                                         "MX",
                                         state.domain.mx_ttl,
                                         std::to_string(row.int64(1)) + " " + row.string(0) + "."});
            }
        }
        return !state.steered.empty();
    };
    (void)(add(false, false) || add(true, false) ||
           add(true, true));  // the first that is not empty
}

std::vector<const dns::DirectoryServer*> access_servers(const ZoneState& state) {
    std::vector<const dns::DirectoryServer*> all;
    std::vector<const dns::DirectoryServer*> in_service;
    for (const dns::DirectoryServer& server : state.directory.access_servers) {
        if (std::ranges::find(state.domain.access, server.id) != state.domain.access.end()) {
            all.push_back(&server);
            if (server.state == dns::ServerState::InService) {
                in_service.push_back(&server);
            }
        }
    }
    return in_service.empty() ? all : in_service;
}

// The four access names with all servers alike, where no record of an operator is.
void add_access_names(ZoneState& state, const dns::Zone& zone) {
    const auto names = dns::access_names(zone.apex);
    if (!names || !state.source.steers_access) {
        return;
    }
    const std::uint32_t ttl = state.domain.mx_ttl;
    const auto add = [&](const dns::Name& owner, const char* type, std::string data) {
        if (dns::is_free(zone, owner)) {
            state.steered.push_back(
                {dns::relative_owner(owner, zone.apex), type, ttl, std::move(data)});
        }
    };
    for (const dns::DirectoryServer* server : access_servers(state)) {
        for (const dns::Name* owner : {&names.value().imap, &names.value().pop}) {
            if (server->host.address4) {
                add(*owner, "A", server->host.address4->to_text());
            }
            if (server->host.address6) {
                add(*owner, "AAAA", server->host.address6->to_text());
            }
        }
        const auto srv = [&](const dns::Name& owner, std::uint16_t port) {
            add(owner, "SRV", "10 1 " + std::to_string(port) + " " + server->host.host_name + ".");
        };
        srv(names.value().imap_srv, server->port);
        srv(names.value().pop_srv, server->pop_port);
    }
}

}  // namespace

base::Status lock_domain(base::Tx& tx, const std::string& domain) {
    const base::Rows rows = TRY(
        tx.query("SELECT id FROM directory.domain WHERE name = $1 FOR NO KEY UPDATE", {domain}));
    if (rows.empty()) {
        return base::Error{base::Errc::NotFound, "there is no domain " + domain};
    }
    return base::Done{};
}

base::Result<ZoneState> read_zone_state(base::Tx& tx, const std::string& domain) {
    ZoneState state;
    state.directory = TRY(dns::read_domain_directory(tx, domain));
    state.domain = dns::domain_named(state.directory, domain);
    const dns::HostsByDomain hosts = dns::hosts_by_domain(state.directory);
    state.source = dns::zone_source(state.directory, hosts, state.domain);
    const auto& records = state.source.records;
    state.own.assign(records.begin(),
                     records.begin() + static_cast<std::ptrdiff_t>(state.domain.records.size()));
    dns::DirectoryDomain bare = state.domain;
    bare.records.clear();
    state.made = dns::zone_source(state.directory, hosts, bare).records;
    const base::Rows exchanges = TRY(tx.query(kExchanges, {state.domain.id}));
    add_exchanges(state, exchanges);
    if (const auto zone = dns::build_zone(state.source)) {
        add_access_names(state, zone.value());
    }
    return state;
}

base::Result<dns::Zone> effective_zone(const ZoneState& state) {
    (void)TRY(dns::build_zone(state.source));
    dns::ZoneSource source = state.source;
    source.steers_mail = false;
    source.steers_access = false;
    source.records.insert(source.records.end(), state.steered.begin(), state.steered.end());
    return dns::build_zone(source);
}

base::Status judge_zone(base::Tx& tx, const std::string& domain) {
    const dns::Directory directory = TRY(dns::read_domain_directory(tx, domain));
    const dns::HostsByDomain hosts = dns::hosts_by_domain(directory);
    (void)TRY(
        dns::build_zone(dns::zone_source(directory, hosts, dns::domain_named(directory, domain))));
    return base::Done{};
}

base::Status edit_zone(CommandContext& context,
                       const std::string& domain,
                       const std::function<base::Status(base::Tx&)>& edit) {
    base::Connection* connection = TRY(context.db());
    base::Tx tx = TRY(connection->begin());
    TRY(lock_domain(tx, domain));
    const base::Status before = judge_zone(tx, domain);
    TRY(edit(tx));
    const base::Status after = judge_zone(tx, domain);
    if (!after && before) {
        return base::Error{after.error().code,
                           "the name servers would refuse the zone: " + after.error().detail +
                               "; nothing was changed"};
    }
    (void)TRY(tx.commit());
    if (!after) {
        std::fprintf(stderr,
                     "roundtable: the name servers refuse the zone of %s, as before: %s\n",
                     domain.c_str(),
                     after.error().detail.c_str());
    }
    return base::Done{};
}

}  // namespace ops
