#pragma once

// SteeringPool: the steering of one pool at work on a loop: the engine, the prober that feeds it,
// and the timer that asks it for commits. The sockets are the prober's, the rule is the engine's;
// this is the wire between them.
//
// Owner: NameServer; destroyed before the loop. Thread rule: loop thread only. `on_commit` is
// called from probes and timers, never from inside a call of this class.

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "base/loop.h"
#include "base/result.h"
#include "dns/directory/directory.h"
#include "dns/directory/pools.h"
#include "dns/explain/probe_log.h"
#include "dns/probe/prober.h"
#include "dns/snapshot_builder.h"
#include "dns/steering/engine.h"

namespace dns {

/// Both clocks, as the engine takes them.
[[nodiscard]] steering::Now steering_now() noexcept;

/// See the top of this file.
class SteeringPool {
  public:
    using Commit = std::shared_ptr<const steering::SteeringCommit>;
    using OnCommit = std::function<void(const Commit&)>;

    SteeringPool(base::Loop& loop, PoolName pool, OnCommit on_commit);
    ~SteeringPool();
    SteeringPool(const SteeringPool&) = delete;
    SteeringPool& operator=(const SteeringPool&) = delete;

    /// What an earlier life learnt; before the first take().
    void restore_trims(std::vector<steering::SavedTrim> trims);

    /// Takes what is configured; gives the commit that follows from it, null if none does.
    /// Errors: Invalid from the engine; the old configuration then stays in force. Overrides that
    /// the engine refuses are logged, those of before then stay.
    base::Result<Commit> take(const Directory& directory);

    /// What the answers are to be made from.
    [[nodiscard]] PoolInput input() const;

    [[nodiscard]] std::vector<steering::SavedTrim> save_trims() const;

    [[nodiscard]] const probe::ProbeCounts& probe_counts() const noexcept {
        return prober_->counts();
    }

    /// For those who explain; null without a pool. Valid until the next take().
    [[nodiscard]] const steering::SteeringEngine* engine() const noexcept {
        return engine_ ? &*engine_ : nullptr;
    }

    [[nodiscard]] const explain::ProbeLog& probe_log() const noexcept { return probe_log_; }

    /// Servers that the probes call up; nothing without a pool.
    [[nodiscard]] std::size_t servers_up() const;

  private:
    bool on_probe(const probe::ProbeResult& result);
    void look();
    void arm();

    base::Loop& loop_;
    PoolName pool_;
    OnCommit on_commit_;
    std::vector<steering::SavedTrim> restored_;  // for the next engine
    std::optional<steering::SteeringEngine> engine_;
    std::shared_ptr<const std::vector<SteeredHost>> hosts_;
    std::unique_ptr<probe::Prober> prober_;
    explain::ProbeLog probe_log_;
    base::Timer timer_;
};

}  // namespace dns
