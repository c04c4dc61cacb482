#include "storage/journal/rebuild_catalog.h"

#include <utility>

namespace storage {
namespace {

using base::Result;
using base::Rows;
using base::Statement;
using base::Status;

constexpr Statement kPhase{"storage_rebuild_phase",
                           "SELECT phase FROM catalog.rebuild WHERE phase <> 'done'"};
constexpr Statement kClaim{"storage_rebuild_claim",
                           "SELECT phase, without FROM catalog.rebuild_claim($1, $2)"};
constexpr Statement kNote{"storage_rebuild_note", "SELECT catalog.rebuild_note($1, $2)"};
constexpr Statement kBegin{"storage_rebuild_begin", "SELECT catalog.rebuild_begin($1, $2, $3)"};
constexpr Statement kReplay{"storage_replay_journal",
                            "SELECT catalog.replay_journal($1, $2, $3, $4::jsonb)"};
constexpr Statement kAborted{"storage_rebuild_aborted",
                             "SELECT catalog.rebuild_aborted($1, $2::uuid[])"};
constexpr Statement kMailboxes{"storage_rebuild_mailboxes", "SELECT catalog.rebuild_mailboxes($1)"};
constexpr Statement kOpen{"storage_rebuild_open",
                          "SELECT catalog.rebuild_open_mailboxes($1, $2::uuid[])"};
constexpr Statement kSettle{"storage_rebuild_settle", "SELECT catalog.rebuild_settle($1)"};

RebuildPhase phase_of(std::string_view text) {
    return text == "cataloguing" ? RebuildPhase::Cataloguing : RebuildPhase::Replaying;
}

}  // namespace

Result<RebuildPhase> read_rebuild_phase(base::Connection& connection) {
    const Rows rows = TRY(connection.query(kPhase));
    return rows.empty() ? RebuildPhase::None : phase_of(rows[0].text(0));
}

Result<std::optional<RebuildClaim>> claim_rebuild(base::Connection& connection,
                                                  std::string_view tracker,
                                                  std::chrono::seconds lease) {
    const Rows rows = TRY(connection.query(kClaim, {tracker, lease.count()}));
    if (rows.empty()) {
        return std::optional<RebuildClaim>();
    }
    return std::optional(RebuildClaim{phase_of(rows[0].text(0)), rows[0].string_array(1)});
}

Status note_rebuild(base::Connection& connection,
                    std::string_view tracker,
                    std::string_view problem) {
    (void)TRY(connection.query(kNote, {tracker, problem}));
    return base::Done{};
}

Status begin_replay(base::Connection& connection,
                    std::string_view tracker,
                    std::size_t journal_segments,
                    std::uint64_t checkpoint) {
    (void)TRY(connection.query(kBegin, {tracker, journal_segments, checkpoint}));
    return base::Done{};
}

Status replay_frame(base::Connection& connection,
                    std::string_view tracker,
                    const JournalText& frame) {
    (void)TRY(connection.query(
        kReplay, {tracker, frame.head.sequence, frame.head.at_us, std::string_view(frame.body)}));
    return base::Done{};
}

Status note_aborted(base::Connection& connection,
                    std::string_view tracker,
                    std::span<const mail::MessageId> aborted) {
    std::vector<base::Uuid> ids;
    for (const mail::MessageId& id : aborted) {
        ids.push_back(id.uuid());
    }
    (void)TRY(connection.query(kAborted, {tracker, std::move(ids)}));
    return base::Done{};
}

Result<std::int64_t> make_mailboxes(base::Connection& connection, std::string_view tracker) {
    const Rows rows = TRY(connection.query(kMailboxes, {tracker}));
    return rows[0].int64(0);
}

Status open_mailboxes(base::Connection& connection,
                      std::string_view tracker,
                      std::span<const SegmentId> used) {
    std::vector<base::Uuid> ids;
    for (const SegmentId& segment : used) {
        ids.push_back(segment.uuid());
    }
    (void)TRY(connection.query(kOpen, {tracker, std::move(ids)}));
    return base::Done{};
}

Result<bool> settle_rebuild(base::Connection& connection, std::string_view tracker) {
    const Rows rows = TRY(connection.query(kSettle, {tracker}));
    return rows[0].boolean(0);
}

}  // namespace storage
