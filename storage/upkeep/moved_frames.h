#pragma once

// Frames that go to a new segment: it is written whole, where their writer would write it now, and
// the messages move to it in one transaction. For compaction, and for what is left of a segment
// that cannot be made whole any more.
//
// Thread rule: loop thread, from a fiber. Memory: the frames, twice.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/db.h"
#include "base/result.h"
#include "base/worker_pool.h"
#include "storage/catalog/compaction.h"
#include "storage/mirror/whole_segment.h"
#include "storage/path/storage_server_set.h"
#include "storage/segment/frame.h"

namespace storage {

/// So many octets go into one new segment, unless it has one message only.
inline constexpr std::uint64_t kMovingMax = 32ULL << 20U;

/// What moves, and from where.
struct MovingFrames {
    std::vector<FrameInput> frames;
    std::vector<LiveFrame> from;  ///< one for each of `frames`
    std::vector<CarriedAbort> aborts;
    std::vector<SegmentId> done;  ///< superseded if nothing live is left in them
};

/// What it works with, on behalf of whom; all outlive the call.
struct MoveTools {
    StorageServerSet& servers;
    base::DbPool& pool;
    base::WorkerPool& workers;
    std::string tracker;         ///< has claimed the segments
    std::chrono::seconds lease;  ///< for which it keeps what it still claims
    std::chrono::milliseconds write_deadline{120'000};
    std::chrono::milliseconds statement_deadline{30'000};
};

/// What came of it.
struct MovedFrames {
    std::optional<SegmentId> into;  ///< none: there was nothing to write
    std::vector<SegmentId> superseded;
};

/// `writer`: header of a segment that they come from. Errors: those of write_whole_segment() and
/// finish_compaction(); a file that was written by then is found, and found useless.
[[nodiscard]] base::Result<MovedFrames> move_frames(const MoveTools& tools,
                                                    const SegmentHeader& writer,
                                                    MovingFrames moving);

/// Of its parts, as they are handed in.
[[nodiscard]] std::uint64_t octets_of(const FrameInput& frame) noexcept;

/// The frame as its writer handed it in. Corrupt.
[[nodiscard]] base::Result<FrameInput> frame_input(const FrameView& view);

}  // namespace storage
