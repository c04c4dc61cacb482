#include "storage/tracking/coverage.h"

#include <algorithm>

namespace storage {

void Coverage::add(std::uint64_t from, std::uint64_t to) {
    if (to <= mark_ || from >= to) {
        return;
    }
    if (from <= mark_) {
        mark_ = to;
        advance();
        return;
    }
    if (ahead_.size() >= kStretchesMax && !ahead_.contains(from)) {
        return;
    }
    std::uint64_t& end = ahead_[from];
    end = std::max(end, to);
}

void Coverage::advance() {
    auto next = ahead_.begin();
    while (next != ahead_.end() && next->first <= mark_) {
        mark_ = std::max(mark_, next->second);
        next = ahead_.erase(next);
    }
}

}  // namespace storage
