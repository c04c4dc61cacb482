#pragma once

// Claims: how any number of trackers share the work on segments. A claim is a row lock for a moment
// (FOR UPDATE SKIP LOCKED) that leaves a lease behind; a tracker that dies loses it by time.
//
// Thread rule: functions of a base::Connection; they block: on database workers only. Errors: those
// of base/db.h.

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/db.h"
#include "base/result.h"
#include "storage/catalog/catalog.h"
#include "storage/segment/ids.h"

namespace storage {

/// A segment that may hold frames that are not catalogued: open, or catalogued short of its length.
struct ClaimedSegment {
    SegmentId id;
    std::string writer;
    SegmentState state = SegmentState::Open;
    std::uint32_t generation = 1;
    std::uint64_t length = 0;  ///< of a sealed one; else not to be trusted
    std::uint64_t first_frame = 0;
    std::uint64_t catalogued_to = 0;
    bool writer_retired = false;  ///< an operator said that it is gone for good
    std::vector<ReplicaPlace> replicas;
};

/// Who claims, how many, for how long.
struct ClaimRequest {
    std::string tracker;
    std::size_t most = 8;
    std::chrono::seconds lease{60};
    std::chrono::milliseconds pause{2'000};  ///< not those that were read so lately
};

/// The longest unread first. What the tracker holds already it gets again: the answer to an earlier
/// claim was lost, or it was another life of it. So a tracker works on one claim after the other.
[[nodiscard]] base::Result<std::vector<ClaimedSegment>> claim_segments(base::Connection& connection,
                                                                       const ClaimRequest& request);

/// Segments without a seal whose writer an operator retired: nobody else will seal them.
[[nodiscard]] base::Result<std::vector<SegmentId>> claim_abandoned(base::Connection& connection,
                                                                   const ClaimRequest& request);

/// One of those has its seal, and note_segments() was told so.
[[nodiscard]] base::Status conclude_abandoned(base::Connection& connection,
                                              const SegmentId& segment);

/// Forgets an open segment of which every storage server has said that it has no file: its writer
/// gave it up before the first frame. False: it is too young, or something in it is catalogued.
[[nodiscard]] base::Result<bool> forget_void(base::Connection& connection,
                                             const SegmentId& segment);

/// A reading of what storage servers hold: all of it but for those that did not answer.
struct SegmentSeen {
    std::int64_t unread = 0;  ///< storage servers that may have copies that could not be read
    base::Instant began;      ///< to read; the catalog is told how long ago, when it takes it
};

/// Done with it for now. `seen`: null if something of what was found is still to be dealt with.
[[nodiscard]] base::Status release_segment(base::Connection& connection,
                                           const SegmentId& segment,
                                           std::string_view tracker,
                                           const std::optional<SegmentSeen>& seen = std::nullopt);

/// The newest folders of all but `seen.unread` storage servers were listed.
[[nodiscard]] base::Status note_listed(base::Connection& connection, const SegmentSeen& seen);

/// An agent's sign of life: all that it has acknowledged is catalogued. `committer` is its name as
/// one, `writer` its server's.
[[nodiscard]] base::Status note_alive(base::Connection& connection,
                                      std::string_view committer,
                                      std::string_view writer,
                                      std::uint64_t boot_epoch);

/// Those of `segments` that the catalog does not know.
[[nodiscard]] base::Result<std::vector<SegmentId>> unknown_segments(
    base::Connection& connection, std::span<const SegmentId> segments);

/// Open segments of a writer, by its name, that it opened before `epoch_end`.
[[nodiscard]] base::Result<std::vector<SegmentId>> open_segments(base::Connection& connection,
                                                                 std::string_view writer,
                                                                 std::uint64_t epoch_end);

/// A copy that came to be there after all.
[[nodiscard]] base::Status settle_owed(base::Connection& connection,
                                       const SegmentId& segment,
                                       std::span<const StorageServerId> stores);

/// Numbers for metrics and for people.
struct CatchUpState {
    std::uint64_t copies_owed = 0;
    std::uint64_t segments_open = 0;
    std::uint64_t segments_behind = 0;  ///< sealed, catalogued short of their length
};

[[nodiscard]] base::Result<CatchUpState> catch_up_state(base::Connection& connection);

/// Makes the partitions of the months to come. Returns how many were made.
[[nodiscard]] base::Result<std::int64_t> ensure_partitions(base::Connection& connection);

}  // namespace storage
