#pragma once

// Rebuilder: fills a catalog that was made anew from what the storage servers hold. Of any number
// of trackers one does it; another goes on when that one dies, from the start of the replay.
//
//   1. All storage servers answer, or the operator has said which are lost. Their segments are
//      listed and told to the catalog.
//   2. Of the journal the newest complete checkpoint and all deltas behind it are replayed.
//   3. The aborts of all segments are told: no refused message is delivered.
//   4. The mailboxes are made, with the jump, and opened. Agents deliver again.
//   5. Catch-up reads every segment as ever; a message that the journal mentions is delivered
//      already, any other goes to its INBOX. When nothing is left, the rebuild is done.
//
// Until 4 nothing is delivered and no mailbox is open; until 5 no tracker may remove a file
// (catalog.may_remove_files()).
//
// Owner: the tracker. Thread rule: loop thread, from a fiber; is_open() from any thread. Errors:
// those of the database; Unavailable (storage servers that do not answer; report.rebuild has it);
// Cancelled.

#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/db.h"
#include "base/result.h"
#include "base/worker_pool.h"
#include "storage/journal/journal_reader.h"
#include "storage/journal/rebuild_catalog.h"
#include "storage/path/storage_server_set.h"
#include "storage/tracking/discovery.h"

namespace storage {

struct RebuildOptions {
    std::string tracker;
    std::string database;
    std::chrono::seconds lease{45};
    std::chrono::seconds statement{1'800};  ///< the longest single statement may take so long
};

/// See the top of this file.
class Rebuilder {
  public:
    /// Both outlive it.
    Rebuilder(StorageServerSet& servers, base::DbPool& pool, RebuildOptions options);
    ~Rebuilder();
    Rebuilder(const Rebuilder&) = delete;
    Rebuilder& operator=(const Rebuilder&) = delete;

    /// Looks whether a rebuild is wanted, and does what is next.
    [[nodiscard]] base::Status step();

    /// Keeps the claim while step() is at work, in another fiber.
    [[nodiscard]] base::Status keep();

    /// False while deliveries have to wait.
    [[nodiscard]] bool is_open() const noexcept { return is_open_; }

  private:
    [[nodiscard]] base::Status work(const RebuildClaim& claim);
    [[nodiscard]] base::Status replay(const RebuildClaim& claim);
    // Until the storage servers that this tracker knows are those of the directory.
    [[nodiscard]] base::Status require_layout(const RebuildClaim& claim);
    [[nodiscard]] base::Status find_segments(const RebuildClaim& claim);
    // Without copies on storage servers that are lost.
    [[nodiscard]] base::Result<std::vector<SegmentPlaces>> places(const RebuildClaim& claim,
                                                                  WhichSegments which);
    [[nodiscard]] base::Result<JournalPlan> plan(const std::vector<SegmentPlaces>& journal);
    [[nodiscard]] base::Status replay_segments(const std::vector<SegmentPlaces>& journal,
                                               const JournalPlan& plan);
    [[nodiscard]] base::Status tell_aborts(const RebuildClaim& claim);
    [[nodiscard]] base::Status open(const JournalPlan& plan);
    [[nodiscard]] base::Error waits_for(std::string problem);
    // Runs f(connection) on the rebuild's own connection, whose statements may take long.
    template <typename F>
    auto run(F f);

    StorageServerSet& servers_;
    base::DbPool& pool_;
    const RebuildOptions options_;
    Discovery discovery_;
    base::WorkerPool workers_;
    JournalReader reader_;
    std::unique_ptr<base::DbPool> long_pool_;  // while there is a rebuild of ours
    bool working_ = false;
    std::string told_;  // the problem that was noted last
    std::atomic<bool> is_open_{true};
};

}  // namespace storage
