#pragma once

// JournalWriter: keeps the state of all mailboxes, and the directory, on the storage servers. Of
// any number of trackers one holds the lease and writes: each round a delta of what has changed;
// and a checkpoint, all there is, when the deltas have outgrown the last one. Both are whole
// segments. What they hold and why that is enough: storage/JOURNAL.md.
//
// A delta counts as journaled once its segments are durable in min_copies failure domains and a
// transaction has recorded that. A crash between, or a lost lease, means that the same changes are
// journaled again, which is harmless.
//
// Owner: the tracker. Thread rule: loop thread, from a fiber; delta() and checkpoint() may run in
// two fibers at once; health() from any thread. Errors of both: those of the database; Unavailable
// (too few storage servers); Busy (another tracker has taken the lease); Cancelled. Limits:
// JournalOptions; a page of journal_catalog.h beside them.

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/db.h"
#include "base/result.h"
#include "base/worker_pool.h"
#include "storage/journal/journal_catalog.h"
#include "storage/mirror/placement.h"
#include "storage/path/storage_server_set.h"
#include "storage/segment/frame.h"

namespace storage {

struct JournalOptions {
    std::string tracker;
    std::string database;
    std::chrono::seconds lease{25};               ///< another tracker goes on that much later
    std::uint64_t segment_octets = 32ULL << 20U;  ///< before compression
    std::uint64_t checkpoint_min = 4ULL << 20U;   ///< deltas below that need no checkpoint
    std::chrono::milliseconds write_deadline{10'000};
    std::chrono::milliseconds statement_deadline{30'000};
};

/// For health and metrics.
struct JournalHealth {
    bool is_known = false;  ///< the catalog has been asked
    bool is_leader = false;
    std::int64_t lag_ms = 0;  ///< a rebuild would bring mailboxes back as of so long ago
};

/// See the top of this file.
class JournalWriter {
  public:
    /// Both outlive it.
    JournalWriter(StorageServerSet& servers, base::DbPool& pool, JournalOptions options);
    ~JournalWriter();
    JournalWriter(const JournalWriter&) = delete;
    JournalWriter& operator=(const JournalWriter&) = delete;

    void set_policy(const CopyPolicy& policy) { policy_ = policy; }

    /// One round, if this tracker has the lease. Returns at once while another delta runs.
    [[nodiscard]] base::Status delta();

    /// A checkpoint, if one is due and this tracker has the lease.
    [[nodiscard]] base::Status checkpoint();

    /// The lag now: since the last look at the catalog it has grown by the time that has passed.
    [[nodiscard]] JournalHealth health() const;

  private:
    struct Snapshot;
    struct Round;

    [[nodiscard]] base::Result<JournalClaim> claim();
    [[nodiscard]] base::Status write_delta(const JournalClaim& claim);
    [[nodiscard]] base::Status write_checkpoint(const JournalClaim& claim);
    [[nodiscard]] base::Status add(Round& round, const JournalPart& part, JournalEnd end);
    [[nodiscard]] base::Status flush(Round& round);
    [[nodiscard]] base::Status finish_delta(const JournalClaim& claim,
                                            Round& round,
                                            JournalPages::Contents contents);
    [[nodiscard]] base::Status settle_delta();
    [[nodiscard]] base::Deadline statement() const;

    StorageServerSet& servers_;
    base::DbPool& pool_;
    const JournalOptions options_;
    CopyPolicy policy_;
    base::WorkerPool workers_;
    std::shared_ptr<Snapshot> snapshot_;
    bool in_delta_ = false;
    // Shown to the admin port's thread.
    std::atomic<std::int64_t> looked_ns_{0};
    std::atomic<std::int64_t> lag_ms_{0};
    std::atomic<bool> is_leader_{false};
};

}  // namespace storage
