#include "dns/dnssec/key_store.h"

#include <algorithm>
#include <utility>

#include "base/hash.h"

namespace dns::dnssec {
namespace {

// Columns: id, name, revision, denial, wish, since, ds_ttl, propagation, ttl, largest ttl.
constexpr std::string_view kZones =
    "SELECT d.id, d.name, coalesce(s.revision, 0), coalesce(s.denial, 'nsec'), "
    "coalesce(s.wish, 'signed'), coalesce(extract(epoch FROM s.wish_since), 0)::bigint, "
    "greatest(coalesce(s.ds_ttl, 86400), p.ttl), coalesce(s.propagation, 3600), d.ttl, "
    "greatest(d.ttl, d.mx_ttl, (SELECT max(r.ttl) FROM directory.record r "
    "                            WHERE r.domain_id = d.id)) "
    "FROM directory.domain d LEFT JOIN directory.dnssec s ON s.domain_id = d.id "
    "LEFT JOIN directory.dnssec_parent p ON p.domain_id = d.id ";

constexpr std::string_view kKeys =
    "SELECT k.domain_id, k.id, k.algorithm, k.public_key, k.state, "
    "extract(epoch FROM k.since)::bigint, extract(epoch FROM k.ds_seen)::bigint, "
    "extract(epoch FROM k.ds_gone)::bigint "
    "FROM directory.dnssec_key k WHERE k.domain_id = ANY ($1::bigint[]) ORDER BY k.id";

base::Error malformed(const std::string& what) {
    return {base::Errc::Invalid, "dnssec: " + what};
}

base::Result<StoredKeys> zone_of(const base::Row& row) {
    StoredKeys stored;
    stored.domain_id = row.int64(0);
    stored.domain = row.string(1);
    stored.revision = row.int64(2);
    const auto denial = parse_denial(row.text(3));
    if (!denial) {
        return malformed("denial of " + stored.domain);
    }
    stored.denial = *denial;
    stored.keys.wish = row.text(4) == "removing" ? Wish::Removing : Wish::Signed;
    stored.keys.wish_since_s = row.int64(5);
    stored.times.ds_ttl_s = row.int64(6);
    stored.times.propagation_s = row.int64(7);
    stored.times.key_ttl_s = row.int64(8);
    stored.times.zone_ttl_max_s = row.int64(9);
    return stored;
}

base::Result<KeyRecord> key_of(const base::Row& row) {
    KeyRecord record;
    record.id = row.int64(1);
    const auto algorithm = known_algorithm(row.int64(2));
    const auto state = parse_key_state(row.text(4));
    if (!algorithm || !state) {
        return malformed("key " + std::to_string(record.id));
    }
    const base::Bytes octets = row.bytes(3);
    record.key = {*algorithm, std::string(base::as_text(octets))};
    record.state = *state;
    record.since_s = row.int64(5);
    record.ds_seen_s = row.optional_int64(6);
    record.ds_gone_s = row.optional_int64(7);
    return record;
}

base::Result<std::vector<StoredKeys>> read_zones(base::Tx& tx,
                                                 std::string_view where,
                                                 const base::Params& params) {
    const base::Rows rows = TRY(tx.query(std::string(kZones) + std::string(where), params));
    std::vector<StoredKeys> zones;
    std::map<std::int64_t, std::size_t> by_id;
    std::vector<std::int64_t> ids;
    for (const base::Row row : rows) {
        zones.push_back(TRY(zone_of(row)));
        by_id[zones.back().domain_id] = zones.size() - 1;
        ids.push_back(zones.back().domain_id);
    }
    const base::Rows keys = TRY(tx.query(kKeys, {ids}));
    for (const base::Row row : keys) {
        zones[by_id.at(row.int64(0))].keys.keys.push_back(TRY(key_of(row)));
    }
    return zones;
}

base::Result<std::int64_t> insert_key(base::Tx& tx,
                                      std::int64_t domain,
                                      const KeyRecord& key,
                                      std::string_view secret) {
    const base::Rows made =
        TRY(tx.query("INSERT INTO directory.dnssec_key (domain_id, algorithm, public_key, since) "
                     "VALUES ($1, $2, $3, to_timestamp($4)) RETURNING id",
                     {domain,
                      static_cast<std::int64_t>(key.key.algorithm),
                      base::as_bytes(key.key.octets),
                      key.since_s}));
    const std::int64_t id = made[0].int64(0);
    (void)TRY(tx.query("INSERT INTO directory.dnssec_secret (key_id, secret) VALUES ($1, $2)",
                       {id, base::as_bytes(secret)}));
    return id;
}

}  // namespace

base::Result<StoredKeys> read_keys(base::Tx& tx, std::string_view domain) {
    auto zones = TRY(read_zones(tx, "WHERE d.name = $1", {domain}));
    if (zones.empty()) {
        return base::Error{base::Errc::NotFound, "there is no domain " + std::string(domain)};
    }
    return std::move(zones.front());
}

base::Result<std::vector<StoredKeys>> read_all_keys(base::Tx& tx) {
    return read_zones(tx, "WHERE s.domain_id IS NOT NULL ORDER BY d.name", {});
}

base::Status store_keys(base::Tx& tx,
                        const StoredKeys& read,
                        const ZoneKeys& after,
                        std::string_view secret) {
    std::int64_t revision = read.revision;
    if (revision == 0) {
        const auto made = tx.query(
            "INSERT INTO directory.dnssec (domain_id, denial, ds_ttl, propagation) "
            "VALUES ($1, $2, $3, $4)",
            {read.domain_id,
             denial_name(read.denial),
             read.times.ds_ttl_s,
             read.times.propagation_s});
        if (!made && made.error().code == base::Errc::Exists) {
            return base::Error{base::Errc::Busy, "the domain was signed a moment ago: try again"};
        }
        (void)TRY(made);
        revision = 1;
    }
    std::vector<std::int64_t> ids;
    std::vector<std::string> states;
    std::vector<std::int64_t> since;
    std::vector<std::int64_t> seen;
    std::vector<std::int64_t> gone;
    for (const KeyRecord& key : after.keys) {
        ids.push_back(key.id != 0 ? key.id : TRY(insert_key(tx, read.domain_id, key, secret)));
        states.emplace_back(key_state_name(key.state));
        since.push_back(key.since_s);
        seen.push_back(key.ds_seen_s.value_or(0));
        gone.push_back(key.ds_gone_s.value_or(0));
    }
    const base::Rows moved =
        TRY(tx.query("SELECT directory.set_dnssec_keys($1, $2, $3, $4, $5::bigint[], $6::text[], "
                     "$7::bigint[], $8::bigint[], $9::bigint[])",
                     {read.domain_id,
                      revision,
                      after.wish == Wish::Removing ? "removing" : "signed",
                      after.wish_since_s,
                      ids,
                      states,
                      since,
                      seen,
                      gone}));
    if (!moved[0].boolean(0)) {
        return base::Error{base::Errc::Busy, "the keys have changed a moment ago: try again"};
    }
    return base::Done{};
}

base::Result<Secrets> read_secrets(base::Tx& tx) {
    const base::Rows rows = TRY(tx.query("SELECT key_id, secret FROM directory.dnssec_secrets()"));
    Secrets secrets;
    for (const base::Row row : rows) {
        const base::Bytes octets = row.bytes(1);
        secrets.emplace(row.int64(0), std::string(base::as_text(octets)));
    }
    return secrets;
}

}  // namespace dns::dnssec
