#pragma once

// Repairer: makes the copies that are owed. It claims some of catalog.copy_owed (those of segments
// with the fewest good copies first), reads a good copy whole, writes it to the storage server that
// lacks it as a new file of a generation that no file of the segment has there, and tells the
// catalog. Then it removes the older files of that segment there, which nothing refers to any more.
//
// A source that turns out bad is filed as suspect, and the next one is tried. When every copy is
// bad the good frames of all of them are put together (merged_copy.h). What cannot be made now (no
// source that can be read, a target that fails) is put off for a second, then two, four, at most
// `pause_max`. Storage servers that do not answer are not asked for at all: their copies are due as
// soon as they answer. A copy is the unit of work: who is killed leaves at most a file that the
// next attempt removes.
//
// Thread rule: loop thread, from a fiber. Memory: one segment; every copy of one to merge them.

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "base/db.h"
#include "base/result.h"
#include "base/worker_pool.h"
#include "storage/catalog/upkeep.h"
#include "storage/path/storage_server_set.h"
#include "storage/upkeep/byte_rate.h"
#include "storage/upkeep/copy_check.h"

namespace storage {

struct RepairOptions {
    std::string tracker;  ///< name; claims bear it
    std::size_t claims_max = 8;
    std::chrono::seconds lease{120};
    std::chrono::milliseconds pause_max{8'000};
    std::chrono::milliseconds merge_pause{60'000};  ///< before copies are merged in vain again
    std::chrono::milliseconds transfer_deadline{60'000};  ///< for one whole copy, each way
    std::chrono::milliseconds list_deadline{5'000};
    std::chrono::milliseconds statement_deadline{20'000};
};

/// What happened since the start. Monotonic.
struct RepairCounters {
    std::uint64_t copies = 0;
    std::uint64_t bytes = 0;
    std::uint64_t put_off = 0;
    std::uint64_t bad_sources = 0;
    std::uint64_t merged = 0;  ///< copies made from several, of which none was good as a whole
};

/// See the top of this file.
class Repairer {
  public:
    /// What it works with; all outlive it.
    struct Tools {
        StorageServerSet& servers;
        base::DbPool& pool;
        base::WorkerPool& workers;
        ByteRate& rate;
    };

    Repairer(Tools tools, RepairOptions options);

    /// Claims what is due, once, and makes it. Returns how many copies were made. Errors: those of
    /// the database; Cancelled.
    [[nodiscard]] base::Result<std::size_t> run_once();

    [[nodiscard]] const RepairCounters& counters() const noexcept { return counters_; }

  private:
    // A good copy in memory, or why there is none.
    struct Source {
        std::shared_ptr<const Bytes> bytes;
        base::Digest256 digest{};
        std::string problem;
        bool all_bad = true;  // every copy was read, and none is good
    };

    [[nodiscard]] base::Result<bool> repair(const OwedClaim& claim);
    [[nodiscard]] base::Result<Source> find_source(const OwedClaim& claim);
    [[nodiscard]] base::Status merge_source(const OwedClaim& claim, Source& source);
    [[nodiscard]] base::Status put_off(const OwedClaim& claim, const std::string& problem);
    void remove(const OwedClaim& claim, std::uint32_t generation);
    void report_without_source(const OwedClaim& claim);
    [[nodiscard]] base::Deadline statement() const;

    Tools tools_;
    const RepairOptions options_;
    RepairCounters counters_;
    std::map<SegmentId, base::Deadline> hopeless_;  // no copy is good: when to look again
};

}  // namespace storage
