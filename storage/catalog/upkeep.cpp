#include "storage/catalog/upkeep.h"

#include <algorithm>
#include <utility>

#include "storage/catalog/rows.h"

namespace storage {
namespace {

using base::Result;
using base::Status;

// What a tracker has claimed itself and claims again is work whose answer was lost, or of its life
// before: it does one claim after the other.
// Of the rest only so many are looked at for a claim, the longest owed: a long list stays cheap.
constexpr base::Statement kClaimOwed{
    "storage_claim_owed",
    "WITH candidate AS ("
    "SELECT o.segment_id, o.storage_server_id, o.since FROM catalog.copy_owed o "
    "JOIN directory.storage_server v ON v.id = o.storage_server_id AND v.state = 'active' "
    "AND v.store_id = ANY ($2::uuid[]) "
    "JOIN catalog.segment s ON s.id = o.segment_id AND s.state = 'sealed' "
    "AND s.superseded_at IS NULL "
    "WHERE o.not_before <= now() AND (o.claimed_until IS NULL OR o.claimed_until < now() "
    "OR o.claimed_by = $1) "
    "ORDER BY o.since LIMIT 10000), "
    "ranked AS ("
    "SELECT c.segment_id, c.storage_server_id, c.since, ("
    "SELECT count(DISTINCT g.failure_domain) FROM catalog.segment_replica r "
    "JOIN directory.storage_server g ON g.id = r.storage_server_id AND g.state <> 'retired' "
    "WHERE r.segment_id = c.segment_id AND r.state = 'active') AS good FROM candidate c), "
    "due AS ("
    "SELECT o.segment_id, o.storage_server_id, k.good, k.since FROM ranked k "
    "JOIN catalog.copy_owed o ON o.segment_id = k.segment_id "
    "AND o.storage_server_id = k.storage_server_id "
    "WHERE o.not_before <= now() AND (o.claimed_until IS NULL OR o.claimed_until < now() "
    "OR o.claimed_by = $1) "
    "ORDER BY k.good, k.since LIMIT $3 FOR UPDATE OF o SKIP LOCKED), "
    "claimed AS ("
    "UPDATE catalog.copy_owed o SET claimed_by = $1, "
    "claimed_until = now() + make_interval(secs => $4) FROM due "
    "WHERE o.segment_id = due.segment_id AND o.storage_server_id = due.storage_server_id "
    "RETURNING o.segment_id, o.storage_server_id, o.reason, due.good, due.since) "
    "SELECT c.segment_id, t.store_id, c.reason, s.length, s.digest, "
    "greatest(s.generation, coalesce((SELECT r.generation FROM catalog.segment_replica r "
    "WHERE r.segment_id = c.segment_id AND r.storage_server_id = c.storage_server_id), 0)), "
    "x.stores, x.generations, x.states, x.lengths "
    "FROM claimed c JOIN catalog.segment s ON s.id = c.segment_id "
    "JOIN directory.storage_server t ON t.id = c.storage_server_id "
    "CROSS JOIN LATERAL ("
    "SELECT array_agg(v.store_id::text ORDER BY r.state, v.id) AS stores, "
    "array_agg(r.generation ORDER BY r.state, v.id) AS generations, "
    "array_agg(r.state ORDER BY r.state, v.id) AS states, "
    "array_agg(r.durable_length ORDER BY r.state, v.id) AS lengths "
    "FROM catalog.segment_replica r "
    "JOIN directory.storage_server v ON v.id = r.storage_server_id AND v.state <> 'retired' "
    "WHERE r.segment_id = c.segment_id AND r.storage_server_id <> c.storage_server_id "
    "AND r.state IN ('active', 'suspect')) AS x "
    "ORDER BY c.good, c.since"};
constexpr base::Statement kNoteCopy{"storage_note_copy",
                                    "SELECT catalog.note_copy($1::uuid, $2::uuid, $3, $4, $5)"};
constexpr base::Statement kPutOff{
    "storage_put_off_owed",
    "UPDATE catalog.copy_owed o SET attempts = o.attempts + 1, problem = $3, claimed_by = NULL, "
    "claimed_until = NULL, not_before = now() + make_interval(secs => "
    "least($4::double precision / 1000, power(2, least(o.attempts, 20)))) "
    "FROM directory.storage_server v WHERE o.segment_id = $1::uuid "
    "AND v.store_id = $2::uuid AND o.storage_server_id = v.id"};
constexpr base::Statement kClaimSuspects{
    "storage_claim_suspects",
    "WITH due AS ("
    "SELECT r.segment_id, r.storage_server_id FROM catalog.segment_replica r "
    "JOIN directory.storage_server v ON v.id = r.storage_server_id AND v.state <> 'retired' "
    "AND v.store_id = ANY ($2::uuid[]) "
    "JOIN catalog.segment s ON s.id = r.segment_id AND s.state = 'sealed' "
    "AND s.superseded_at IS NULL "
    "WHERE r.state = 'suspect' AND r.not_before <= now() "
    "AND (r.claimed_until IS NULL OR r.claimed_until < now() OR r.claimed_by = $1) "
    "ORDER BY r.not_before LIMIT $3 FOR UPDATE OF r SKIP LOCKED), "
    "claimed AS ("
    "UPDATE catalog.segment_replica r SET claimed_by = $1, "
    "claimed_until = now() + make_interval(secs => $4) FROM due "
    "WHERE r.segment_id = due.segment_id AND r.storage_server_id = due.storage_server_id "
    "RETURNING r.segment_id, r.storage_server_id, r.generation, r.state) "
    "SELECT c.segment_id, v.store_id, c.generation, c.state, s.length, s.digest "
    "FROM claimed c JOIN directory.storage_server v ON v.id = c.storage_server_id "
    "JOIN catalog.segment s ON s.id = c.segment_id ORDER BY c.segment_id"};
constexpr base::Statement kClaimScrubs{
    "storage_claim_scrubs",
    "WITH due AS ("
    "SELECT r.segment_id, r.storage_server_id FROM ("
    "SELECT v.id, greatest(now() - c.scrub_interval, ("
    "SELECT max(q.requested_at) FROM catalog.upkeep_request q WHERE q.kind = 'scrub' "
    "AND q.finished_at IS NULL "
    "AND (q.storage_server_id IS NULL OR q.storage_server_id = v.id))) AS before "
    "FROM directory.storage_server v, directory.cluster c "
    "WHERE v.state <> 'retired' AND v.store_id = ANY ($2::uuid[])) AS bound "
    "JOIN catalog.segment_replica r ON r.storage_server_id = bound.id "
    "AND r.scrubbed_at < bound.before "
    "JOIN catalog.segment s ON s.id = r.segment_id AND s.state = 'sealed' "
    "AND s.superseded_at IS NULL "
    "WHERE r.state = 'active' AND r.not_before <= now() "
    "AND (r.claimed_until IS NULL OR r.claimed_until < now() OR r.claimed_by = $1) "
    "ORDER BY r.scrubbed_at LIMIT $3 FOR UPDATE OF r SKIP LOCKED), "
    "claimed AS ("
    "UPDATE catalog.segment_replica r SET claimed_by = $1, "
    "claimed_until = now() + make_interval(secs => $4) FROM due "
    "WHERE r.segment_id = due.segment_id AND r.storage_server_id = due.storage_server_id "
    "RETURNING r.segment_id, r.storage_server_id, r.generation, r.state) "
    "SELECT c.segment_id, v.store_id, c.generation, c.state, s.length, s.digest "
    "FROM claimed c JOIN directory.storage_server v ON v.id = c.storage_server_id "
    "JOIN catalog.segment s ON s.id = c.segment_id ORDER BY c.segment_id"};
constexpr base::Statement kClaimVerifications{
    "storage_claim_verifications",
    "WITH due AS ("
    "SELECT r.segment_id, r.storage_server_id FROM ("
    "SELECT v.id, coalesce((SELECT max(q.requested_at) FROM catalog.upkeep_request q "
    "WHERE q.kind = 'verify' AND q.finished_at IS NULL "
    "AND (q.storage_server_id IS NULL OR q.storage_server_id = v.id)), "
    "'0001-01-01'::timestamptz) AS before FROM directory.storage_server v "
    "WHERE v.state <> 'retired' AND v.store_id = ANY ($2::uuid[])) AS bound "
    "JOIN catalog.segment_replica r ON r.storage_server_id = bound.id "
    "AND r.verified_at < bound.before "
    "JOIN catalog.segment s ON s.id = r.segment_id AND s.state = 'sealed' "
    "AND s.superseded_at IS NULL "
    "WHERE r.state = 'active' AND r.not_before <= now() "
    "AND (r.claimed_until IS NULL OR r.claimed_until < now() OR r.claimed_by = $1) "
    "ORDER BY r.verified_at LIMIT $3 FOR UPDATE OF r SKIP LOCKED), "
    "claimed AS ("
    "UPDATE catalog.segment_replica r SET claimed_by = $1, "
    "claimed_until = now() + make_interval(secs => $4) FROM due "
    "WHERE r.segment_id = due.segment_id AND r.storage_server_id = due.storage_server_id "
    "RETURNING r.segment_id, r.storage_server_id, r.generation, r.state) "
    "SELECT c.segment_id, v.store_id, c.generation, c.state, s.length, s.digest "
    "FROM claimed c JOIN directory.storage_server v ON v.id = c.storage_server_id "
    "JOIN catalog.segment s ON s.id = c.segment_id ORDER BY c.segment_id"};
constexpr base::Statement kNoteScrub{
    "storage_note_scrub",
    "SELECT catalog.note_scrub($1::uuid, $2::uuid, $3, $4, $5, $6, $7, "
    "$8::double precision / 1000, $9::double precision / 1000)"};
constexpr base::Statement kNoteVerified{
    "storage_note_verified",
    "SELECT catalog.note_verified($1::uuid, $2::uuid, $3, $4, $5, $6::double precision / 1000)"};
constexpr base::Statement kTidy{"storage_tidy_copies", "SELECT catalog.tidy_copies($1)"};
constexpr base::Statement kClaimPass{
    "storage_claim_pass",
    "SELECT catalog.claim_pass('copies', $1, $2::double precision / 1000, $3)"};
constexpr base::Statement kPlan{
    "storage_plan_copies",
    "SELECT examined, owed FROM catalog.plan_copies('copies', $1, $2, $3::uuid[])"};
constexpr base::Statement kFinish{
    "storage_finish_requests",
    "SELECT * FROM catalog.finish_requests($1::double precision / 1000, "
    "$2::double precision / 1000)"};
constexpr base::Statement kState{
    "storage_upkeep_state",
    "SELECT (SELECT upkeep_bytes_per_second FROM directory.cluster), "
    "(SELECT count(*) FROM catalog.segment_replica WHERE state = 'suspect'), "
    "(SELECT coalesce(extract(epoch FROM now() - min(since)), 0)::double precision "
    "FROM catalog.copy_owed)"};

std::vector<base::Uuid> uuids_of(const std::vector<StorageServerId>& stores) {
    std::vector<base::Uuid> ids;
    ids.reserve(stores.size());
    for (const StorageServerId& store : stores) {
        ids.push_back(store.uuid());
    }
    return ids;
}

base::Params params_of(const UpkeepClaim& claim) {
    return {claim.tracker, uuids_of(claim.stores), claim.most, claim.lease.count()};
}

// Two columns: length and digest.
SealedShape shape_of(const base::Row& row, int first) {
    SealedShape shape;
    shape.length = static_cast<std::uint64_t>(row.int64(first));
    if (!row.is_null(first + 1)) {
        const std::vector<std::byte> bytes = row.bytes(first + 1);
        base::Digest256& digest = shape.digest.emplace();
        std::copy_n(bytes.begin(), std::min(bytes.size(), digest.size()), digest.begin());
    }
    return shape;
}

base::Param param_of(const std::optional<base::Digest256>& digest) {
    return digest ? base::Param(std::span<const std::byte>(*digest)) : base::Param(nullptr);
}

const char* name_of(CopyVerdict verdict) {
    switch (verdict) {
        case CopyVerdict::Good:
            return "good";
        case CopyVerdict::Bad:
            return "bad";
        case CopyVerdict::Unknown:
            break;
    }
    return "unknown";
}

Result<std::vector<ReplicaClaim>> claim_replicas(base::Connection& connection,
                                                 const base::Statement& statement,
                                                 const UpkeepClaim& claim) {
    const base::Rows rows = TRY(connection.query(statement, params_of(claim)));
    std::vector<ReplicaClaim> claims;
    for (const base::Row row : rows) {
        claims.push_back({SegmentId(row.uuid(0)),
                          StorageServerId(row.uuid(1)),
                          static_cast<std::uint32_t>(row.int64(2)),
                          replica_state_of(row.text(3)),
                          shape_of(row, 4)});
    }
    return claims;
}

}  // namespace

Result<std::vector<OwedClaim>> claim_owed(base::Connection& connection, const UpkeepClaim& claim) {
    const base::Rows rows = TRY(connection.query(kClaimOwed, params_of(claim)));
    std::vector<OwedClaim> claims;
    for (const base::Row row : rows) {
        OwedClaim& owed = claims.emplace_back();
        owed.segment = SegmentId(row.uuid(0));
        owed.target = StorageServerId(row.uuid(1));
        owed.reason = row.string(2);
        owed.shape = shape_of(row, 3);
        owed.generation_above = static_cast<std::uint32_t>(row.int64(5));
        owed.sources = TRY(replica_places(row, 6));
    }
    return claims;
}

Result<bool> note_copy(base::Connection& connection,
                       const OwedClaim& claim,
                       std::uint32_t generation,
                       const base::Digest256& digest) {
    const base::Rows rows = TRY(connection.query(kNoteCopy,
                                                 {claim.segment.uuid(),
                                                  claim.target.uuid(),
                                                  generation,
                                                  claim.shape.length,
                                                  std::span<const std::byte>(digest)}));
    return rows[0].boolean(0);
}

Status put_off_owed(base::Connection& connection,
                    const OwedClaim& claim,
                    std::string_view problem,
                    std::chrono::milliseconds pause_max) {
    (void)TRY(connection.query(
        kPutOff, {claim.segment.uuid(), claim.target.uuid(), problem, pause_max.count()}));
    return base::Done{};
}

Result<std::vector<ReplicaClaim>> claim_scrubs(base::Connection& connection,
                                               const UpkeepClaim& claim) {
    std::vector<ReplicaClaim> claims = TRY(claim_replicas(connection, kClaimSuspects, claim));
    if (claims.size() < claim.most) {
        UpkeepClaim rest = claim;
        rest.most -= claims.size();
        std::vector<ReplicaClaim> due = TRY(claim_replicas(connection, kClaimScrubs, rest));
        std::move(due.begin(), due.end(), std::back_inserter(claims));
    }
    return claims;
}

Result<std::vector<ReplicaClaim>> claim_verifications(base::Connection& connection,
                                                      const UpkeepClaim& claim) {
    return claim_replicas(connection, kClaimVerifications, claim);
}

Result<ScrubOutcome> note_scrub(base::Connection& connection,
                                const ReplicaClaim& claim,
                                const CopyFinding& finding,
                                const SuspicionTimes& times) {
    const base::Rows rows = TRY(connection.query(kNoteScrub,
                                                 {claim.segment.uuid(),
                                                  claim.store.uuid(),
                                                  claim.generation,
                                                  name_of(finding.verdict),
                                                  finding.generation,
                                                  param_of(finding.digest),
                                                  finding.reason,
                                                  times.attribute_cache.count(),
                                                  times.retry.count()}));
    const std::string_view state = rows[0].text(0);
    return state == "active"    ? ScrubOutcome::Active
           : state == "suspect" ? ScrubOutcome::Suspect
           : state == "lost"    ? ScrubOutcome::Lost
                                : ScrubOutcome::Changed;
}

Status note_verified(base::Connection& connection,
                     const ReplicaClaim& claim,
                     const CopyFinding& finding,
                     const SuspicionTimes& times) {
    (void)TRY(connection.query(kNoteVerified,
                               {claim.segment.uuid(),
                                claim.store.uuid(),
                                claim.generation,
                                name_of(finding.verdict),
                                finding.reason,
                                times.retry.count()}));
    return base::Done{};
}

Result<std::uint64_t> tidy_copies(base::Connection& connection, std::size_t most) {
    const base::Rows rows = TRY(connection.query(kTidy, {most}));
    return static_cast<std::uint64_t>(rows[0].int64(0));
}

Result<PlanStep> plan_copies(base::Connection& connection,
                             const UpkeepClaim& claim,
                             std::chrono::milliseconds interval) {
    PlanStep step;
    const base::Rows pass =
        TRY(connection.query(kClaimPass, {claim.tracker, interval.count(), claim.lease.count()}));
    if (pass[0].is_null(0)) {
        return step;
    }
    const base::Rows rows =
        TRY(connection.query(kPlan, {claim.tracker, claim.most, uuids_of(claim.stores)}));
    step.examined = static_cast<std::uint64_t>(rows[0].int64(0));
    step.owed = static_cast<std::uint64_t>(rows[0].int64(1));
    step.walking = step.examined == claim.most;
    step.ended = !step.walking;
    return step;
}

Result<std::vector<std::string>> finish_requests(base::Connection& connection,
                                                 std::chrono::milliseconds pause,
                                                 std::chrono::milliseconds settle) {
    const base::Rows rows = TRY(connection.query(kFinish, {pause.count(), settle.count()}));
    std::vector<std::string> retired;
    for (const base::Row row : rows) {
        retired.push_back(row.string(0));
    }
    return retired;
}

Result<UpkeepState> upkeep_state(base::Connection& connection) {
    const base::Rows rows = TRY(connection.query(kState));
    return UpkeepState{static_cast<std::uint64_t>(rows[0].int64(0)),
                       static_cast<std::uint64_t>(rows[0].int64(1)),
                       rows[0].real(2)};
}

}  // namespace storage
