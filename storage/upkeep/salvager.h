#pragma once

// Salvager: takes what is left of segments that cannot be made whole any more. The copy that had
// the end of a segment is gone for good (a disk was lost before it was mirrored again), others end
// early: what they hold was acknowledged, what they lack was not, or was written again elsewhere.
// The messages that some mailbox shows move into a new segment with all its copies, and the old one
// is superseded. A journal segment that is lost is given up; a new checkpoint makes it needless.
//
// It begins only when repair has failed (storage/upkeep/repairer.h), every storage server that is
// not retired answers, and every copy was read: nothing more can turn up. A message that no copy
// holds stays where the catalog says, with an alarm; the segment is then looked at now and then, in
// case that an operator brings a disk back.
//
// Thread rule: loop thread, from a fiber. Memory: every copy of one segment, and its messages
// twice.

#include <chrono>
#include <cstdint>
#include <memory>
#include <set>
#include <string>

#include "base/db.h"
#include "base/result.h"
#include "base/worker_pool.h"
#include "storage/catalog/compaction.h"
#include "storage/mirror/copy_merge.h"
#include "storage/path/storage_server_set.h"
#include "storage/upkeep/moved_frames.h"

namespace storage {

struct SalvageOptions {
    std::string tracker;  ///< name; claims bear it
    std::size_t segments_max = 4;
    std::chrono::seconds lease{600};
    std::chrono::seconds pause{5};         ///< before it is looked whether all answer now
    std::chrono::seconds lost_pause{600};  ///< while messages are in no copy
    std::chrono::milliseconds read_deadline{120'000};
    std::chrono::milliseconds statement_deadline{30'000};
};

/// What happened since the start. Monotonic.
struct SalvageCounters {
    std::uint64_t segments = 0;  ///< superseded
    std::uint64_t messages = 0;  ///< moved
    std::uint64_t lost = 0;      ///< messages that no copy held
};

/// See the top of this file.
class Salvager {
  public:
    /// All outlive it.
    Salvager(StorageServerSet& servers,
             base::DbPool& pool,
             base::WorkerPool& workers,
             SalvageOptions options);

    /// Claims some and salvages them. Returns how many were claimed; 0: there are none. Errors:
    /// those of the database; Cancelled.
    [[nodiscard]] base::Result<std::size_t> run_once();

    [[nodiscard]] const SalvageCounters& counters() const noexcept { return counters_; }

  private:
    using Merge = std::shared_ptr<const CopyMerge>;

    [[nodiscard]] base::Status salvage(const HopelessSegment& segment);
    [[nodiscard]] base::Status move_live(const SegmentId& segment, const Merge& merge);
    [[nodiscard]] base::Result<std::uint64_t> take_live(const SegmentId& segment,
                                                        const Merge& merge,
                                                        MovingFrames& moving);
    [[nodiscard]] base::Status move(const Merge& merge, MovingFrames moving);
    [[nodiscard]] base::Status put_off(const SegmentId& segment,
                                       std::chrono::seconds pause,
                                       const std::string& why);
    void report_lost(const SegmentId& segment, std::uint64_t messages);
    [[nodiscard]] base::Deadline statement() const;

    StorageServerSet& servers_;
    base::DbPool& pool_;
    base::WorkerPool& workers_;
    const SalvageOptions options_;
    SalvageCounters counters_;
    std::set<SegmentId> reported_;
};

}  // namespace storage
