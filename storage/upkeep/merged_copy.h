#pragma once

// The last resort of a repair: no copy of a sealed segment is good as a whole, but together they
// hold it: one lacks the end (its storage server failed in the last batch), another has a flipped
// bit. Since replicas are equal byte for byte, their good frames make the file that each should be.
//
// Thread rule: loop thread, from a fiber; checksums on `workers`. Memory: every copy of one
// segment.

#include <cstdint>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "base/worker_pool.h"
#include "storage/catalog/upkeep.h"
#include "storage/mirror/copy_merge.h"
#include "storage/path/storage_server_set.h"
#include "storage/segment/frame.h"

namespace storage {

/// The sealed file, or why there is none.
struct MergedCopy {
    std::shared_ptr<const Bytes> bytes;
    base::Digest256 digest{};
    std::string problem;
    std::uint64_t bytes_read = 0;
};

/// All copies that could be read, put together as they are.
struct ReadCopies {
    std::shared_ptr<CopyMerge> merge;  ///< without a header if no copy has a good one
    std::size_t copies = 0;
    std::size_t unread = 0;  ///< storage servers and files that could not be read now
    std::uint64_t bytes_read = 0;
};

/// Reads every file of the segment on every storage server that answers. Errors: Cancelled, Timeout
/// (of the checksums).
[[nodiscard]] base::Result<ReadCopies> read_copies(StorageServerSet& servers,
                                                   base::WorkerPool& workers,
                                                   const SegmentId& segment,
                                                   base::Deadline deadline);

/// Reads every file of the segment on every storage server that answers. The result has the length
/// that the catalog says, no gap, and the digest of the catalog or of a good seal, if either is
/// known. Errors: Cancelled.
[[nodiscard]] base::Result<MergedCopy> merge_copies(StorageServerSet& servers,
                                                    base::WorkerPool& workers,
                                                    const SegmentId& segment,
                                                    const SealedShape& shape,
                                                    base::Deadline deadline);

}  // namespace storage
