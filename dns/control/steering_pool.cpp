#include "dns/control/steering_pool.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/clock.h"
#include "base/log.h"

namespace dns {
namespace {

// The engine says when it wants to be asked; a timer that rounds down must not spin.
constexpr double kPollMinS = 0.01;
constexpr double kPollMaxS = 60;

}  // namespace

steering::Now steering_now() noexcept {
    steering::Now now;
    now.monotonic_s =
        std::chrono::duration<double>(base::monotonic_now().time_since_epoch()).count();
    now.unix_us = base::wall_us();
    return now;
}

SteeringPool::SteeringPool(base::Loop& loop, PoolName pool, OnCommit on_commit)
    : loop_(loop),
      pool_(pool),
      on_commit_(std::move(on_commit)),
      prober_(std::make_unique<probe::Prober>(
          loop, probe::ProbeTiming{}, [this](const probe::ProbeResult& result) {
              return on_probe(result);
          })) {
}

SteeringPool::~SteeringPool() = default;

void SteeringPool::restore_trims(std::vector<steering::SavedTrim> trims) {
    restored_ = std::move(trims);
}

base::Result<SteeringPool::Commit> SteeringPool::take(const Directory& directory) {
    PoolPlan plan = plan_pool(directory, pool_);
    if (plan.empty()) {
        restored_ = save_trims();
        engine_.reset();
        hosts_.reset();
        prober_->set_targets({});
        timer_.cancel();
        return Commit();
    }
    const steering::Now now = steering_now();
    if (engine_ && engine_->config() == plan.config) {
        // An override alone: no configuration among the causes that people read.
    } else if (engine_) {
        TRY(engine_->configure(std::move(plan.config), now));
    } else {
        engine_.emplace(TRY(steering::SteeringEngine::create(std::move(plan.config), now)));
        engine_->restore_trims(restored_);
    }
    hosts_ = std::make_shared<const std::vector<SteeredHost>>(std::move(plan.hosts));
    // The servers must be right even where the overrides cannot be: answers name them.
    const base::Status overridden = engine_->set_overrides(std::move(plan.overrides), now);
    if (!overridden) {
        base::log::error("dns",
                         "overrides-refused",
                         {{"pool", pool_name(pool_)}, {"error", overridden.error()}});
    }
    Commit commit = engine_->poll(now);
    prober_->set_targets(plan.targets);
    probe_log_.keep([this](steering::ServerId server) {
        return std::ranges::binary_search(*hosts_, server, {}, &SteeredHost::id);
    });
    arm();
    return commit;
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
    const bool up = engine_->is_up(result.server);
    probe_log_.note(result, up, steering_now().monotonic_s);
    look();
    return up;
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
        [this] { look(); });
}

}  // namespace dns
