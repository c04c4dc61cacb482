#pragma once

// FailoverWatch: notices that the catalog is not what it was: its primary was promoted, it was
// restored from a backup, or somebody has jumped. It jumps itself if need be, with more time than a
// delivery has, so that a large catalog jumps at all and access servers that only change flags are
// not kept waiting for the next message.
//
// The highest commit sequence that it saw is kept in a file, at most kSavePause old: a catalog that
// was put back while no daemon ran is found out, too.
//
// Owner: the tracker. Thread rule: loop thread, from a fiber.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/db.h"
#include "base/result.h"
#include "base/worker_pool.h"
#include "storage/catalog/lineage.h"

namespace storage {

struct FailoverWatchOptions {
    std::string committer;  ///< "tracker t1"
    std::string database;
    std::string file;  ///< where the highest sequence is kept
    std::chrono::milliseconds statement_deadline{5'000};
    /// Of a jump: every mailbox is locked and changed.
    std::chrono::milliseconds jump_deadline{900'000};
};

/// See the top of this file.
class FailoverWatch {
  public:
    static constexpr auto kSavePause = std::chrono::seconds(10);

    /// All outlive it.
    FailoverWatch(base::DbPool& pool, base::WorkerPool& workers, FailoverWatchOptions options);

    /// Looks once, jumps if need be. True if the catalog is another than at the last look: what is
    /// remembered of it may be wrong. Errors: those of the database; Cancelled.
    [[nodiscard]] base::Result<bool> look();

  private:
    [[nodiscard]] base::Status load();
    [[nodiscard]] base::Status save();
    [[nodiscard]] base::Result<bool> jump_over(std::int64_t seen);

    base::DbPool& pool_;
    base::WorkerPool& workers_;
    const FailoverWatchOptions options_;
    std::optional<Lineage> last_;
    std::int64_t seen_ = 0;
    std::int64_t saved_ = -1;  // -1: the file was not read yet
    base::Instant saved_at_;
};

}  // namespace storage
