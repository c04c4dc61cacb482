#pragma once

// Compactor: gives back the room of messages that belong to no mailbox any more. It claims sealed,
// catalogued segments of one writer whose dead share is over the cluster's, copies the frames that
// are still needed from good copies into new segments that it writes whole, and moves the messages
// there in one transaction with the supersession of the old ones. Of a segment that is wholly dead
// nothing is written.
//
// What it may lose: nothing. A frame is copied if its message is live in the catalog's eyes
// (schema/0011_retention.sql says why none is overlooked) and read through its checksums; a segment
// with a frame that no copy gives now stays as it is. Until the transaction is done nothing refers
// to the new file, and until superseded_grace has passed the old one is there. A crash before the
// transaction leaves a segment that discovery finds, and the next survey finds wholly dead.
//
// Abort frames go along while the segment of the frame that they cancel has a row, which is as long
// as it may have a file: a rebuild from the files must not deliver what was refused. One that
// cancels a frame of its own segment goes with it. Segments with journal frames are left alone.
//
// Thread rule: loop thread, from a fiber. Memory: kMovingMax of messages, or one message if that is
// larger, twice. Reads at most directory.cluster.upkeep_bytes_per_second.

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/db.h"
#include "base/result.h"
#include "base/worker_pool.h"
#include "storage/catalog/compaction.h"
#include "storage/path/storage_server_set.h"
#include "storage/tracking/copy_reader.h"
#include "storage/upkeep/moved_frames.h"
#include "storage/upkeep/sealed_segment.h"

namespace storage {

struct CompactorOptions {
    std::string tracker;  ///< name; claims bear it
    std::size_t segments_max = 16;
    std::chrono::seconds lease{1'800};
    std::chrono::seconds pause{600};  ///< before a segment that failed is tried again
    std::chrono::milliseconds read_deadline{30'000};
    std::chrono::milliseconds write_deadline{120'000};
    std::chrono::milliseconds statement_deadline{30'000};
};

/// What happened since the start. Monotonic.
struct CompactorCounters {
    std::uint64_t superseded = 0;  ///< segments
    std::uint64_t written = 0;     ///< segments
    std::uint64_t put_off = 0;     ///< segments that could not be compacted now
};

/// See the top of this file.
class Compactor {
  public:
    /// All outlive it.
    Compactor(StorageServerSet& servers,
              base::DbPool& pool,
              base::WorkerPool& workers,
              CompactorOptions options);

    /// Claims segments of one writer and compacts them. Returns how many were claimed; 0: nothing
    /// is due. Errors: those of the database, Unavailable (too few servers take the new segment),
    /// Cancelled.
    [[nodiscard]] base::Result<std::size_t> run_once();

    [[nodiscard]] const CompactorCounters& counters() const noexcept { return counters_; }

  private:
    // What goes into the next whole segment.
    struct Batch {
        MovingFrames moving;
        std::uint64_t octets = 0;
        bool is_lost = false;
    };

    // A claimed segment and what it says of itself.
    struct Source {
        CompactableSegment claimed;
        SealedSegment sealed;
    };

    [[nodiscard]] base::Status begin();
    [[nodiscard]] base::Result<std::vector<Source>> read_sources(
        std::vector<CompactableSegment> claimed);
    [[nodiscard]] base::Status drop_spent_aborts(std::vector<Source>& sources);
    [[nodiscard]] base::Status compact(std::vector<Source> sources);
    [[nodiscard]] base::Status take_live(const Source& source, Batch& batch);
    [[nodiscard]] base::Status take_frame(const Source& source,
                                          const LiveFrame& frame,
                                          Batch& batch);
    [[nodiscard]] base::Status rest_after(std::uint64_t bytes);
    [[nodiscard]] base::Status flush(const SegmentHeader& writer, Batch& batch);
    [[nodiscard]] base::Status put_off(const SegmentId& segment, const base::Error& why);
    void suspect(const Suspicion& suspicion);
    [[nodiscard]] base::Deadline statement() const;

    StorageServerSet& servers_;
    base::DbPool& pool_;
    base::WorkerPool& workers_;
    const CompactorOptions options_;
    CopyReader reader_;
    CompactorCounters counters_;
    std::uint64_t bytes_per_second_ = 0;
    base::Duration rest_{0};
    bool begun_ = false;
};

}  // namespace storage
