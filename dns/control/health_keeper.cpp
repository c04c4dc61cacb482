#include "dns/control/health_keeper.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <string>
#include <utility>

namespace dns {
namespace {

constexpr std::int64_t kSecond_us = 1'000'000;
// So that a file which says the same is not believed to be as old as the last change.
constexpr std::int64_t kRewrite_us = 60 * kSecond_us;

// Flaps fade all the time; only what tells servers apart is worth a write.
bool says_the_same(const std::vector<steering::SavedHealth>& left,
                   const std::vector<steering::SavedHealth>& right) {
    return std::ranges::equal(left, right, [](const auto& a, const auto& b) {
        return a.id == b.id && a.up == b.up && a.reason == b.reason;
    });
}

}  // namespace

HealthKeeper::Pool HealthKeeper::make_pool(SteeringPool& steering, PoolName name) {
    const base::Labels labels = {{"pool", pool_name(name)}};
    Pool pool;
    pool.steering = &steering;
    pool.name = name;
    pool.age = &base::gauge("roundtable_dns_probe_age_seconds",
                            "Age of the oldest news that probes brought of a server",
                            labels);
    pool.is_old = &base::gauge(
        "roundtable_dns_health_old", "1 while probes bring no news of some server", labels);
    pool.held_down = &base::gauge(
        "roundtable_dns_servers_held", "Servers that are well and kept down for flapping", labels);
    pool.changes = &base::counter("roundtable_dns_health_changes_total",
                                  "Times that probes called a server up or down",
                                  labels);
    return pool;
}

HealthKeeper::HealthKeeper(SteeringPool& mail, SteeringPool& access, SteeringJournal& journal)
    : pools_{make_pool(mail, PoolName::Mail), make_pool(access, PoolName::Access)},
      journal_(&journal) {
}

void HealthKeeper::restore(const SavedPoolHealth& saved, std::int64_t now_us) {
    // A file from the future tells of a clock that was set, and nothing of how old it is.
    const std::int64_t age_us = now_us - saved.saved_us;
    if (age_us < 0 ||
        age_us > std::chrono::duration_cast<std::chrono::microseconds>(kHealthKept).count()) {
        return;
    }
    pools_[0].steering->restore_health(saved.mail);
    pools_[1].steering->restore_health(saved.access);
    saved_ = saved;
}

void HealthKeeper::watch() {
    for (Pool& pool : pools_) {
        watch(pool);
    }
}

void HealthKeeper::watch(Pool& pool) {
    const SteeringPool::News news = pool.steering->watch();
    pool.age->set(news.age_s);
    pool.is_old->set(news.old ? 1 : 0);
    pool.held_down->set(static_cast<double>(news.held_down));
    // Servers that left take their changes with them.
    if (news.changes > pool.changes_taken) {
        pool.changes->add(news.changes - pool.changes_taken);
    }
    pool.changes_taken = news.changes;
    if (news.old != pool.old) {
        pool.old = news.old;
        journal_->add_event({news.old ? "alarm" : "info",
                             news.old ? "health_old" : "health_fresh",
                             std::string(pool_name(pool.name)),
                             static_cast<std::int64_t>(std::floor(news.age_s))});
    }
}

std::optional<SavedPoolHealth> HealthKeeper::unsaved(std::int64_t now_us) const {
    SavedPoolHealth now;
    now.saved_us = now_us;
    now.mail = pools_[0].steering->save_health();
    now.access = pools_[1].steering->save_health();
    const bool fresh = now_us >= saved_.saved_us && now_us - saved_.saved_us < kRewrite_us;
    const bool same =
        says_the_same(now.mail, saved_.mail) && says_the_same(now.access, saved_.access);
    const bool nothing = now.mail.empty() && now.access.empty();
    if (nothing || (fresh && same)) {
        return std::nullopt;
    }
    return now;
}

}  // namespace dns
