#include "storage/catalog/claims.h"

#include <utility>

#include "storage/catalog/rows.h"

namespace storage {
namespace {

using base::Result;
using base::Status;

constexpr base::Statement kClaim{
    "storage_claim_segments",
    "WITH due AS ("
    "SELECT id FROM catalog.segment "
    "WHERE (state = 'open' OR catalogued_to < length) "
    "AND (claimed_until IS NULL OR claimed_until < now() OR claimed_by = $1) "
    "AND (read_at IS NULL OR read_at < now() - make_interval(secs => $3::double precision / 1000)) "
    "ORDER BY read_at NULLS FIRST LIMIT $4 FOR UPDATE SKIP LOCKED), "
    "claimed AS ("
    "UPDATE catalog.segment s SET claimed_by = $1, claimed_until = now() + make_interval(secs => "
    "$2) "
    "FROM due WHERE s.id = due.id "
    "RETURNING s.id, s.writer, s.state, s.generation, s.length, s.first_frame, s.catalogued_to) "
    "SELECT c.id, c.writer, c.state, c.generation, c.length, c.first_frame, c.catalogued_to, "
    // A mail and an access server may have one name: then both must be gone.
    "coalesce((SELECT bool_and(w.retired_at IS NOT NULL) FROM ("
    "SELECT name, retired_at FROM directory.mail_server UNION ALL "
    "SELECT name, retired_at FROM directory.access_server) AS w WHERE w.name = c.writer), false), "
    "array_agg(v.store_id::text ORDER BY r.state, v.id) FILTER (WHERE v.id IS NOT NULL), "
    "array_agg(r.generation ORDER BY r.state, v.id) FILTER (WHERE v.id IS NOT NULL), "
    "array_agg(r.state ORDER BY r.state, v.id) FILTER (WHERE v.id IS NOT NULL), "
    "array_agg(r.durable_length ORDER BY r.state, v.id) FILTER (WHERE v.id IS NOT NULL) "
    "FROM claimed c LEFT JOIN catalog.segment_replica r ON r.segment_id = c.id "
    "LEFT JOIN directory.storage_server v ON v.id = r.storage_server_id AND v.state <> 'retired' "
    "GROUP BY 1, 2, 3, 4, 5, 6, 7, 8"};
constexpr base::Statement kClaimAbandoned{
    "storage_claim_abandoned",
    "WITH due AS ("
    "SELECT id FROM catalog.segment WHERE state = 'retired' AND superseded_at IS NULL "
    "AND (claimed_until IS NULL OR claimed_until < now() OR claimed_by = $1) "
    "AND (read_at IS NULL OR read_at < now() - make_interval(secs => $3::double precision / 1000)) "
    "ORDER BY read_at NULLS FIRST LIMIT $4 FOR UPDATE SKIP LOCKED) "
    "UPDATE catalog.segment s SET claimed_by = $1, claimed_until = now() + make_interval(secs => "
    "$2) FROM due WHERE s.id = due.id RETURNING s.id"};
constexpr base::Statement kConclude{"storage_conclude_abandoned",
                                    "SELECT catalog.conclude_abandoned($1::uuid)"};
constexpr base::Statement kForgetVoid{"storage_forget_void",
                                      "SELECT catalog.forget_void($1::uuid)"};
constexpr base::Statement kRelease{
    "storage_release_segment",
    "UPDATE catalog.segment SET claimed_by = NULL, claimed_until = NULL, read_at = now(), "
    // An acknowledged frame is in min_copies copies: so many fewer unread ones cannot hide it.
    "seen_at = CASE WHEN $3::bigint < min_copies "
    "THEN now() - make_interval(secs => $4::double precision / 1000) ELSE seen_at END "
    "WHERE id = $1::uuid AND claimed_by = $2"};
constexpr base::Statement kAlive{"storage_note_alive", "SELECT catalog.note_alive($1, $2, $3)"};
constexpr base::Statement kListed{"storage_note_listed", "SELECT catalog.note_listed($1, $2)"};
constexpr base::Statement kUnknown{
    "storage_unknown_segments",
    "SELECT x.id FROM unnest($1::uuid[]) AS x(id) "
    "WHERE NOT EXISTS (SELECT FROM catalog.segment s WHERE s.id = x.id)"};
constexpr base::Statement kOpen{
    "storage_open_segments",
    "SELECT id FROM catalog.segment WHERE state = 'open' AND writer = $1 "
    "AND boot_epoch > 0 AND boot_epoch < $2 ORDER BY id"};
constexpr base::Statement kSettleOwed{
    "storage_settle_owed",
    "DELETE FROM catalog.copy_owed o USING directory.storage_server v "
    "WHERE o.segment_id = $1::uuid AND o.storage_server_id = v.id AND v.store_id = ANY "
    "($2::uuid[])"};
constexpr base::Statement kState{
    "storage_catch_up_state",
    "SELECT (SELECT count(*) FROM catalog.copy_owed), "
    "count(*) FILTER (WHERE state = 'open'), count(*) FILTER (WHERE state <> 'open') "
    "FROM catalog.segment WHERE state = 'open' OR catalogued_to < length"};
constexpr base::Statement kPartitions{"storage_ensure_partitions",
                                      "SELECT catalog.ensure_partitions()"};

// The statement may have waited for the database to come back.
std::int64_t ago_ms(const SegmentSeen& seen) {
    return (base::monotonic_now() - seen.began) / std::chrono::milliseconds(1);
}

Result<ClaimedSegment> claimed_of(const base::Row& row) {
    ClaimedSegment claimed;
    claimed.id = SegmentId(row.uuid(0));
    claimed.writer = row.string(1);
    claimed.state = row.text(2) == "open"     ? SegmentState::Open
                    : row.text(2) == "sealed" ? SegmentState::Sealed
                                              : SegmentState::Retired;
    claimed.generation = static_cast<std::uint32_t>(row.int64(3));
    claimed.length = static_cast<std::uint64_t>(row.int64(4));
    claimed.first_frame = static_cast<std::uint64_t>(row.int64(5));
    claimed.catalogued_to = static_cast<std::uint64_t>(row.int64(6));
    claimed.writer_retired = row.boolean(7);
    claimed.replicas = TRY(replica_places(row, 8));
    return claimed;
}

}  // namespace

Result<std::vector<ClaimedSegment>> claim_segments(base::Connection& connection,
                                                   const ClaimRequest& request) {
    const base::Rows rows = TRY(connection.query(
        kClaim, {request.tracker, request.lease.count(), request.pause.count(), request.most}));
    std::vector<ClaimedSegment> claimed;
    for (const base::Row row : rows) {
        claimed.push_back(TRY(claimed_of(row)));
    }
    return claimed;
}

Result<std::vector<SegmentId>> claim_abandoned(base::Connection& connection,
                                               const ClaimRequest& request) {
    const base::Rows rows = TRY(connection.query(
        kClaimAbandoned,
        {request.tracker, request.lease.count(), request.pause.count(), request.most}));
    std::vector<SegmentId> claimed;
    for (const base::Row row : rows) {
        claimed.push_back(SegmentId(row.uuid(0)));
    }
    return claimed;
}

Status conclude_abandoned(base::Connection& connection, const SegmentId& segment) {
    (void)TRY(connection.query(kConclude, {segment.uuid()}));
    return base::Done{};
}

Result<bool> forget_void(base::Connection& connection, const SegmentId& segment) {
    const base::Rows rows = TRY(connection.query(kForgetVoid, {segment.uuid()}));
    return rows[0].boolean(0);
}

Status release_segment(base::Connection& connection,
                       const SegmentId& segment,
                       std::string_view tracker,
                       const std::optional<SegmentSeen>& seen) {
    (void)TRY(connection.query(kRelease,
                               {segment.uuid(),
                                tracker,
                                seen ? base::Param(seen->unread) : base::Param(nullptr),
                                seen ? ago_ms(*seen) : std::int64_t{0}}));
    return base::Done{};
}

Status note_listed(base::Connection& connection, const SegmentSeen& seen) {
    (void)TRY(connection.query(kListed, {seen.unread, ago_ms(seen)}));
    return base::Done{};
}

Status note_alive(base::Connection& connection,
                  std::string_view committer,
                  std::string_view writer,
                  std::uint64_t boot_epoch) {
    (void)TRY(connection.query(kAlive, {committer, writer, static_cast<std::int64_t>(boot_epoch)}));
    return base::Done{};
}

Result<std::vector<SegmentId>> unknown_segments(base::Connection& connection,
                                                std::span<const SegmentId> segments) {
    std::vector<base::Uuid> ids;
    ids.reserve(segments.size());
    for (const SegmentId& segment : segments) {
        ids.push_back(segment.uuid());
    }
    const base::Rows rows = TRY(connection.query(kUnknown, {std::move(ids)}));
    std::vector<SegmentId> unknown;
    for (const base::Row row : rows) {
        unknown.push_back(SegmentId(row.uuid(0)));
    }
    return unknown;
}

Result<std::vector<SegmentId>> open_segments(base::Connection& connection,
                                             std::string_view writer,
                                             std::uint64_t epoch_end) {
    const base::Rows rows = TRY(connection.query(kOpen, {writer, epoch_end}));
    std::vector<SegmentId> open;
    for (const base::Row row : rows) {
        open.push_back(SegmentId(row.uuid(0)));
    }
    return open;
}

Status settle_owed(base::Connection& connection,
                   const SegmentId& segment,
                   std::span<const StorageServerId> stores) {
    std::vector<base::Uuid> ids;
    for (const StorageServerId& store : stores) {
        ids.push_back(store.uuid());
    }
    (void)TRY(connection.query(kSettleOwed, {segment.uuid(), std::move(ids)}));
    return base::Done{};
}

Result<CatchUpState> catch_up_state(base::Connection& connection) {
    const base::Rows rows = TRY(connection.query(kState));
    return CatchUpState{static_cast<std::uint64_t>(rows[0].int64(0)),
                        static_cast<std::uint64_t>(rows[0].int64(1)),
                        static_cast<std::uint64_t>(rows[0].int64(2))};
}

Result<std::int64_t> ensure_partitions(base::Connection& connection) {
    const base::Rows rows = TRY(connection.query(kPartitions));
    return rows[0].int64(0);
}

}  // namespace storage
