#include "storage/catalog/compaction.h"

#include <utility>

#include "storage/catalog/rows.h"

namespace storage {
namespace {

using base::Result;
using base::Uuid;

constexpr base::Statement kPurgeRetained{
    "storage_purge_retained", "SELECT purged, dead, dead_bytes FROM catalog.purge_retained($1)"};
constexpr base::Statement kPurgeQuarantine{"storage_purge_quarantine",
                                           "SELECT catalog.purge_quarantine($1)"};
constexpr base::Statement kSurvey{"storage_survey_segments", "SELECT catalog.survey_segments($1)"};
constexpr base::Statement kPurgeForgotten{"storage_purge_forgotten",
                                          "SELECT catalog.purge_forgotten($1)"};
constexpr base::Statement kClaimCompaction{
    "storage_claim_compaction",
    "SELECT c.id, c.writer, c.length, c.dead_bytes, "
    "array_agg(v.store_id::text ORDER BY r.state, v.id) FILTER (WHERE v.id IS NOT NULL), "
    "array_agg(r.generation ORDER BY r.state, v.id) FILTER (WHERE v.id IS NOT NULL), "
    "array_agg(r.state ORDER BY r.state, v.id) FILTER (WHERE v.id IS NOT NULL), "
    "array_agg(r.durable_length ORDER BY r.state, v.id) FILTER (WHERE v.id IS NOT NULL) "
    "FROM catalog.claim_compaction($1, $2, $3) c "
    "LEFT JOIN catalog.segment_replica r ON r.segment_id = c.id AND r.state <> 'lost' "
    "LEFT JOIN directory.storage_server v ON v.id = r.storage_server_id AND v.state <> 'retired' "
    "GROUP BY 1, 2, 3, 4 ORDER BY c.dead_bytes DESC, c.id"};
constexpr base::Statement kClaimHopeless{
    "storage_claim_hopeless",
    "WITH hopeless AS ("
    "SELECT s.id FROM catalog.segment s WHERE s.id IN ("
    "SELECT o.segment_id FROM catalog.copy_owed o WHERE o.attempts > 0) "
    "AND s.state = 'sealed' AND s.superseded_at IS NULL "
    "AND (s.upkeep_until IS NULL OR s.upkeep_until < now()) AND NOT EXISTS ("
    "SELECT FROM catalog.segment_replica r "
    "JOIN directory.storage_server v ON v.id = r.storage_server_id AND v.state <> 'retired' "
    "WHERE r.segment_id = s.id AND r.state IN ('active', 'suspect')) "
    "ORDER BY s.id LIMIT $2 FOR NO KEY UPDATE OF s SKIP LOCKED) "
    "UPDATE catalog.segment s SET upkeep_by = $1, upkeep_until = now() + make_interval(secs => $3) "
    "FROM hopeless h WHERE s.id = h.id RETURNING s.id, s.writer, s.catalogued_to >= s.length"};
constexpr base::Statement kCountUnknown{"storage_count_unknown",
                                        "SELECT catalog.count_unknown($1::uuid[])"};
constexpr base::Statement kAbandonJournal{"storage_abandon_journal",
                                          "SELECT catalog.abandon_journal($1::uuid)"};
constexpr base::Statement kLiveFrames{
    "storage_live_frames",
    "SELECT message_id, frame_offset, frame_length FROM catalog.live_frames($1::uuid, $2, $3)"};
constexpr base::Statement kKnown{
    "storage_known_segments", "SELECT s.id FROM catalog.segment s WHERE s.id = ANY ($1::uuid[])"};
constexpr base::Statement kFinishCompaction{
    "storage_finish_compaction",
    "SELECT segment_id FROM catalog.finish_compaction($1, $2, $3::jsonb, $4::uuid[], $5::uuid[], "
    "$6::bigint[], $7::bigint[], $8::bigint[], $9, $10::uuid[], $11::uuid[])"};
constexpr base::Statement kRate{"storage_upkeep_rate",
                                "SELECT upkeep_bytes_per_second FROM directory.cluster"};
constexpr base::Statement kReleaseUpkeep{
    "storage_release_upkeep",
    "UPDATE catalog.segment SET upkeep_by = NULL, upkeep_until = NULL WHERE upkeep_by = $1"};
constexpr base::Statement kPutOff{
    "storage_put_off_upkeep",
    "UPDATE catalog.segment SET upkeep_by = NULL, upkeep_until = now() + make_interval(secs => $3) "
    "WHERE id = $1::uuid AND upkeep_by = $2"};
constexpr base::Statement kClaimRemoval{"storage_claim_removal",
                                        "SELECT id FROM catalog.claim_removal($1, $2, $3)"};
constexpr base::Statement kBeginRemoval{"storage_begin_removal",
                                        "SELECT catalog.begin_removal($1::uuid, $2)"};
constexpr base::Statement kFinishRemoval{"storage_finish_removal",
                                         "SELECT catalog.finish_removal($1::uuid, $2::uuid[])"};
constexpr base::Statement kMayRemove{"storage_may_remove_files",
                                     "SELECT catalog.may_remove_files()"};
constexpr base::Statement kJudge{"storage_judge_files",
                                 "SELECT id, state, length, generation, is_active, is_old "
                                 "FROM catalog.judge_files($1::uuid, $2::uuid[])"};
constexpr base::Statement kState{
    "storage_space_state",
    "SELECT retained, dead_bytes, superseded, may_remove FROM catalog.upkeep_state()"};

template <typename Id>
std::vector<Uuid> uuids(std::span<const Id> ids) {
    std::vector<Uuid> all;
    all.reserve(ids.size());
    for (const Id& id : ids) {
        all.push_back(id.uuid());
    }
    return all;
}

std::uint64_t number(const base::Row& row, int column) {
    return static_cast<std::uint64_t>(row.int64(column));
}

std::vector<SegmentId> segments_of(const base::Rows& rows) {
    std::vector<SegmentId> segments;
    for (const base::Row row : rows) {
        segments.push_back(SegmentId(row.uuid(0)));
    }
    return segments;
}

}  // namespace

Result<Purged> purge_retained(base::Connection& connection, std::size_t most) {
    const base::Rows rows = TRY(connection.query(kPurgeRetained, {most}));
    return Purged{number(rows[0], 0), number(rows[0], 1), number(rows[0], 2)};
}

Result<std::size_t> purge_quarantine(base::Connection& connection, std::size_t most) {
    const base::Rows rows = TRY(connection.query(kPurgeQuarantine, {most}));
    return static_cast<std::size_t>(rows[0].int64(0));
}

Result<std::size_t> survey_segments(base::Connection& connection, std::size_t most) {
    const base::Rows rows = TRY(connection.query(kSurvey, {most}));
    return static_cast<std::size_t>(rows[0].int64(0));
}

Result<std::size_t> purge_forgotten(base::Connection& connection, std::size_t most) {
    const base::Rows rows = TRY(connection.query(kPurgeForgotten, {most}));
    return static_cast<std::size_t>(rows[0].int64(0));
}

Result<std::vector<CompactableSegment>> claim_compaction(base::Connection& connection,
                                                         std::string_view tracker,
                                                         std::size_t most,
                                                         std::chrono::seconds lease) {
    const base::Rows rows = TRY(connection.query(kClaimCompaction, {tracker, most, lease.count()}));
    std::vector<CompactableSegment> claimed;
    for (const base::Row row : rows) {
        CompactableSegment& segment = claimed.emplace_back();
        segment.id = SegmentId(row.uuid(0));
        segment.writer = row.string(1);
        segment.length = number(row, 2);
        segment.dead_bytes = number(row, 3);
        segment.replicas = TRY(replica_places(row, 4));
    }
    return claimed;
}

Result<std::vector<HopelessSegment>> claim_hopeless(base::Connection& connection,
                                                    std::string_view tracker,
                                                    std::size_t most,
                                                    std::chrono::seconds lease) {
    std::vector<HopelessSegment> claimed;
    for (const base::Row row :
         TRY(connection.query(kClaimHopeless, {tracker, most, lease.count()}))) {
        claimed.push_back({SegmentId(row.uuid(0)), row.string(1), row.boolean(2)});
    }
    return claimed;
}

Result<std::size_t> count_unknown(base::Connection& connection,
                                  std::span<const mail::MessageId> ids) {
    std::vector<Uuid> uuids;
    uuids.reserve(ids.size());
    for (const mail::MessageId& id : ids) {
        uuids.push_back(id.uuid());
    }
    const base::Rows rows = TRY(connection.query(kCountUnknown, {uuids}));
    return static_cast<std::size_t>(rows[0].int64(0));
}

base::Status abandon_journal(base::Connection& connection, const SegmentId& segment) {
    (void)TRY(connection.query(kAbandonJournal, {segment.uuid()}));
    return base::Done{};
}

Result<std::uint64_t> upkeep_bytes_per_second(base::Connection& connection) {
    const base::Rows rows = TRY(connection.query(kRate));
    if (rows.empty()) {
        return base::Error{base::Errc::NotFound, "no cluster row in the directory"};
    }
    return number(rows[0], 0);
}

base::Status release_upkeep(base::Connection& connection, std::string_view tracker) {
    (void)TRY(connection.query(kReleaseUpkeep, {tracker}));
    return base::Done{};
}

base::Status put_off_upkeep(base::Connection& connection,
                            const SegmentId& segment,
                            std::string_view tracker,
                            std::chrono::seconds pause) {
    (void)TRY(connection.query(kPutOff, {segment.uuid(), tracker, pause.count()}));
    return base::Done{};
}

Result<std::vector<LiveFrame>> live_frames(base::Connection& connection,
                                           const SegmentId& segment,
                                           std::uint64_t after,
                                           std::size_t most) {
    const base::Rows rows = TRY(connection.query(kLiveFrames, {segment.uuid(), after, most}));
    std::vector<LiveFrame> frames;
    for (const base::Row row : rows) {
        frames.push_back({mail::MessageId::from_bytes(row.uuid(0).bytes()),
                          {segment, number(row, 1), static_cast<std::uint32_t>(row.int64(2))}});
    }
    return frames;
}

Result<std::vector<SegmentId>> known_segments(base::Connection& connection,
                                              std::span<const SegmentId> segments) {
    return segments_of(TRY(connection.query(kKnown, {uuids(segments)})));
}

Result<std::vector<SegmentId>> finish_compaction(base::Connection& connection,
                                                 const Compaction& compaction) {
    std::vector<Uuid> messages;
    std::vector<Uuid> old_segments;
    std::vector<std::int64_t> old_offsets;
    std::vector<std::int64_t> new_offsets;
    std::vector<std::int64_t> new_lengths;
    for (std::size_t n = 0; n < compaction.from.size(); ++n) {
        const LiveFrame& from = compaction.from[n];
        messages.emplace_back(from.id.bytes());
        old_segments.push_back(from.location.segment.uuid());
        old_offsets.push_back(static_cast<std::int64_t>(from.location.offset));
        new_offsets.push_back(static_cast<std::int64_t>(compaction.to[n].offset));
        new_lengths.push_back(static_cast<std::int64_t>(compaction.to[n].length));
    }
    base::Param written(nullptr);
    if (compaction.written) {
        written = base::Param(describe(std::span(&*compaction.written, 1)));
    }
    const Result<base::Rows> rows =
        connection.query(kFinishCompaction,
                         {compaction.tracker,
                          compaction.lease.count(),
                          std::move(written),
                          std::move(messages),
                          std::move(old_segments),
                          std::move(old_offsets),
                          std::move(new_offsets),
                          std::move(new_lengths),
                          compaction.abort_bytes,
                          uuids(std::span<const SegmentId>(compaction.abort_targets)),
                          uuids(std::span<const SegmentId>(compaction.done))});
    if (!rows && rows.error().detail.find("RT006") != std::string::npos) {
        return base::Error{base::Errc::Refused, rows.error().detail};
    }
    return segments_of(TRY(rows));
}

Result<std::vector<SegmentId>> claim_removal(base::Connection& connection,
                                             std::string_view tracker,
                                             std::size_t most,
                                             std::chrono::seconds lease) {
    return segments_of(TRY(connection.query(kClaimRemoval, {tracker, most, lease.count()})));
}

Result<RemovalStep> begin_removal(base::Connection& connection,
                                  const SegmentId& segment,
                                  std::size_t most) {
    const base::Rows rows = TRY(connection.query(kBeginRemoval, {segment.uuid(), most}));
    const std::string_view said = rows[0].text(0);
    return said == "clear"  ? RemovalStep::Clear
           : said == "more" ? RemovalStep::More
                            : RemovalStep::Live;
}

Result<bool> finish_removal(base::Connection& connection,
                            const SegmentId& segment,
                            std::span<const StorageServerId> stores) {
    const base::Rows rows = TRY(connection.query(kFinishRemoval, {segment.uuid(), uuids(stores)}));
    return rows[0].boolean(0);
}

Result<bool> may_remove_files(base::Connection& connection) {
    const base::Rows rows = TRY(connection.query(kMayRemove));
    return rows[0].boolean(0);
}

Result<std::vector<FileVerdict>> judge_files(base::Connection& connection,
                                             const StorageServerId& store,
                                             std::span<const SegmentId> segments) {
    const base::Rows rows = TRY(connection.query(kJudge, {store.uuid(), uuids(segments)}));
    std::vector<FileVerdict> verdicts;
    for (const base::Row row : rows) {
        verdicts.push_back({SegmentId(row.uuid(0)),
                            row.text(1) == "sealed",
                            number(row, 2),
                            static_cast<std::uint32_t>(row.int64(3)),
                            row.boolean(4),
                            row.boolean(5)});
    }
    return verdicts;
}

Result<SpaceState> space_state(base::Connection& connection) {
    const base::Rows rows = TRY(connection.query(kState));
    return SpaceState{
        number(rows[0], 0), number(rows[0], 1), number(rows[0], 2), rows[0].boolean(3)};
}

}  // namespace storage
