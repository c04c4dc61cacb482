#include "dns/control/steering_pool.h"

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <utility>

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"

namespace dns {
namespace {

// The engine says when it wants to be asked; a timer that rounds down must not spin.
constexpr double kPollMinS = 0.01;
constexpr double kPollMaxS = 60;

// Name servers of a cluster do not probe in step for ever.
probe::ProbeTiming own_timing() {
    probe::ProbeTiming timing;
    std::array<std::byte, sizeof timing.seed> seed{};
    base::random_fill(seed);
    timing.seed = std::bit_cast<std::uint64_t>(seed);
    return timing;
}

}  // namespace

steering::Now steering_now() noexcept {
    steering::Now now;
    now.monotonic_s =
        std::chrono::duration<double>(base::monotonic_now().time_since_epoch()).count();
    now.unix_us = base::wall_us();
    return now;
}

SteeringPool::SteeringPool(base::Loop& loop,
                           PoolName pool,
                           OnCommit on_commit,
                           std::function<void()> on_first_round)
    : loop_(loop),
      pool_(pool),
      on_commit_(std::move(on_commit)),
      on_first_round_(std::move(on_first_round)),
      prober_(std::make_unique<probe::Prober>(
          loop, own_timing(), [this](const probe::ProbeResult& result) {
              return on_probe(result);
          })) {
}

SteeringPool::~SteeringPool() = default;

void SteeringPool::restore_trims(std::vector<steering::SavedTrim> trims) {
    restored_ = std::move(trims);
}

void SteeringPool::restore_health(std::vector<steering::SavedHealth> health) {
    restored_health_ = std::move(health);
}

base::Result<SteeringPool::Commit> SteeringPool::take(std::shared_ptr<const Directory> directory) {
    const steering::Now now = steering_now();
    if (engine_ && directory_ != nullptr && same_pool(*directory_, *directory, pool_)) {
        directory_ = std::move(directory);
        take_overrides(plan_overrides(*directory_, pool_, engine_->config().servers), now);
        Commit commit = engine_->poll(now);
        arm();
        return commit;
    }
    PoolPlan plan = plan_pool(*directory, pool_);
    directory_ = nullptr;  // until the engine has it
    if (plan.empty()) {
        restored_ = save_trims();
        restored_health_ = save_health();
        engine_.reset();
        hosts_.reset();
        prober_->set_targets({});
        timer_.cancel();
        first_round_end_.cancel();
        first_round_ = false;
        return Commit();
    }
    if (engine_ && engine_->config() == plan.config) {
        // No configuration among the causes that people read.
    } else if (engine_) {
        TRY(engine_->configure(std::move(plan.config), now));
    } else {
        engine_.emplace(TRY(steering::SteeringEngine::create(std::move(plan.config), now)));
        engine_->restore_trims(restored_);
        engine_->restore_health(std::exchange(restored_health_, {}), now);
        begin_first_round(plan);
    }
    hosts_ = std::make_shared<const std::vector<SteeredHost>>(std::move(plan.hosts));
    directory_ = std::move(directory);
    take_overrides(std::move(plan.overrides), now);
    Commit commit = engine_->poll(now);
    old_after_s_ = 0;
    for (const probe::ProbeTarget& target : plan.targets) {
        const probe::ProbeTiming timing = target.timing.value_or(probe::ProbeTiming{});
        old_after_s_ =
            std::max(old_after_s_,
                     kOldIntervals * timing.interval_s * (1 + timing.jitter) + timing.timeout_s);
    }
    prober_->set_targets(plan.targets);
    probe_log_.keep([this](steering::ServerId server) {
        return std::ranges::binary_search(*hosts_, server, {}, &SteeredHost::id);
    });
    arm();
    return commit;
}

// The servers must be right even where the overrides cannot be: answers name them.
void SteeringPool::take_overrides(std::vector<steering::Override> overrides, steering::Now now) {
    const base::Status overridden = engine_->set_overrides(std::move(overrides), now);
    if (!overridden) {
        base::log::error("dns",
                         "overrides-refused",
                         {{"pool", pool_name(pool_)}, {"error", overridden.error()}});
    }
}

void SteeringPool::begin_first_round(const PoolPlan& plan) {
    first_round_ = !plan.targets.empty() && engine_->unproven() > 0;
    if (first_round_) {
        first_round_end_ = base::Timer::after(loop_, kFirstRoundMax, [this] { end_first_round(); });
    }
}

void SteeringPool::end_first_round() {
    first_round_end_.cancel();
    if (!std::exchange(first_round_, false)) {
        return;
    }
    look();
    if (on_first_round_) {
        on_first_round_();
    }
}

PoolInput SteeringPool::input() const {
    if (!engine_) {
        return {};
    }
    return {engine_->last_commit(), hosts_};
}

std::vector<steering::SavedTrim> SteeringPool::save_trims() const {
    return engine_ ? engine_->save_trims() : restored_;
}

std::vector<steering::SavedHealth> SteeringPool::save_health() const {
    return engine_ ? engine_->save_health(steering_now()) : restored_health_;
}

SteeringPool::News SteeringPool::watch() {
    News news;
    if (engine_) {
        const steering::Now now = steering_now();
        news.age_s = engine_->oldest_news_s(now);
        news.old = old_after_s_ > 0 && news.age_s > old_after_s_;
        for (const steering::ServerStatus& server : engine_->status(now)) {
            news.servers_up += server.up ? 1U : 0U;
            news.held_down += server.held_s.value_or(0) > 0 ? 1U : 0U;
            news.changes += server.changes;
        }
    }
    if (news.old && !told_old_) {
        base::log::error(
            "dns",
            "health-old",
            {{"pool", pool_name(pool_)}, {"age_s", static_cast<std::int64_t>(news.age_s)}});
    } else if (!news.old && told_old_) {
        base::log::info("dns", "health-fresh", {{"pool", pool_name(pool_)}});
    }
    told_old_ = news.old;
    return news;
}

std::size_t SteeringPool::servers_up() const {
    if (!engine_) {
        return 0;
    }
    const auto status = engine_->status(steering_now());
    return static_cast<std::size_t>(
        std::ranges::count_if(status, [](const auto& server) { return server.up; }));
}

bool SteeringPool::on_probe(const probe::ProbeResult& result) {
    if (!engine_) {
        return true;
    }
    engine_->on_probe(result, steering_now());
    const bool wants_news = engine_->wants_news(result.server);
    probe_log_.note(result, engine_->is_up(result.server), steering_now().monotonic_s);
    if (!first_round_) {
        look();
    } else if (engine_->unproven() == 0) {
        end_first_round();
    }
    return wants_news;
}

void SteeringPool::look() {
    const Commit commit = engine_->poll(steering_now());
    arm();
    if (commit != nullptr) {
        on_commit_(commit);
    }
}

void SteeringPool::arm() {
    const steering::Now now = steering_now();
    const double left_s =
        std::clamp(engine_->next_poll_s(now) - now.monotonic_s, kPollMinS, kPollMaxS);
    timer_ = base::Timer::after(
        loop_,
        std::chrono::duration_cast<base::Duration>(std::chrono::duration<double>(left_s)),
        [this] {
            if (!first_round_) {
                look();
            }
        });
}

}  // namespace dns
