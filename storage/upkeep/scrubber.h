#pragma once

// Scrubber: reads copies whole, so that a flipped bit is found before the other copy is lost too.
// Copies under suspicion come first, then those that were not read for cluster.scrub_interval, or
// that an operator asked for. It also looks at length and seal of copies that nobody has seen.
//
// A copy that is bad is suspect; only a second bad reading, an attribute-cache lifetime later and
// of a file that is opened afresh, makes it lost, and owed: a client of NFS may show old octets for
// so long. A copy that is good elsewhere than the catalog thinks (another file of the same segment
// on that storage server) is taken for what it is. A storage server that does not answer decides
// nothing.
//
// Thread rule: loop thread, from a fiber. Memory: one segment.

#include <chrono>
#include <cstdint>
#include <string>

#include "base/db.h"
#include "base/result.h"
#include "base/worker_pool.h"
#include "storage/catalog/upkeep.h"
#include "storage/path/storage_server_set.h"
#include "storage/upkeep/byte_rate.h"
#include "storage/upkeep/copy_check.h"

namespace storage {

struct ScrubOptions {
    std::string tracker;  ///< name; claims bear it
    SuspicionTimes times;
    std::size_t claims_max = 8;
    std::size_t looks_max = 64;  ///< at length and seal, in one claim
    std::chrono::seconds lease{120};
    std::chrono::milliseconds read_deadline{60'000};  ///< for one whole copy
    std::chrono::milliseconds look_deadline{5'000};
    std::chrono::milliseconds statement_deadline{20'000};
};

/// What happened since the start. Monotonic.
struct ScrubCounters {
    std::uint64_t copies = 0;  ///< read whole
    std::uint64_t bytes = 0;
    std::uint64_t bad = 0;   ///< readings that were bad
    std::uint64_t lost = 0;  ///< copies that were bad twice
    std::uint64_t looked_at = 0;
};

/// See the top of this file.
class Scrubber {
  public:
    /// What it works with; all outlive it.
    struct Tools {
        StorageServerSet& servers;
        base::DbPool& pool;
        base::WorkerPool& workers;
        ByteRate& rate;
    };

    Scrubber(Tools tools, ScrubOptions options);

    /// Claims what is due, once, and reads it. Returns how many copies were read or looked at.
    /// Errors: those of the database; Cancelled.
    [[nodiscard]] base::Result<std::size_t> run_once();

    [[nodiscard]] const ScrubCounters& counters() const noexcept { return counters_; }

  private:
    [[nodiscard]] base::Status scrub(const ReplicaClaim& claim);
    [[nodiscard]] base::Result<CopyFinding> read(const ReplicaClaim& claim);
    [[nodiscard]] base::Result<std::size_t> look(const UpkeepClaim& claim);
    [[nodiscard]] base::Deadline statement() const;

    Tools tools_;
    const ScrubOptions options_;
    ScrubCounters counters_;
};

}  // namespace storage
