#pragma once

// Whole segments: a segment that a tracker writes at one go, sealed from birth: what is left of
// compacted segments, and journals.
//
// Its header says boot epoch 0, which no agent has. That means "written whole": a file of it that
// does not end in its seal is what a tracker left that died in between. Nothing refers to it, no
// successor completes it, and it is removed when it is an hour old (SEGMENT.md, "Whole segments").
//
// Thread rule: loop thread, from a fiber. Memory: two times the size of the segment.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/worker_pool.h"
#include "storage/catalog/catalog.h"
#include "storage/mirror/placement.h"
#include "storage/path/storage_server_set.h"
#include "storage/segment/frame.h"

namespace storage {

/// Envelopes, summaries and messages of a whole segment together, unless it has one frame only.
inline constexpr std::uint64_t kWholeSegmentMax = 64ULL << 20U;

/// An abort frame that is carried over from another segment.
struct CarriedAbort {
    AbortTarget target;
    std::uint64_t at_us = 0;
    MailServerId server;  ///< who refused the message
};

/// What is to be written.
struct WholeSegment {
    std::string writer;
    MailServerId writer_id;            ///< may be nil
    std::vector<FrameInput> frames;    ///< messages or journal frames
    std::vector<CarriedAbort> aborts;  ///< behind the frames
    MirrorTable table;  ///< of the mail server whose frames these are; a nil own and no
                        ///< peers: the first that answer, in ring order
};

/// What was written.
struct WrittenSegment {
    std::shared_ptr<const SegmentHeader> header;
    std::uint64_t first_frame = 0;
    Seal seal;
    std::vector<FrameLocation> locations;  ///< of the frames, then of the aborts
    std::vector<StorageServerId> durable;
    std::vector<OwedCopy> owed;  ///< of the table, not durable
    SegmentNote note;  ///< sealed, with replicas and owed copies: for note_whole_segments()
};

/// Writes the segment to servers that place() chooses, and to others instead of those that fail.
/// It is good when it is durable in as many distinct failure domains as place() asks for. Errors:
/// Unavailable (too few servers take it in time; a whole copy that was written stays, and is a
/// segment like any other, with frames that are elsewhere, too), Invalid (no frame, or one that the
/// encoder refuses), TooLarge, Cancelled.
[[nodiscard]] base::Result<WrittenSegment> write_whole_segment(StorageServerSet& servers,
                                                               base::WorkerPool& workers,
                                                               const CopyPolicy& policy,
                                                               WholeSegment segment,
                                                               base::Deadline deadline);

}  // namespace storage
