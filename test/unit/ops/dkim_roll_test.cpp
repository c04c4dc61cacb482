#include "ops/dkim_roll.h"

#include <boost/test/unit_test.hpp>

namespace {

using ops::DkimKey;
using ops::DkimState;
using ops::DkimStep;

constexpr std::int64_t kNow = 1'764'115'200;  // 2025-11-26

DkimKey key(std::int64_t id, DkimState state, std::int64_t age_s) {
    return {id, "s" + std::to_string(id), "rsa", "cA==", state, kNow - age_s};
}

// "make", "activate 1", ... joined by commas.
std::string due(const std::vector<DkimKey>& keys, const ops::DkimPolicy& policy = {}) {
    std::string text;
    for (const ops::DkimAction& action : ops::due_dkim_actions(keys, policy, kNow)) {
        constexpr const char* kNames[] = {"make", "activate", "retire", "remove"};
        text += (text.empty() ? "" : ", ") +
                std::string(kNames[static_cast<std::size_t>(action.step)]) +
                (action.step == DkimStep::Make ? "" : " " + std::to_string(action.key_id));
    }
    return text;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(ops_dkim_roll)

BOOST_AUTO_TEST_CASE(a_key_is_published_before_it_signs_and_after) {
    BOOST_TEST(due({}) == "make");
    BOOST_TEST(due({key(1, DkimState::Published, ops::kPublishWaitS - 1)}) == "");
    BOOST_TEST(due({key(1, DkimState::Published, ops::kPublishWaitS)}) == "activate 1");
    BOOST_TEST(due({key(1, DkimState::Active, 1'000'000'000)}) == "");
    BOOST_TEST(due({key(1, DkimState::Active, 9), key(2, DkimState::Published, 3600)}) ==
               "activate 2, retire 1");
    BOOST_TEST(
        due({key(1, DkimState::Retired, ops::kRetiredS - 1), key(2, DkimState::Active, 1)}) == "");
    BOOST_TEST(due({key(1, DkimState::Retired, ops::kRetiredS), key(2, DkimState::Active, 1)}) ==
               "remove 1");
    BOOST_TEST(due({key(1, DkimState::Removed, 1)}) == "make");
}

BOOST_AUTO_TEST_CASE(the_next_key_comes_by_age_by_command_and_by_algorithm) {
    ops::DkimPolicy aged;
    aged.rotate_s = 100;
    BOOST_TEST(due({key(1, DkimState::Active, 99)}, aged) == "");
    BOOST_TEST(due({key(1, DkimState::Active, 100)}, aged) == "make");
    BOOST_TEST(due({key(1, DkimState::Active, 100), key(2, DkimState::Published, 9)}, aged) == "",
               "one waits already");
    ops::DkimPolicy now;
    now.roll_now = true;
    BOOST_TEST(due({key(1, DkimState::Active, 1)}, now) == "make");
    BOOST_TEST(due({key(1, DkimState::Published, 1)}, now) == "");
    ops::DkimPolicy other;
    other.algorithm = "ed25519";
    BOOST_TEST(due({key(1, DkimState::Active, 1)}, other) == "make");
    other.algorithm = "off";
    BOOST_TEST(due({}, other) == "");
    BOOST_TEST(due({key(1, DkimState::Retired, ops::kRetiredS)}, other) == "remove 1");
}

BOOST_AUTO_TEST_CASE(selectors_are_never_used_again) {
    BOOST_TEST(ops::new_selector({}, kNow) == "rt20251126");
    std::vector<DkimKey> keys = {key(1, DkimState::Removed, 1)};
    keys[0].selector = "rt20251126";
    BOOST_TEST(ops::new_selector(keys, kNow) == "rt20251126-2");
}

BOOST_AUTO_TEST_SUITE_END()
