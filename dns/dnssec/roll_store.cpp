#include "dns/dnssec/roll_store.h"

#include <algorithm>
#include <utility>

namespace dns::dnssec {
namespace {

constexpr std::int64_t kDayS = 86400;

// roll_due_s() in SQL. $1: now, seconds; $2: how many.
constexpr std::string_view kDueRolls =
    "SELECT d.name FROM directory.dnssec s JOIN directory.domain d ON d.id = s.domain_id "
    "JOIN directory.dnssec_key k ON k.domain_id = s.domain_id CROSS JOIN directory.cluster c, "
    "LATERAL (SELECT coalesce(s.roll_days, c.dnssec_roll_days)::bigint * 86400 AS s) every "
    "WHERE s.wish = 'signed' AND k.state = 'active' AND k.ds_seen IS NOT NULL "
    "AND k.ds_gone IS NULL AND every.s > 0 "
    "AND extract(epoch FROM k.since)::bigint + every.s - every.s / 10 * (k.id % 1000) / 1000 <= $1 "
    "AND NOT EXISTS (SELECT FROM directory.dnssec_key o "
    "                WHERE o.domain_id = k.domain_id AND o.id <> k.id) "
    "ORDER BY k.since LIMIT $2";
static_assert(kRollSpread == 1000, "as in kDueRolls");

}  // namespace

base::Result<std::int64_t> read_roll_every(base::Tx& tx, std::int64_t domain_id) {
    const base::Rows rows = TRY(
        tx.query("SELECT coalesce(s.roll_days, c.dnssec_roll_days)::bigint FROM directory.dnssec s "
                 "CROSS JOIN directory.cluster c WHERE s.domain_id = $1",
                 {domain_id}));
    return rows.empty() ? 0 : rows[0].int64(0) * kDayS;
}

base::Result<std::vector<std::string>> read_due_rolls(base::Tx& tx,
                                                      std::int64_t now_s,
                                                      std::size_t limit) {
    const base::Rows rows = TRY(tx.query(kDueRolls, {now_s, static_cast<std::int64_t>(limit)}));
    std::vector<std::string> domains;
    for (const base::Row row : rows) {
        domains.push_back(row.string(0));
    }
    return domains;
}

base::Result<bool> begin_due_roll(base::Tx& tx,
                                  std::string_view domain,
                                  std::string_view name_server,
                                  std::int64_t now_s) {
    const StoredKeys stored = TRY(read_keys(tx, domain));
    const std::int64_t every_s = TRY(read_roll_every(tx, stored.domain_id));
    const auto due_s = roll_due_s(stored.keys, every_s);
    if (!due_s || now_s < *due_s) {
        return false;
    }
    const SigningKey key = new_key(stored.keys, stored.keys.keys.front().key.algorithm);
    const PublicKey half{key.algorithm(), key.public_key()};
    const ZoneKeys rolling = TRY(introduce(stored.keys, half, now_s));
    TRY(store_keys(tx, stored, rolling, key.secret()));
    (void)TRY(
        tx.query("SELECT directory.raise_event('info', 'dnssec_roll', $1, $2, "
                 "jsonb_build_object('key', $3::bigint, 'days', $4::bigint))",
                 {name_server,
                  stored.domain,
                  static_cast<std::int64_t>(key_tag(dnskey_data(half))),
                  every_s / kDayS}));
    return true;
}

base::Status note_parent(base::Tx& tx,
                         std::int64_t domain_id,
                         std::string_view name_server,
                         const ParentView& view) {
    const std::string warning = warning_of(view);
    (void)TRY(
        tx.query("SELECT directory.note_parent($1, $2, $3::bigint::integer, $4::text[], "
                 "$5::bigint::integer, nullif($6, ''))",
                 {domain_id,
                  name_server,
                  static_cast<std::int64_t>(view.servers),
                  view.ds,
                  static_cast<std::int64_t>(view.ttl_s),
                  warning}));
    return base::Done{};
}

base::Status note_parent_problem(base::Tx& tx,
                                 std::int64_t domain_id,
                                 std::string_view name_server,
                                 std::string_view problem) {
    (void)TRY(tx.query("SELECT directory.note_parent_problem($1, $2, $3)",
                       {domain_id, name_server, problem}));
    return base::Done{};
}

base::Result<std::optional<StoredParent>> read_parent(base::Tx& tx, std::int64_t domain_id) {
    const base::Rows rows = TRY(tx.query(
        "SELECT p.name_server, extract(epoch FROM p.looked_at)::bigint, "
        "coalesce(p.servers, 0)::bigint, coalesce(p.ds, '{}'), coalesce(p.ttl, 0)::bigint, "
        "coalesce(p.warning, ''), coalesce(p.problem, ''), "
        "extract(epoch FROM p.problem_at)::bigint "
        "FROM directory.dnssec_parent p WHERE p.domain_id = $1",
        {domain_id}));
    if (rows.empty()) {
        return std::optional<StoredParent>();
    }
    const base::Row row = rows[0];
    StoredParent parent;
    parent.name_server = row.string(0);
    parent.looked_s = row.optional_int64(1);
    parent.servers = row.int64(2);
    parent.ds = row.string_array(3);
    parent.ttl_s = row.int64(4);
    parent.warning = row.string(5);
    parent.problem = row.string(6);
    parent.problem_s = row.optional_int64(7);
    return std::optional(std::move(parent));
}

SigningKey new_key(const ZoneKeys& zone, Algorithm algorithm) {
    for (;;) {
        SigningKey key = SigningKey::generate(algorithm);
        const std::uint16_t tag = key_tag(dnskey_data({algorithm, key.public_key()}));
        if (std::ranges::none_of(zone.keys, [tag](const KeyRecord& known) {
                return key_tag(dnskey_data(known.key)) == tag;
            })) {
            return key;
        }
    }
}

}  // namespace dns::dnssec
