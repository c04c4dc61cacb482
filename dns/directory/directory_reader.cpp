#include "dns/directory/directory_reader.h"

#include <algorithm>
#include <map>

#include "base/check.h"
#include "dns/directory/probe_reader.h"
#include "dns/directory/transfer_reader.h"
#include "dns/dnssec/key_store.h"

namespace dns {
namespace {

constexpr std::string_view kSnapshot = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY";

// Addresses are not read here (account_reader.h), and their changes are no news.
constexpr base::Statement kVersion{"dns_version",
                                   "SELECT version - account_changes FROM directory.version"};

constexpr base::Statement kCluster{"dns_cluster",
                                   "SELECT steering_key, mail_policy, mail_form, access_policy, "
                                   "access_form FROM directory.cluster"};

constexpr base::Statement kMailServers{
    "dns_mail_servers",
    "SELECT id, name, host_name, host(address), host(address6), smtp_port, 0, load_port, capacity, "
    "retired_at IS NOT NULL FROM directory.mail_server ORDER BY id"};

constexpr base::Statement kAccessServers{
    "dns_access_servers",
    "SELECT id, name, host_name, host(address), host(address6), imap_port, pop3_port, load_port, "
    "capacity, retired_at IS NOT NULL FROM directory.access_server ORDER BY id"};

constexpr base::Statement kNameServers{
    "dns_name_servers", "SELECT host_name, host(address) FROM directory.name_server ORDER BY id"};

// The last column: what is known up to $1 is a part of this database's history, and what came after
// it is still there.
constexpr base::Statement kZoneFeed{
    "dns_zone_feed",
    "SELECT f.number, f.mark::text, "
    "EXISTS (SELECT FROM directory.zone_change c WHERE c.number = $1 AND c.mark = $2::uuid) "
    "FROM directory.zone_feed f"};

constexpr base::Statement kZoneChanges{
    "dns_zone_changes",
    "SELECT DISTINCT domain_id FROM directory.zone_change WHERE number > $1 ORDER BY domain_id"};

constexpr base::Statement kDomains{
    "dns_domains",
    "SELECT id, name, primary_name_server, contact, refresh, retry, expire, minimum, ttl, mx_ttl, "
    "policy, serial, policy_form FROM directory.domain ORDER BY name COLLATE \"C\""};

constexpr base::Statement kRecords{
    "dns_records",
    "SELECT domain_id, owner, type, ttl, rdata FROM directory.record ORDER BY domain_id, id"};

constexpr base::Statement kMailExchanges{
    "dns_mail_exchanges",
    "SELECT domain_id, mail_server_id, preference FROM directory.mail_exchange "
    "ORDER BY domain_id, mail_server_id"};

constexpr base::Statement kAccessExchanges{
    "dns_access_exchanges",
    "SELECT domain_id, access_server_id FROM directory.access_exchange "
    "ORDER BY domain_id, access_server_id"};

// The same of some domains.
constexpr base::Statement kSomeDomains{
    "dns_some_domains",
    "SELECT id, name, primary_name_server, contact, refresh, retry, expire, minimum, ttl, mx_ttl, "
    "policy, serial, policy_form FROM directory.domain WHERE id = ANY ($1::bigint[]) "
    "ORDER BY name COLLATE \"C\""};

constexpr base::Statement kRecordsOfSome{
    "dns_records_of_some",
    "SELECT domain_id, owner, type, ttl, rdata FROM directory.record "
    "WHERE domain_id = ANY ($1::bigint[]) ORDER BY domain_id, id"};

constexpr base::Statement kMailExchangesOfSome{
    "dns_mail_exchanges_of_some",
    "SELECT domain_id, mail_server_id, preference FROM directory.mail_exchange "
    "WHERE domain_id = ANY ($1::bigint[]) ORDER BY domain_id, mail_server_id"};

constexpr base::Statement kAccessExchangesOfSome{
    "dns_access_exchanges_of_some",
    "SELECT domain_id, access_server_id FROM directory.access_exchange "
    "WHERE domain_id = ANY ($1::bigint[]) ORDER BY domain_id, access_server_id"};

// One domain, and the names of those below it.
constexpr base::Statement kOneDomain{
    "dns_one_domain",
    "SELECT id, name, primary_name_server, contact, refresh, retry, expire, minimum, ttl, mx_ttl, "
    "policy, serial, policy_form FROM directory.domain "
    "WHERE name = $1 OR right(name, length($1) + 1) = '.' || $1 ORDER BY name COLLATE \"C\""};

constexpr base::Statement kOverrides{
    "dns_overrides",
    "SELECT o.id, o.pool, o.action, d.name, "
    "CASE o.pool WHEN 'mail' THEN m.id ELSE a.id END, o.server, o.value, o.author, o.reason, "
    "(extract(epoch FROM o.created_at) * 1000000)::bigint, "
    "(extract(epoch FROM o.expires_at) * 1000000)::bigint, o.pattern "
    "FROM directory.mx_override o "
    "LEFT JOIN directory.domain d ON d.id = o.domain_id "
    "LEFT JOIN directory.mail_server m ON m.name = o.server "
    "LEFT JOIN directory.access_server a ON a.name = o.server "
    "WHERE o.removed_at IS NULL AND (o.expires_at IS NULL OR o.expires_at > now()) ORDER BY o.id"};

base::Error malformed(std::string what) {
    return {base::Errc::Invalid, "directory: " + std::move(what)};
}

base::Result<std::optional<base::IpAddress>> address_of(const base::Row& row, int column) {
    if (row.is_null(column)) {
        return std::optional<base::IpAddress>();
    }
    return std::optional(TRY(base::IpAddress::parse(row.text(column))));
}

base::Result<std::vector<DirectoryServer>> read_servers(base::Tx& tx,
                                                        const base::Statement& statement) {
    const base::Rows rows = TRY(tx.query(statement));
    std::vector<DirectoryServer> servers;
    for (const base::Row row : rows) {
        DirectoryServer server;
        server.id.value = static_cast<std::uint64_t>(row.int64(0));
        server.name = row.string(1);
        server.host.host_name = row.string(2);
        server.host.address4 = TRY(address_of(row, 3));
        server.host.address6 = TRY(address_of(row, 4));
        server.port = static_cast<std::uint16_t>(row.int64(5));
        server.pop_port = static_cast<std::uint16_t>(row.int64(6));
        server.load_port = static_cast<std::uint16_t>(row.int64(7));
        server.capacity = row.real(8);
        server.state = row.boolean(9) ? ServerState::Retired : ServerState::InService;
        servers.push_back(std::move(server));
    }
    return servers;
}

base::Result<std::vector<HostAddresses>> read_name_servers(base::Tx& tx) {
    const base::Rows rows = TRY(tx.query(kNameServers));
    std::vector<HostAddresses> hosts;
    for (const base::Row row : rows) {
        HostAddresses host;
        host.host_name = row.string(0);
        const base::IpAddress address = TRY(base::IpAddress::parse(row.text(1)));
        (address.family() == base::IpFamily::V4 ? host.address4 : host.address6) = address;
        hosts.push_back(std::move(host));
    }
    return hosts;
}

steering::PolicyForm form_of(std::string_view word) {
    return word == "strict" ? steering::PolicyForm::Strict : steering::PolicyForm::Paired;
}

base::Result<DirectoryDomain> domain_of(const base::Row& row) {
    DirectoryDomain domain;
    domain.id = row.int64(0);
    domain.name = row.string(1);
    domain.primary_name_server = row.optional_string(2);
    domain.contact = row.optional_string(3);
    int column = 4;
    for (std::uint32_t* number : {&domain.refresh,
                                  &domain.retry,
                                  &domain.expire,
                                  &domain.minimum,
                                  &domain.ttl,
                                  &domain.mx_ttl}) {
        *number = static_cast<std::uint32_t>(row.int64(column++));
    }
    domain.policy = steering::parse_policy(row.text(10));
    if (!domain.policy && row.text(10) != "pool") {
        return malformed("policy of domain " + domain.name);
    }
    domain.serial = static_cast<std::uint32_t>(row.int64(11));
    if (!row.is_null(12)) {
        domain.form = form_of(row.text(12));
    }
    return domain;
}

using DomainsById = std::map<std::int64_t, DirectoryDomain*>;

void take_domain_rows(const base::Rows& records,
                      const base::Rows& mail,
                      const base::Rows& access,
                      const DomainsById& domains) {
    for (const base::Row row : records) {
        DirectoryRecord record{row.string(1), row.string(2), std::nullopt, row.string(4)};
        if (!row.is_null(3)) {
            record.ttl = static_cast<std::uint32_t>(row.int64(3));
        }
        domains.at(row.int64(0))->records.push_back(std::move(record));
    }
    for (const base::Row row : mail) {
        domains.at(row.int64(0))
            ->mail.push_back({{static_cast<std::uint64_t>(row.int64(1))},
                              static_cast<std::uint16_t>(row.int64(2))});
    }
    for (const base::Row row : access) {
        domains.at(row.int64(0))->access.push_back({static_cast<std::uint64_t>(row.int64(1))});
    }
    SharedExchanges shared;
    for (const auto& [id, domain] : domains) {
        domain->records.shrink_to_fit();
        shared.share(*domain);
    }
}

using Domains = base::SharedList<DirectoryDomain>;

base::Result<Domains> read_domains(base::Tx& tx) {
    const base::Rows rows = TRY(tx.query(kDomains));
    Domains domains;
    domains.reserve(rows.size());
    DomainsById by_id;
    for (const base::Row row : rows) {
        domains.push_back(TRY(domain_of(row)));
        by_id[domains.back().id] = &domains.back();
    }
    const base::Rows records = TRY(tx.query(kRecords));
    const base::Rows mail = TRY(tx.query(kMailExchanges));
    const base::Rows access = TRY(tx.query(kAccessExchanges));
    take_domain_rows(records, mail, access, by_id);
    return domains;
}

base::Status read_rows_of(base::Tx& tx,
                          const std::vector<std::int64_t>& ids,
                          const DomainsById& domains) {
    const base::Rows records = TRY(tx.query(kRecordsOfSome, {ids}));
    const base::Rows mail = TRY(tx.query(kMailExchangesOfSome, {ids}));
    const base::Rows access = TRY(tx.query(kAccessExchangesOfSome, {ids}));
    take_domain_rows(records, mail, access, domains);
    return base::Done{};
}

// The domains of before, but for those that the feed names. Those that are the same are shared.
base::Result<Domains> read_changed_domains(base::Tx& tx, const Directory& known) {
    const base::Rows changes = TRY(tx.query(kZoneChanges, {known.zone_feed.number}));
    std::vector<std::int64_t> ids;  // ascending
    for (const base::Row row : changes) {
        ids.push_back(row.int64(0));
    }
    if (ids.empty()) {
        return known.domains;
    }
    const base::Rows rows = TRY(tx.query(kSomeDomains, {ids}));
    std::vector<DirectoryDomain> changed;
    changed.reserve(rows.size());
    DomainsById by_id;
    for (const base::Row row : rows) {
        changed.push_back(TRY(domain_of(row)));
        by_id[changed.back().id] = &changed.back();
    }
    TRY(read_rows_of(tx, ids, by_id));
    Domains domains;
    domains.reserve(known.domains.size() + changed.size());
    auto next = changed.begin();
    for (std::size_t i = 0; i < known.domains.size(); ++i) {
        const DirectoryDomain& before = known.domains[i];
        for (; next != changed.end() && next->name < before.name; ++next) {
            domains.push_back(std::move(*next));
        }
        const bool again = next != changed.end() && next->name == before.name;
        if (again && *next == before) {
            ++next;  // changed, and changed back
        } else if (again || std::ranges::binary_search(ids, before.id)) {
            continue;
        }
        domains.push_back(known.domains.share(i));
    }
    for (; next != changed.end(); ++next) {
        domains.push_back(std::move(*next));
    }
    return domains;
}

// nullptr: what is known is not to be built upon.
base::Result<Domains> read_domains_after(base::Tx& tx,
                                         const Directory* known,
                                         ZoneFeedPosition& position) {
    const ZoneFeedPosition before = known == nullptr ? ZoneFeedPosition{} : known->zone_feed;
    const base::Rows rows = TRY(tx.query(kZoneFeed, {before.number, before.mark}));
    if (rows.size() != 1) {
        return malformed("zone_feed");
    }
    position = {rows[0].int64(0), rows[0].string(1)};
    return rows[0].boolean(2) ? read_changed_domains(tx, *known) : read_domains(tx);
}

std::optional<steering::OverrideKind> kind_of(std::string_view action) {
    using steering::OverrideKind;
    static constexpr std::pair<std::string_view, OverrideKind> kActions[] = {
        {"pin", OverrideKind::Pin},
        {"weight", OverrideKind::Weight},
        {"drain", OverrideKind::Drain},
        {"down", OverrideKind::Down},
        {"up", OverrideKind::Up},
        {"trim_off", OverrideKind::TrimOff},
        {"freeze", OverrideKind::Freeze},
    };
    for (const auto& [name, kind] : kActions) {
        if (name == action) {
            return kind;
        }
    }
    return std::nullopt;
}

base::Result<std::vector<DirectoryOverride>> read_overrides(base::Tx& tx) {
    const base::Rows rows = TRY(tx.query(kOverrides));
    std::vector<DirectoryOverride> overrides;
    for (const base::Row row : rows) {
        if (row.is_null(4) && !row.is_null(5)) {
            continue;  // its server was removed
        }
        DirectoryOverride override_;
        override_.pool = row.text(1) == "mail" ? PoolName::Mail : PoolName::Access;
        steering::Override& entry = override_.entry;
        entry.id = static_cast<std::uint64_t>(row.int64(0));
        const auto kind = kind_of(row.text(2));
        if (!kind) {
            return malformed("action of override " + std::to_string(entry.id));
        }
        entry.kind = *kind;
        entry.scope.pool = row.string(1);
        entry.scope.zone = row.optional_string(3);
        if (!row.is_null(4)) {
            entry.scope.server = steering::ServerId{static_cast<std::uint64_t>(row.int64(4))};
        }
        entry.value = row.is_null(6) ? 0 : row.real(6);
        entry.author = row.string(7);
        entry.reason = row.string(8);
        entry.created_us = row.int64(9);
        entry.expires_us = row.optional_int64(10);
        override_.pattern = row.optional_string(11).value_or("");
        overrides.push_back(std::move(override_));
    }
    return overrides;
}

}  // namespace

base::Result<std::int64_t> read_directory_version(base::Connection& connection) {
    const base::Rows rows = TRY(connection.query(kVersion));
    if (rows.size() != 1) {
        return malformed("version");
    }
    return rows[0].int64(0);
}

base::Result<Directory> read_directory(base::Connection& connection,
                                       SecretsWanted secrets,
                                       const Directory* known) {
    base::Tx tx = TRY(connection.begin());
    TRY(tx.query(kSnapshot));
    Directory directory;
    const base::Rows version = TRY(tx.query(kVersion));
    const base::Rows cluster = TRY(tx.query(kCluster));
    if (version.size() != 1 || cluster.size() != 1) {
        return malformed("version or cluster");
    }
    directory.version = version[0].int64(0);
    const base::Bytes key = cluster[0].bytes(0);
    if (key.size() != directory.steering_key.size()) {
        return malformed("steering key");
    }
    std::ranges::copy(key, directory.steering_key.begin());
    for (int pool = 0; pool < 2; ++pool) {
        const auto policy = steering::parse_policy(cluster[0].text(1 + 2 * pool));
        if (!policy) {
            return malformed("policy of a pool");
        }
        directory.pools.at(static_cast<std::size_t>(pool)) = {
            *policy, form_of(cluster[0].text(2 + 2 * pool))};
    }
    directory.mail_servers = TRY(read_servers(tx, kMailServers));
    directory.access_servers = TRY(read_servers(tx, kAccessServers));
    directory.name_servers = TRY(read_name_servers(tx));
    directory.domains = TRY(read_domains_after(tx, known, directory.zone_feed));
    directory.overrides = TRY(read_overrides(tx));
    directory.signing = TRY(dnssec::read_all_keys(tx));
    directory.probes = TRY(read_probes(tx));
    if (secrets == SecretsWanted::Yes) {
        directory.transfer = TRY(read_transfer_config(tx));
        directory.secrets = std::make_shared<const dnssec::Secrets>(TRY(dnssec::read_secrets(tx)));
    }
    TRY(tx.commit());
    return directory;
}

base::Result<Directory> read_domain_directory(base::Tx& tx, const std::string& domain) {
    Directory directory;
    directory.mail_servers = TRY(read_servers(tx, kMailServers));
    directory.access_servers = TRY(read_servers(tx, kAccessServers));
    directory.name_servers = TRY(read_name_servers(tx));
    const base::Rows rows = TRY(tx.query(kOneDomain, {domain}));
    DirectoryDomain* wanted = nullptr;
    directory.domains.reserve(rows.size());
    for (const base::Row row : rows) {
        directory.domains.push_back(TRY(domain_of(row)));
        if (directory.domains.back().name == domain) {
            wanted = &directory.domains.back();
        }
    }
    if (wanted == nullptr) {
        return base::Error{base::Errc::NotFound, "there is no domain " + domain};
    }
    TRY(read_rows_of(tx, {wanted->id}, {{wanted->id, wanted}}));
    return directory;
}

const DirectoryDomain& domain_named(const Directory& directory, const std::string& domain) {
    const auto found = std::ranges::find(directory.domains, domain, &DirectoryDomain::name);
    CHECK(found != directory.domains.end());
    return *found;
}

}  // namespace dns
