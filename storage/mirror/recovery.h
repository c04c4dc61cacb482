#pragma once

// Recovery: seals what a predecessor of this agent (or this agent, when no replica would take the
// seal) left open. Also the part of an operator's "retire this mail server".
//
// It reads every copy of the segment that it reaches, merges their good frames, and writes the
// whole segment with its seal as a new file of a higher generation to each server of the replica
// set that answers and has no sealed copy. The old file is never written to: a write of the dead
// agent that is still stuck in a hung mount cannot reach the new one.
//
// A segment is sealed only when every frame that may have been acknowledged has been seen: the
// copies that were not read must be fewer than min_copies, counting each as a failure domain of its
// own. Servers that an operator declared lost count as read. Else it stays open, and is tried
// again.
//
// Thread rule: loop thread, from a fiber. Memory: a segment is held whole, one at a time.

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "storage/mirror/mirror_writer.h"
#include "storage/path/storage_server_set.h"
#include "storage/segment/frame.h"
#include "storage/segment/reader.h"

namespace storage {

/// What recovery may assume and how long it may take.
struct RecoveryOptions {
    std::set<StorageServerId> lost;  ///< declared lost by an operator
    std::chrono::milliseconds request_deadline{5'000};
    std::uint32_t read_size = 1U << 20U;
};

/// A file of a segment as a storage root lists it.
struct SegmentCopy {
    StorageServerId server;
    std::uint32_t generation = 0;

    friend bool operator==(const SegmentCopy&, const SegmentCopy&) = default;
};

/// What became of one segment.
struct RecoveredSegment {
    SegmentClosed closed;            ///< closed.sealed says whether it has its seal now
    std::vector<IndexEntry> frames;  ///< all good frames, aborted ones included
    std::vector<mail::MessageId> aborted;
    std::vector<Gap> gaps;  ///< that no copy could fill
    std::string reason;     ///< why it is still open
};

/// Copies of a segment on all servers of the set that answer; `unread` gets those that did not.
struct FoundCopies {
    std::vector<SegmentCopy> copies;
    std::vector<StorageServerId> unread;
};

/// Looks at the segment's folder on every server.
[[nodiscard]] FoundCopies find_copies(StorageServerSet& servers,
                                      const SegmentId& segment,
                                      base::Deadline deadline);

/// Recovers one segment. Errors: Unavailable (no copy readable now: try again), NotFound (every
/// server answered and none has a file of it: nothing was ever acknowledged in it), Cancelled.
[[nodiscard]] base::Result<RecoveredSegment> recover_segment(StorageServerSet& servers,
                                                             const SegmentId& segment,
                                                             const RecoveryOptions& options,
                                                             base::Deadline deadline);

/// Segments below the storage roots whose writer is `writer` and that have no sealed copy, found by
/// listing; `except` is left out (the writer's own open one). For a lost journal, and for retiring.
[[nodiscard]] base::Result<std::vector<SegmentId>> find_unsealed(StorageServerSet& servers,
                                                                 const MailServerId& writer,
                                                                 const std::set<SegmentId>& except,
                                                                 base::Deadline deadline);

/// Recovers every segment in `state.unsealed()`, telling each; those that cannot be sealed now stay
/// in the journal. Returns how many are left.
[[nodiscard]] std::size_t recover_all(StorageServerSet& servers,
                                      AgentState& state,
                                      const RecoveryOptions& options,
                                      const std::function<void(const RecoveredSegment&)>& on_done);

}  // namespace storage
