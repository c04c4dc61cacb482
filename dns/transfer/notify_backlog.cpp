#include "dns/transfer/notify_backlog.h"

#include <algorithm>
#include <utility>

#include "base/hash.h"

namespace dns::transfer {
namespace {

constexpr std::uint64_t kSeed = 0x6e6f74696679;

bool less_octets(std::span<const std::byte> left, std::span<const std::byte> right) noexcept {
    return std::ranges::lexicographical_compare(left, right);
}

}  // namespace

void NotifyBacklog::take(SharedView view, bool all) {
    view_ = std::move(view);
    again_ = again_ || all;
    if (view_ == nullptr) {
        told_.clear();
        scanning_ = again_ = false;
        return;
    }
    if (scanning_) {
        const auto wire = [](const SharedZone& zone) { return zone->apex().wire(); };
        const auto& zones = view_->zones();
        at_ = static_cast<std::size_t>(
            std::ranges::upper_bound(zones, base::as_bytes(last_), less_octets, wire) -
            zones.begin());
    }
}

bool NotifyBacklog::note(const PublishedZone& zone) {
    const auto [place, is_new] =
        told_.try_emplace(name_hash(zone.apex().wire(), kSeed), Told{zone.serial, pass_});
    Told& told = place->second;
    told.pass = pass_;
    if (!is_new && told.serial == zone.serial) {
        return false;
    }
    told.serial = zone.serial;
    return true;
}

void NotifyBacklog::forget(const Name& zone) {
    told_.erase(name_hash(zone.wire(), kSeed));
}

std::vector<SharedZone> NotifyBacklog::next(
    std::size_t most, const std::function<bool(const PublishedZone&)>& wanted) {
    std::vector<SharedZone> news;
    if (!scanning_ && again_) {
        begin();
    }
    for (std::size_t i = 0; scanning_ && i < kNotifyScanMax && news.size() < most; ++i) {
        if (at_ == view_->zones().size()) {
            end();
            break;
        }
        const SharedZone& zone = view_->zones()[at_++];
        if (wanted(*zone) && note(*zone)) {
            news.push_back(zone);
        }
        last_ = base::as_text(zone->apex().wire());
    }
    return news;
}

void NotifyBacklog::begin() {
    scanning_ = true;
    again_ = false;
    at_ = 0;
    last_.clear();
    ++pass_;
}

// Zones that this pass did not see are gone.
void NotifyBacklog::end() {
    scanning_ = false;
    std::erase_if(told_, [this](const auto& entry) { return entry.second.pass != pass_; });
}

}  // namespace dns::transfer
