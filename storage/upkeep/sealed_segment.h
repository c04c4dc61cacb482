#pragma once

// Reading what a sealed segment says of itself, from whichever copy has it good: header, seal, and
// the abort frames, which the catalog does not have. Messages are not read.
//
// Thread rule: loop thread, from a fiber.

#include <cstdint>
#include <span>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "storage/catalog/catalog.h"
#include "storage/mirror/whole_segment.h"
#include "storage/path/storage_server_set.h"
#include "storage/segment/frame.h"

namespace storage {

struct SealedSegment {
    SegmentHeader header;
    Seal seal;
    std::vector<CarriedAbort> aborts;
};

/// `length`: of the sealed file, as the catalog says. Errors: Unavailable (no copy could be read
/// now), Corrupt (all were read, and none is good), Cancelled.
[[nodiscard]] base::Result<SealedSegment> read_sealed(StorageServerSet& servers,
                                                      const SegmentId& segment,
                                                      std::uint64_t length,
                                                      std::span<const ReplicaPlace> replicas,
                                                      base::Deadline deadline);

}  // namespace storage
