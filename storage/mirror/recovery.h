#pragma once

// Recovery: seals what a predecessor of this agent (or this agent, when no replica would take the
// seal) left open. Also the part of an operator's "retire this mail server".
//
// It reads every copy of the segment that it reaches, merges their good frames, and writes the
// whole segment with its seal as a new file of a higher generation to each server of the replica
// set that answers and has no sealed copy. The old file is never written to: a write of the dead
// agent that is still stuck in a hung mount cannot reach the new one.
//
// A segment is sealed only when every frame that may have been acknowledged has been seen. Such a
// frame is in min_copies replicas at least. A replica is in doubt if it cannot be reached, has no
// file, or has bad bytes (a gap, or something behind its last good frame). If the replicas in doubt
// are at least min_copies, and one of them may still turn up, the segment stays open and is tried
// again later. Servers that an operator declared lost do not turn up.
//
// Thread rule: loop thread, from a fiber. Memory: the copies of one segment, one after the other;
// two times its size.

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "storage/mirror/copy_merge.h"
#include "storage/mirror/mirror_writer.h"
#include "storage/path/storage_server_set.h"
#include "storage/segment/frame.h"
#include "storage/segment/reader.h"

namespace storage {

/// What recovery may assume and how long it may take.
struct RecoveryOptions {
    std::set<StorageServerId> lost;                       ///< declared lost by an operator
    std::chrono::milliseconds list_deadline{5'000};       ///< for all servers together
    std::chrono::milliseconds transfer_deadline{30'000};  ///< for one whole copy
};

/// What became of one segment.
struct RecoveredSegment {
    SegmentClosed closed;   ///< closed.sealed: it has its seal, on the replicas that say so
    bool complete = false;  ///< sealed on min_copies replicas: nothing is left to do
    std::vector<IndexEntry> frames;  ///< all good frames, aborted ones included
    std::vector<AbortTarget> aborts;
    std::vector<Gap> gaps;  ///< that no copy could fill
    std::string reason;     ///< why it is not complete
};

/// Copies of a segment on all servers of the set that answer.
struct FoundCopies {
    std::vector<SegmentCopy> copies;
    std::vector<StorageServerId> unread;  ///< did not answer
};

/// Looks into the segment's folder on every server.
[[nodiscard]] FoundCopies find_copies(StorageServerSet& servers,
                                      const SegmentId& segment,
                                      base::Deadline deadline);

/// The whole file of a copy. Errors: those of StorageServerClient::read; TooLarge (over
/// kSegmentSizeMax).
[[nodiscard]] base::Result<Bytes> read_copy(StorageServerSet& servers,
                                            const SegmentId& segment,
                                            const SegmentCopy& copy,
                                            base::Deadline deadline);

/// Writes a whole file of a segment, new, durable when it returns. Also the repair of a copy.
/// Errors: those of StorageServerClient::create and write.
[[nodiscard]] base::Status write_copy(StorageServerSet& servers,
                                      const SegmentId& segment,
                                      const SegmentCopy& copy,
                                      std::shared_ptr<const Bytes> bytes,
                                      base::Deadline deadline);

/// Recovers one segment. Errors: Unavailable (no copy could be read now: try again), NotFound
/// (every server answered and none has a file of it, or empty ones, which are removed: nothing was
/// ever acknowledged in it; or a whole segment without its seal, which was never one), Cancelled.
[[nodiscard]] base::Result<RecoveredSegment> recover_segment(StorageServerSet& servers,
                                                             const SegmentId& segment,
                                                             const RecoveryOptions& options);

/// Segments below the storage roots whose writer is `writer`, opened in a boot epoch below
/// `epoch_end`, and of which no copy ends in a seal; found by listing. Whole segments are not among
/// them. For a lost journal, and for retiring a mail server. What cannot be read is left out: ask
/// again. Errors: Cancelled.
[[nodiscard]] base::Result<std::vector<SegmentId>> find_unsealed(StorageServerSet& servers,
                                                                 const MailServerId& writer,
                                                                 std::uint64_t epoch_end,
                                                                 const RecoveryOptions& options);

/// Recovers every segment in `state.unsealed()`, telling of each that changed; what is not complete
/// stays in the journal. Returns how many are left: then call it again, some seconds later.
[[nodiscard]] std::size_t recover_all(StorageServerSet& servers,
                                      AgentState& state,
                                      const RecoveryOptions& options,
                                      const std::function<void(const RecoveredSegment&)>& on_done);

}  // namespace storage
