#pragma once

// SteeringPool: the steering of one pool at work on a loop: the engine, the prober that feeds it,
// and the timer that asks it for commits. The sockets are the prober's, the rule is the engine's;
// this is the wire between them.
//
// The first round: for a while after the first take() (until each server that is probed has had a
// verdict, kFirstRoundMax at most) no probe makes a commit, so that a start is one commit and not
// one for each server; `on_first_round` says when it is over.
//
// Old news: probes bring news of every server all the time, if only that it does not answer. When
// they do not (this process stood still, or has no descriptors), nothing changes, since nothing is
// known to have changed; that is logged, and news_age() shows it.
//
// Owner: NameServer; destroyed before the loop. Thread rule: loop thread only. `on_commit` is
// called from probes and timers, never from inside a call of this class.

#include <chrono>
#include <cstdint>
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

/// Longest time that the first round of probes is waited for.
inline constexpr base::Duration kFirstRoundMax = std::chrono::seconds(3);

/// Health that was saved longer ago says nothing any more.
inline constexpr base::Duration kHealthKept = std::chrono::minutes(10);

/// Intervals without news of a server, beyond which the health of the pool is old.
inline constexpr double kOldIntervals = 3;

/// Both clocks, as the engine takes them.
[[nodiscard]] steering::Now steering_now() noexcept;

/// See the top of this file.
class SteeringPool {
  public:
    using Commit = std::shared_ptr<const steering::SteeringCommit>;
    using OnCommit = std::function<void(const Commit&)>;

    /// `on_first_round` as `on_commit`; it comes after each first round, without one there is none.
    SteeringPool(base::Loop& loop,
                 PoolName pool,
                 OnCommit on_commit,
                 std::function<void()> on_first_round = {});
    ~SteeringPool();
    SteeringPool(const SteeringPool&) = delete;
    SteeringPool& operator=(const SteeringPool&) = delete;

    /// What an earlier life learnt; before the first take().
    void restore_trims(std::vector<steering::SavedTrim> trims);
    /// The same of health, as it was just now.
    void restore_health(std::vector<steering::SavedHealth> health);

    /// Takes what is configured; gives the commit that follows from it, null if none does.
    /// Errors: Invalid from the engine; the old configuration then stays in force. Overrides that
    /// the engine refuses are logged, those of before then stay.
    base::Result<Commit> take(std::shared_ptr<const Directory> directory);

    /// What the answers are to be made from.
    [[nodiscard]] PoolInput input() const;

    [[nodiscard]] std::vector<steering::SavedTrim> save_trims() const;
    [[nodiscard]] std::vector<steering::SavedHealth> save_health() const;

    /// Something may be answered: not within a first round.
    [[nodiscard]] bool is_ready() const noexcept { return !first_round_; }

    /// What the metrics show of the health.
    struct News {
        double age_s = 0;  ///< of the oldest news of a server that is probed
        bool old = false;  ///< nobody hears of a server any more
        std::size_t servers_up = 0;
        std::size_t held_down = 0;  ///< well again, and kept down for flapping
        std::uint64_t changes = 0;  ///< times that a server of now went up or down
    };

    /// As it is now. Call it about once a second: it tells the log when the news grows old.
    News watch();

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
    void take_overrides(std::vector<steering::Override> overrides, steering::Now now);
    void begin_first_round(const PoolPlan& plan);
    void end_first_round();

    base::Loop& loop_;
    PoolName pool_;
    OnCommit on_commit_;
    std::function<void()> on_first_round_;
    std::vector<steering::SavedTrim> restored_;  // for the next engine
    std::vector<steering::SavedHealth> restored_health_;
    double old_after_s_ = 0;  // news beyond this age is old
    bool told_old_ = false;
    bool first_round_ = false;
    std::optional<steering::SteeringEngine> engine_;
    std::shared_ptr<const Directory> directory_;  // that engine_ is configured from
    std::shared_ptr<const std::vector<SteeredHost>> hosts_;
    std::unique_ptr<probe::Prober> prober_;
    explain::ProbeLog probe_log_;
    base::Timer timer_;
    base::Timer first_round_end_;
};

}  // namespace dns
