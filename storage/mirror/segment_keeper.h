#pragma once

// SegmentKeeper: keeps MirrorWriter's open segment: where it goes (placement), when it is replaced
// (size, age, a better placement, a replica behind, a broken lease), its seal, and the agent's
// journal of it.
//
// Owner: MirrorWriter. Thread rule: loop thread; calls that wait, from a fiber. stop_work() must
// have been called, or the loop ended, before it is destroyed.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "base/clock.h"
#include "base/fiber.h"
#include "base/guarded.h"
#include "base/loop.h"
#include "base/result.h"
#include "storage/mirror/agent_state.h"
#include "storage/mirror/lease.h"
#include "storage/mirror/mirror_writer.h"
#include "storage/mirror/open_segment.h"
#include "storage/mirror/placement.h"

namespace storage {

/// See the top of this file.
class SegmentKeeper {
  public:
    SegmentKeeper(base::Loop& loop,
                  StorageServerSet& servers,
                  AgentState& agent,
                  const MirrorOptions& options);
    ~SegmentKeeper();
    SegmentKeeper(const SegmentKeeper&) = delete;
    SegmentKeeper& operator=(const SegmentKeeper&) = delete;

    void set_table(MirrorTable table) { table_ = std::move(table); }

    void set_policy(CopyPolicy policy) { policy_ = policy; }

    void set_on_closed(std::function<void(const SegmentClosed&)> on_closed) {
        on_closed_ = std::move(on_closed);
    }

    /// Starts the heartbeat of the lease.
    void start();

    /// True if the process did not stand still for longer than its lease. Ask before each
    /// acknowledgement: after false nothing in the open segment may be acknowledged.
    [[nodiscard]] bool holds_lease();

    /// Waits. Makes sure that a segment is open that may take a batch. Unavailable: too few storage
    /// servers; the first time it waits a little for one to come back. Gives up at `deadline`.
    [[nodiscard]] base::Status ensure_open(base::Deadline deadline);

    /// The open segment, or null.
    [[nodiscard]] OpenSegment* open() noexcept { return open_.get(); }

    /// Distinct failure domains of servers.
    [[nodiscard]] std::size_t domains(const std::vector<StorageServerId>& servers) const;

    /// Of `replicas`, those that the mirroring table asks for.
    [[nodiscard]] bool is_wanted(const StorageServerId& server) const;

    /// The open segment takes no further batch.
    void renew() noexcept { renew_ = open_ != nullptr; }

    /// Seals the open segment in the background, on its healthy replicas.
    void close();

    /// For idle times: rotation by age, and the fitness report.
    void look_after();

    /// No more fitness; waits for the seals under way and for the journal.
    void stop_work(base::Deadline deadline);

    [[nodiscard]] bool is_sealing() const noexcept { return seals_running_ > 0; }

    /// Any thread.
    [[nodiscard]] MirrorFitness fitness() const;
    [[nodiscard]] MirrorCounters counters() const;
    /// Any thread. Counts what the batches did.
    void count(const std::function<void(MirrorCounters&)>& add);

  private:
    [[nodiscard]] std::vector<PlacementCandidate> candidates() const;
    [[nodiscard]] base::Result<Placement> find_placement();
    void update_fitness(const base::Result<Placement>& placement);
    [[nodiscard]] bool should_rotate();
    [[nodiscard]] base::Status try_open(Placement placement);
    void seal(const std::shared_ptr<OpenSegment>& segment);
    void report_closed(const SegmentClosed& closed);

    base::Loop& loop_;
    StorageServerSet& servers_;
    AgentState& agent_;
    const MirrorOptions& options_;
    MirrorTable table_;
    CopyPolicy policy_;
    std::function<void(const SegmentClosed&)> on_closed_;
    std::unique_ptr<OpenSegment> open_;
    std::map<StorageServerId, base::Instant> penalties_;  // until when
    Lease lease_;
    base::Timer heartbeat_;
    base::Instant unfit_since_;
    bool was_fit_ = false;
    bool stopping_ = false;
    bool renew_ = false;  // the open segment
    std::size_t seals_running_ = 0;
    base::WaitQueue seal_ended_;

    // Shared with whoever asks from another thread.
    base::Guarded<MirrorFitness> fitness_;
    base::Guarded<MirrorCounters> counters_;
};

}  // namespace storage
