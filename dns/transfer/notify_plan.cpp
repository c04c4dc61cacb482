#include "dns/transfer/notify_plan.h"

#include <algorithm>
#include <cmath>

namespace dns::transfer {

void NotifyPlan::want(const NoticeKey& key, std::uint32_t serial, double now_s) {
    auto place = notices_.find(key);
    if (place == notices_.end()) {
        if (notices_.size() >= kNoticesMax) {
            ++counts_.dropped;
            return;
        }
        place = notices_.emplace(key, State{}).first;
    } else {
        by_due_.erase({place->second.due_s, key});
    }
    place->second = {serial, 0, now_s, std::nullopt};
    by_due_.emplace(now_s, key);
}

std::vector<Notice> NotifyPlan::take_due(double now_s, std::size_t most) {
    std::vector<Notice> due;
    while (due.size() < most && !by_due_.empty() && by_due_.begin()->first <= now_s) {
        const auto place = notices_.find(by_due_.begin()->second);
        State& state = place->second;
        if (state.attempts == kNotifyAttempts) {
            ++counts_.given_up;
            forget(place);
            continue;
        }
        due.push_back({place->first, state.serial});
        ++counts_.sent;
        const double wait = kNotifyWait * std::exp2(static_cast<double>(state.attempts));
        ++state.attempts;
        set_due(place, now_s + std::min(wait, kNotifyWaitMax));
    }
    return due;
}

void NotifyPlan::sent_as(const NoticeKey& key, std::uint16_t id) {
    const auto place = notices_.find(key);
    if (place != notices_.end()) {
        place->second.id = id;
    }
}

bool NotifyPlan::acknowledge(const NoticeKey& key, std::uint16_t id) {
    const auto place = notices_.find(key);
    if (place == notices_.end() || place->second.id != id) {
        return false;
    }
    ++counts_.acknowledged;
    forget(place);
    return true;
}

void NotifyPlan::keep_only(const std::set<base::Endpoint>& keep) {
    for (auto place = notices_.begin(); place != notices_.end();) {
        const auto next = std::next(place);
        if (!keep.contains(place->first.to)) {
            forget(place);
        }
        place = next;
    }
}

std::optional<double> NotifyPlan::next_due_s() const noexcept {
    return by_due_.empty() ? std::nullopt : std::optional(by_due_.begin()->first);
}

void NotifyPlan::set_due(Notices::iterator place, double due_s) {
    by_due_.erase({place->second.due_s, place->first});
    place->second.due_s = due_s;
    by_due_.emplace(due_s, place->first);
}

void NotifyPlan::forget(Notices::iterator place) {
    by_due_.erase({place->second.due_s, place->first});
    notices_.erase(place);
}

}  // namespace dns::transfer
