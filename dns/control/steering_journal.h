#pragma once

// SteeringJournal: writes to the database what the steering did: each commit with its cause and
// diff, the priority of each MX, the serials, the domains that are refused. Answers never wait for
// it; while the database is away the newest of each and the last kCommitsKept commits wait here.
// Commits that the database refuses for good are dropped and counted. What waits when the process
// ends is lost: the next life reports all priorities and refused domains again, and serials are
// kept in the snapshot files, too.
//
// Owner: NameServer; destroyed after the loop's run() and before the pool. Thread rule: loop thread
// only.

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/db.h"
#include "base/fiber.h"
#include "base/loop.h"
#include "base/result.h"
#include "dns/control/priority_report.h"
#include "dns/control/serial_keeper.h"
#include "dns/snapshot_builder.h"
#include "dns/steering/commit.h"

namespace dns {

/// Commits that wait for the database; older ones are dropped and counted.
inline constexpr std::size_t kCommitsKept = 1000;

/// Rows of priorities in one transaction.
inline constexpr std::size_t kPriorityRowsMax = 4000;

/// Events that wait for the database; older ones are dropped.
inline constexpr std::size_t kEventsKept = 100;

/// What operators are told beside commits: that the health of a pool is old, or fresh again.
struct JournalEvent {
    std::string severity;  ///< of directory.event
    std::string kind;
    std::string subject;
    std::int64_t age_s = 0;
};

/// What one transaction writes.
struct JournalEntries {
    std::deque<std::shared_ptr<const steering::SteeringCommit>> commits;
    std::optional<PriorityBatch> priorities;
    std::unordered_map<std::int64_t, std::uint32_t> serials;  ///< by domain
    std::optional<std::vector<RefusedDomain>> refused;  ///< the whole list, if it is to be written
    std::vector<std::uint64_t> quiet;                   ///< drains that are over, by override
    std::deque<JournalEvent> events;

    [[nodiscard]] bool empty() const noexcept {
        return commits.empty() && !priorities && serials.empty() && !refused && quiet.empty() &&
               events.empty();
    }
};

/// Writes them in one transaction. Blocks. Errors: those of base::Connection; nothing is written
/// then. Writing the same twice changes nothing but a repeated commit row. A serial only moves
/// forward.
[[nodiscard]] base::Status write_journal(base::Connection& connection,
                                         const std::string& name_server,
                                         const JournalEntries& entries);

/// See the top of this file.
class SteeringJournal {
  public:
    /// `pool` and `priorities` outlive it; it takes the latter's batches, on the loop's thread.
    SteeringJournal(base::DbPool& pool, std::string name_server, PriorityReport& priorities);

    /// Starts its fiber, which ends with the loop. Busy, Cancelled: as of base::spawn.
    base::Status start(base::Loop& loop);

    void add_commit(std::shared_ptr<const steering::SteeringCommit> commit);
    /// The report has priorities to write.
    void look_for_priorities();
    void add_serials(const std::vector<SerialMove>& moves);
    /// Drains (overrides, by id) whose servers are quiet: operators are told by an event, once.
    void add_quiet(const std::vector<std::uint64_t>& overrides);
    /// What this name server refuses from now on; empty: nothing. Operators are told by an event.
    void set_refused(std::vector<RefusedDomain> refused);
    void add_event(JournalEvent event);

  private:
    void run();
    void take_priorities();
    static void drop_commits(JournalEntries& entries, const base::Error& why);
    void put_back(JournalEntries entries);
    void limit();

    base::DbPool& pool_;
    std::string name_server_;
    PriorityReport& priorities_;
    base::Deadline next_batch_{base::Instant{}};  // no batch of priorities is written before
    bool more_priorities_ = true;                 // the report may have some
    JournalEntries waiting_;
    bool away_ = false;  // and logged
    base::FiberEvent news_;
};

}  // namespace dns
