#pragma once

// Which segments of a journal a rebuild replays, and in which order. Pure.
//
// Thread rule: functions of their arguments.

#include <cstdint>
#include <vector>

#include "storage/journal/journal_frame.h"
#include "storage/segment/ids.h"

namespace storage {

/// What the heads of one journal segment say. All its frames are of one round.
struct JournalContents {
    SegmentId segment;
    std::vector<JournalHead> heads;  ///< in offset order
};

/// What is to be replayed.
struct JournalPlan {
    std::uint64_t checkpoint = 0;  ///< its round; 0: there is none, the deltas begin with nothing
    std::vector<SegmentId> segments;  ///< the checkpoint's, then the deltas', the oldest first
    std::int64_t at_us = 0;           ///< of the last round
    std::size_t incomplete = 0;       ///< rounds that were never finished; passed over
};

/// The newest complete checkpoint and every complete delta that it does not hold. A round is
/// complete when all its parts are there, up to one that ends it: of one that is not, the writer
/// died before it was recorded. A segment may be given twice.
[[nodiscard]] JournalPlan plan_replay(const std::vector<JournalContents>& journal);

}  // namespace storage
