#include "dns/update/recent_updates.h"

namespace dns::update {

RecentUpdates::Found RecentUpdates::begin(const std::string& code, base::Instant now) {
    limit(now);
    const auto [at, added] = known_.try_emplace(code, Known{std::nullopt, now});
    if (added) {
        order_.push_back(code);
        return {};
    }
    if (!at->second.rcode) {
        return {State::InProgress, Rcode::NoError};
    }
    return {State::Finished, *at->second.rcode};
}

void RecentUpdates::finish(const std::string& code, Rcode rcode) {
    const auto at = known_.find(code);
    if (at != known_.end()) {
        at->second.rcode = rcode;
    }
}

void RecentUpdates::forget(const std::string& code) {
    known_.erase(code);
    std::erase(order_, code);
}

// What is in progress is few (kUpdatesMax) and ends soon: it holds the others up for no longer.
void RecentUpdates::limit(base::Instant now) {
    while (!order_.empty()) {
        const auto oldest = known_.find(order_.front());
        const bool old = oldest->second.at + kRecentUpdatesAge < now;
        if (!oldest->second.rcode || (!old && known_.size() < kRecentUpdatesMax)) {
            return;
        }
        known_.erase(oldest);
        order_.pop_front();
    }
}

}  // namespace dns::update
