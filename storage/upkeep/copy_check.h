#pragma once

// Checking a copy of a sealed segment: whole (the scrub: each octet counts) or by its length and
// seal alone. A storage server that does not answer decides nothing; a missing file counts as bad
// only while the root shows its identity file.
//
// Thread rule: loop thread, from a fiber. Digests run on `workers`. Memory: one whole file.

#include <cstdint>
#include <memory>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/worker_pool.h"
#include "storage/catalog/upkeep.h"
#include "storage/mirror/recovery.h"
#include "storage/path/storage_server_set.h"
#include "storage/segment/ids.h"

namespace storage {

/// Storage servers that answer now.
[[nodiscard]] std::vector<StorageServerId> answering_stores(const StorageServerSet& servers);

/// Generations of the segment's files on one storage server, the newest first. Errors: those of
/// StorageServerClient::list, but for NotFound: then there are none.
[[nodiscard]] base::Result<std::vector<std::uint32_t>> generations_on(StorageServerSet& servers,
                                                                      const SegmentId& segment,
                                                                      const StorageServerId& store,
                                                                      base::Deadline deadline);

/// What a whole reading found.
struct CheckedCopy {
    CopyFinding finding;
    std::shared_ptr<const Bytes> bytes;  ///< of a good one: the file up to the end of its seal
    std::uint64_t bytes_read = 0;
};

/// Reads a copy whole. Good: it is this segment, sealed, with the digest that its seal says, of the
/// length and, if that is known, the digest that the catalog has. Errors: Cancelled.
[[nodiscard]] base::Result<CheckedCopy> check_whole(StorageServerSet& servers,
                                                    base::WorkerPool& workers,
                                                    const SegmentId& segment,
                                                    const SegmentCopy& copy,
                                                    const SealedShape& shape,
                                                    base::Deadline deadline);

/// Looks at a copy's length and at the trailer of its seal. Errors: Cancelled.
[[nodiscard]] base::Result<CopyFinding> check_seal_only(StorageServerSet& servers,
                                                        const SegmentId& segment,
                                                        const SegmentCopy& copy,
                                                        std::uint64_t length,
                                                        base::Deadline deadline);

}  // namespace storage
