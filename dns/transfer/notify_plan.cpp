#include "dns/transfer/notify_plan.h"

#include <algorithm>
#include <cmath>

namespace dns::transfer {
namespace {

// What may go at once after a time without any: a tenth of a second's.
constexpr double kBurst = 0.1;

}  // namespace

bool NotifyPlan::want(const Name& zone, std::uint32_t serial, double now_s, Hurry hurry) {
    auto place = notices_.find(zone);
    if (place == notices_.end()) {
        if (notices_.size() >= kNoticesMax) {
            return false;
        }
        place = notices_.emplace(zone, State{}).first;
    } else {
        by_due_.erase({place->second.due_s, place});
    }
    // Due since the beginning of time: before all others.
    const double due_s = hurry == Hurry::Yes ? 0 : now_s;
    place->second = {serial, 0, due_s, std::nullopt, {}};
    by_due_.emplace(due_s, place);
    return true;
}

std::vector<Notice> NotifyPlan::take_due(double now_s, std::size_t most) {
    const double burst = std::max(1.0, per_second_ * kBurst);
    allowed_ = std::min(burst, allowed_ + (now_s - paced_s_) * per_second_);
    paced_s_ = now_s;
    std::vector<Notice> due;
    while (due.size() < most && !by_due_.empty() && by_due_.begin()->first <= now_s) {
        const auto place = by_due_.begin()->second;
        State& state = place->second;
        if (state.attempts == kNotifyAttempts) {
            ++counts_.given_up;
            given_up_.push_back(place->first);
            erase(place);
            continue;
        }
        if (allowed_ < 1) {
            break;
        }
        allowed_ -= 1;
        due.push_back({place->first, state.serial});
        ++counts_.sent;
        const double wait = kNotifyWait * std::exp2(static_cast<double>(state.attempts));
        ++state.attempts;
        set_due(place, now_s + std::min(wait, kNotifyWaitMax));
    }
    return due;
}

void NotifyPlan::sent_as(const Name& zone, std::uint16_t id, const Mac& mac) {
    const auto place = notices_.find(zone);
    if (place != notices_.end()) {
        place->second.id = id;
        place->second.mac = mac;
    }
}

const Mac* NotifyPlan::sent_mac(const Name& zone) const {
    const auto place = notices_.find(zone);
    return place == notices_.end() || !place->second.id ? nullptr : &place->second.mac;
}

bool NotifyPlan::acknowledge(const Name& zone, std::uint16_t id) {
    const auto place = notices_.find(zone);
    if (place == notices_.end() || place->second.id != id) {
        return false;
    }
    ++counts_.acknowledged;
    erase(place);
    return true;
}

void NotifyPlan::forget(const Name& zone) {
    const auto place = notices_.find(zone);
    if (place != notices_.end()) {
        erase(place);
    }
}

std::optional<double> NotifyPlan::next_due_s() const noexcept {
    return by_due_.empty() ? std::nullopt : std::optional(by_due_.begin()->first);
}

void NotifyPlan::set_due(Notices::iterator place, double due_s) {
    by_due_.erase({place->second.due_s, place});
    place->second.due_s = due_s;
    by_due_.emplace(due_s, place);
}

void NotifyPlan::erase(Notices::iterator place) {
    by_due_.erase({place->second.due_s, place});
    notices_.erase(place);
}

}  // namespace dns::transfer
