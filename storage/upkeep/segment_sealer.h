#pragma once

// SegmentSealer: seals what mail servers left open that an operator has retired. Their successor,
// which would do it, never comes; and without a seal no copy of such a segment could be repaired,
// scrubbed or moved. The work is that of an agent's recovery (mirror/recovery.h), whose rule it
// keeps: nothing is sealed while an acknowledged frame may lie on a storage server out of reach.
//
// Thread rule: loop thread, from a fiber. Memory: that of recovery.

#include <chrono>
#include <cstdint>
#include <string>

#include "base/db.h"
#include "base/result.h"
#include "storage/path/storage_server_set.h"
#include "storage/segment/ids.h"

namespace storage {

struct SealOptions {
    std::string tracker;  ///< name; claims bear it
    std::chrono::seconds lease{300};
    std::chrono::milliseconds pause{10'000};  ///< before one that cannot be sealed is tried again
    std::chrono::milliseconds statement_deadline{20'000};
};

/// See the top of this file.
class SegmentSealer {
  public:
    /// Both outlive it.
    SegmentSealer(StorageServerSet& servers, base::DbPool& pool, SealOptions options);

    /// Claims a segment, if one is due, and seals it. Returns how many were sealed. Errors: those
    /// of the database; Cancelled.
    [[nodiscard]] base::Result<std::size_t> run_once();

  private:
    [[nodiscard]] base::Result<bool> seal(const SegmentId& segment);

    StorageServerSet& servers_;
    base::DbPool& pool_;
    const SealOptions options_;
};

}  // namespace storage
