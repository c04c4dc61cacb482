#include "ops/dkim_roll.h"

#include <algorithm>

#include "base/clock.h"

namespace ops {

namespace {

constexpr std::int64_t kMicroseconds = 1'000'000;

bool has(const std::vector<DkimKey>& keys, DkimState state) {
    return std::ranges::find(keys, state, &DkimKey::state) != keys.end();
}

bool wants_next(const std::vector<DkimKey>& keys, const DkimPolicy& policy, std::int64_t now_s) {
    if (policy.algorithm == "off" || has(keys, DkimState::Published)) {
        return false;
    }
    if (!has(keys, DkimState::Active) || policy.roll_now) {
        return true;
    }
    return std::ranges::any_of(keys, [&](const DkimKey& key) {
        return key.state == DkimState::Active &&
               ((policy.rotate_s != 0 && now_s - key.changed_s >= policy.rotate_s) ||
                key.algorithm != policy.algorithm);
    });
}

}  // namespace

std::vector<DkimAction> due_dkim_actions(const std::vector<DkimKey>& keys,
                                         const DkimPolicy& policy,
                                         std::int64_t now_s) {
    std::vector<DkimAction> actions;
    bool activated = false;
    for (const DkimKey& key : keys) {
        if (key.state == DkimState::Published && now_s - key.changed_s >= kPublishWaitS) {
            actions.push_back({DkimStep::Activate, key.id});
            activated = true;
        }
    }
    for (const DkimKey& key : keys) {
        if (activated && key.state == DkimState::Active) {
            actions.push_back({DkimStep::Retire, key.id});
        }
        if (key.state == DkimState::Retired && now_s - key.changed_s >= kRetiredS) {
            actions.push_back({DkimStep::Remove, key.id});
        }
    }
    if (wants_next(keys, policy, now_s)) {
        actions.push_back({DkimStep::Make, 0});
    }
    return actions;
}

std::string new_selector(const std::vector<DkimKey>& keys, std::int64_t now_s) {
    std::string day = base::format_utc(now_s * kMicroseconds).substr(0, 10);
    std::erase(day, '-');
    const std::string stem = "rt" + day;
    std::string selector = stem;
    for (int number = 2; std::ranges::find(keys, selector, &DkimKey::selector) != keys.end();
         ++number) {
        selector = stem + "-" + std::to_string(number);
    }
    return selector;
}

}  // namespace ops
