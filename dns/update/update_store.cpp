#include "dns/update/update_store.h"

#include <algorithm>
#include <set>
#include <utility>

#include "dns/directory/directory_reader.h"
#include "dns/directory/zone_sources.h"
#include "dns/ldns_door.h"
#include "dns/update/update_rights.h"
#include "dns/update/zone_update.h"

namespace dns::update {
namespace {

// Edits of one zone come one after another, those by command too.
constexpr base::Statement kLock{
    "dns_update_lock", "SELECT id, serial FROM directory.domain WHERE name = $1 FOR NO KEY UPDATE"};

constexpr base::Statement kMade{
    "dns_update_made",
    "SELECT version FROM directory.zone_update WHERE key_name = $1 AND request = $2"};

constexpr base::Statement kGrants{"dns_update_grants",
                                  "SELECT g.match, g.owner, g.types FROM directory.update_grant g "
                                  "JOIN directory.transfer_key k ON k.id = g.key_id "
                                  "WHERE k.name = $1 AND g.domain_id = $2 ORDER BY g.id"};

// In the order of directory_reader's records.
constexpr base::Statement kExpires{
    "dns_update_expires",
    "SELECT expires_at IS NOT NULL FROM directory.record WHERE domain_id = $1 ORDER BY id"};

constexpr base::Statement kMail{
    "dns_update_mail",
    "SELECT mta_sts_host IS NOT NULL, tls_reports IS NOT NULL, autoconfig IS NOT NULL, "
    "autodiscover IS NOT NULL, tlsa IS NOT NULL, caa IS NOT NULL, "
    "array_remove(ARRAY[CASE WHEN submission IS NOT NULL THEN 'submission' END, "
    "CASE WHEN submissions IS NOT NULL THEN 'submissions' END, "
    "CASE WHEN imaps IS NOT NULL THEN 'imaps' END, "
    "CASE WHEN pop3s IS NOT NULL THEN 'pop3s' END], NULL), "
    "ARRAY(SELECT k.selector FROM directory.dkim_key k "
    "WHERE k.domain_id = m.domain_id AND k.state <> 'removed') "
    "FROM directory.mail_records m WHERE m.domain_id = $1"};

constexpr base::Statement kUpdate{
    "dns_update_domain",
    "SELECT directory.update_domain($1, $2, $3::inet, $4, $5, $6, $7, $8, $9, $10, $11::integer[], "
    "$12, $13, $14::integer[], $15)"};

constexpr base::Statement kExpire{"dns_update_expire", "SELECT directory.expire_records($1)"};

UpdateResult refused(Rcode rcode, std::string reason) {
    UpdateResult result;
    result.rcode = rcode;
    result.reason = std::move(reason);
    return result;
}

base::Result<std::vector<Grant>> read_grants(base::Tx& tx,
                                             const std::string& key,
                                             std::int64_t domain_id,
                                             const Name& apex) {
    const base::Rows rows = TRY(tx.query(kGrants, {key, domain_id}));
    std::vector<Grant> grants;
    for (const base::Row row : rows) {
        Grant grant;
        grant.match = TRY(parse_grant_match(row.text(0)));
        grant.name = TRY(Name::from_text(row.text(1), apex));
        for (const std::string& type : row.string_array(2)) {
            grant.types.push_back(TRY(record_type(type)));
        }
        grants.push_back(std::move(grant));
    }
    return grants;
}

base::Result<MailKeeping> read_mail(base::Tx& tx, std::int64_t domain_id) {
    const base::Rows rows = TRY(tx.query(kMail, {domain_id}));
    MailKeeping mail;
    for (const base::Row row : rows) {
        mail.applied = true;
        mail.mta_sts = row.boolean(0);
        mail.tls_reports = row.boolean(1);
        mail.autoconfig = row.boolean(2);
        mail.autodiscover = row.boolean(3);
        mail.tlsa = row.boolean(4);
        mail.caa = row.boolean(5);
        mail.services = row.string_array(6);
        mail.selectors = row.string_array(7);
    }
    return mail;
}

// What was read of a zone while it is locked.
struct LockedZone {
    std::int64_t id = 0;
    Directory directory;
    UpdatedZone zone;
};

base::Result<LockedZone> read_zone(base::Tx& tx,
                                   std::int64_t id,
                                   std::uint32_t serial,
                                   const std::string& name) {
    LockedZone locked;
    locked.id = id;
    locked.directory = TRY(read_domain_directory(tx, name));
    const DirectoryDomain& domain = domain_named(locked.directory, name);
    locked.zone.source = zone_source(locked.directory, hosts_by_domain(locked.directory), domain);
    locked.zone.own = domain.records.size();
    locked.zone.serial = serial;
    const base::Rows rows = TRY(tx.query(kExpires, {id}));
    for (const base::Row row : rows) {
        locked.zone.expires.push_back(row.boolean(0));
    }
    if (locked.zone.expires.size() != locked.zone.own) {
        return base::Error{base::Errc::Busy, "the records of " + name + " were changed meanwhile"};
    }
    return locked;
}

// Zones of ours below this one.
base::Result<std::set<Name>> zones_below(const Directory& directory, const Name& apex) {
    std::set<Name> below;
    for (const DirectoryDomain& domain : directory.domains) {
        Name name = TRY(Name::from_text(domain.name));
        if (name != apex) {
            below.insert(std::move(name));
        }
    }
    return below;
}

// Such a zone answers for its names itself: only its delegation is here.
bool in_zone_below(const std::set<Name>& below, const Name& apex, const UpdateRecord& record) {
    const bool delegation = record.type == static_cast<std::uint16_t>(RrType::Ns) ||
                            record.type == static_cast<std::uint16_t>(RrType::Ds);
    for (Name name = record.owner; name != apex && name.is_within(apex); name = name.parent()) {
        if (below.contains(name) && !(delegation && name == record.owner)) {
            return true;
        }
    }
    return false;
}

// Whether the name servers would serve the zone with the changes.
base::Status judge(LockedZone& locked, const std::string& name, const UpdateChanges& changes) {
    auto& domains = locked.directory.domains;
    const auto found = std::ranges::find(std::as_const(domains), name, &DirectoryDomain::name);
    DirectoryDomain& domain =
        domains[static_cast<std::size_t>(found - std::as_const(domains).begin())];
    domain.records = changed_records(domain.records.copy(), changes);
    (void)TRY(build_zone(zone_source(locked.directory, hosts_by_domain(locked.directory), domain)));
    return base::Done{};
}

base::Result<std::int64_t> write(base::Tx& tx,
                                 const UpdateJob& job,
                                 std::int64_t domain_id,
                                 const UpdateChanges& changes) {
    std::vector<std::string> removed_owner, removed_type, removed_data;
    for (const RecordKey& key : changes.removed) {
        removed_owner.push_back(key.owner);
        removed_type.push_back(key.type);
        removed_data.push_back(key.data);
    }
    std::vector<std::string> set_owner, set_type;
    std::vector<std::int64_t> set_ttl;
    for (const SetTtl& set : changes.retimed) {
        set_owner.push_back(set.owner);
        set_type.push_back(set.type);
        set_ttl.push_back(set.ttl);
    }
    std::vector<std::string> owner, type, data;
    std::vector<std::int64_t> ttl;
    for (const RecordRow& row : changes.added) {
        owner.push_back(row.owner);
        type.push_back(row.type);
        ttl.push_back(row.ttl);
        data.push_back(row.data);
    }
    const base::Rows rows = TRY(tx.query(kUpdate,
                                         {job.name_server,
                                          job.key,
                                          job.client.to_text(),
                                          domain_id,
                                          job.mac,
                                          removed_owner,
                                          removed_type,
                                          removed_data,
                                          set_owner,
                                          set_type,
                                          set_ttl,
                                          owner,
                                          type,
                                          ttl,
                                          data}));
    return rows[0].int64(0);
}

}  // namespace

base::Result<UpdateResult> store_update(base::Connection& connection, const UpdateJob& job) {
    std::string name = job.request.zone.to_text();
    name.pop_back();  // the directory writes no final dot
    base::Tx tx = TRY(connection.begin());
    const base::Rows domain = TRY(tx.query(kLock, {name}));
    if (domain.empty()) {
        return refused(kRcodeNotAuth, "no zone of ours");
    }
    const std::int64_t id = domain[0].int64(0);
    const base::Rows made = TRY(tx.query(kMade, {job.key, job.mac}));
    if (!made.empty()) {
        UpdateResult result;
        result.version = made[0].int64(0);
        result.again = true;
        return result;
    }
    std::vector<Grant> grants = TRY(read_grants(tx, job.key, id, job.request.zone));
    if (grants.empty()) {
        return refused(Rcode::Refused, "nothing in this zone is granted to this key");
    }
    const auto serial = static_cast<std::uint32_t>(domain[0].int64(1));
    LockedZone locked = TRY(read_zone(tx, id, serial, name));
    const std::set<Name> below = TRY(zones_below(locked.directory, job.request.zone));
    for (const UpdateRecord& record : job.request.updates) {
        if (in_zone_below(below, job.request.zone, record)) {
            return refused(kRcodeNotZone, record.owner.to_text() + " is in a zone of its own");
        }
    }
    const auto& records = locked.zone.source.records;
    const std::vector<RecordRow> follows(
        records.begin() + static_cast<std::ptrdiff_t>(locked.zone.own), records.end());
    const MailKeeping mail = TRY(read_mail(tx, id));
    const UpdateRights rights =
        TRY(UpdateRights::create(locked.zone.source, std::move(grants), mail, follows));
    const UpdateOutcome outcome = apply_update(locked.zone, rights, job.request);
    if (outcome.rcode != Rcode::NoError) {
        return refused(outcome.rcode, outcome.reason);
    }
    const base::Status served = judge(locked, name, outcome.changes);
    if (!served) {
        return refused(Rcode::Refused, "the zone would be refused: " + served.error().detail);
    }
    UpdateResult result;
    result.version = TRY(write(tx, job, id, outcome.changes));
    result.removed = outcome.changes.removed.size();
    result.added = outcome.changes.added.size();
    TRY(tx.commit());
    return result;
}

base::Result<std::int64_t> expire_records(base::Connection& connection,
                                          const std::string& name_server) {
    const base::Rows rows = TRY(connection.query(kExpire, {name_server}));
    return rows[0].int64(0);
}

}  // namespace dns::update
