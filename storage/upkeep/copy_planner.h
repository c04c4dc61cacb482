#pragma once

// CopyPlanner: finds out which copies are missing, and owes them; the repairer makes them. Each
// round it brings in line what can be found by an index (copies known to be bad, storage servers
// that are gone), and goes on with a walk over all segments, a few pages a round: what the
// mirroring table asks for, and stand-ins where fewer than min_copies failure domains hold a copy.
// The walk begins when the directory says something else about placement, and every
// `walk_interval`. One tracker walks at a time; where it stands is in the database, so that any
// other goes on.
//
// It also ends what operators asked for, and so retires storage servers that were emptied; and it
// reads the cluster's rate.
//
// Thread rule: loop thread, from a fiber. Owner: the tracker.

#include <chrono>
#include <cstdint>
#include <string>

#include "base/db.h"
#include "base/result.h"
#include "storage/catalog/upkeep.h"
#include "storage/path/storage_server_set.h"

namespace storage {

struct PlanOptions {
    std::string tracker;
    std::size_t page = 1'000;
    std::size_t pages_max = 10;  ///< in one round
    std::chrono::milliseconds walk_interval{60'000};
    std::chrono::milliseconds request_pause{5'000};  ///< between looks at a request
    std::chrono::milliseconds drain_settle{15'000};  ///< agents hear of a drain within this time
    std::chrono::milliseconds statement_deadline{30'000};
};

/// What happened since the start. Monotonic.
struct PlanCounters {
    std::uint64_t owed = 0;   ///< copies that the walk owed
    std::uint64_t walks = 0;  ///< that came to their end here
    std::uint64_t retired = 0;
};

/// See the top of this file.
class CopyPlanner {
  public:
    /// Both outlive it.
    CopyPlanner(StorageServerSet& servers, base::DbPool& pool, PlanOptions options);

    /// One round. Returns the state after it. Errors: those of the database; Cancelled.
    [[nodiscard]] base::Result<UpkeepState> run_once();

    [[nodiscard]] const PlanCounters& counters() const noexcept { return counters_; }

  private:
    [[nodiscard]] base::Status walk();

    StorageServerSet& servers_;
    base::DbPool& pool_;
    const PlanOptions options_;
    PlanCounters counters_;
};

}  // namespace storage
