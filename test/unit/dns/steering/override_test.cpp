#include "dns/steering/override.h"

#include <cmath>
#include <limits>

#include <boost/test/unit_test.hpp>

namespace {

using namespace dns::steering;

constexpr ServerId kOne{1};
constexpr ServerId kTwo{2};

Override make(std::uint64_t id, OverrideKind kind, OverrideScope scope, double value = 0) {
    Override entry;
    entry.id = id;
    entry.kind = kind;
    entry.scope = std::move(scope);
    entry.value = value;
    entry.author = "alice";
    entry.reason = "maintenance";
    entry.created_us = 1000;
    return entry;
}

EffectiveOverride resolve(const std::vector<Override>& overrides,
                          ServerId server = kOne,
                          std::optional<std::string_view> zone = std::nullopt,
                          std::int64_t now_us = 5000) {
    return resolve_overrides(overrides, "mail", zone, server, now_us);
}

BOOST_AUTO_TEST_SUITE(override_)

BOOST_AUTO_TEST_CASE(none_means_nothing) {
    BOOST_TEST((resolve({}) == EffectiveOverride{}));
}

BOOST_AUTO_TEST_CASE(facets_add_up) {
    const auto effective = resolve({make(1, OverrideKind::Pin, {{}, {}, kOne}, 5),
                                    make(2, OverrideKind::Weight, {{}, {}, kOne}, 2.5),
                                    make(3, OverrideKind::Up, {{}, {}, kOne}),
                                    make(4, OverrideKind::Freeze, {})});
    BOOST_TEST((effective.pin == std::uint16_t{5}));
    BOOST_TEST((effective.weight == 2.5));
    BOOST_TEST((effective.forced == ForcedState::Up));
    BOOST_TEST(effective.frozen);
    BOOST_TEST(!effective.trim_off);
}

BOOST_AUTO_TEST_CASE(patterns_of_names) {
    for (const auto& [pattern, name, fits] : {std::tuple("mx1", "mx1", true),
                                              std::tuple("mx1", "mx10", false),
                                              std::tuple("mx?", "mx1", true),
                                              std::tuple("mx?", "mx", false),
                                              std::tuple("*", "", true),
                                              std::tuple("*", "mx1", true),
                                              std::tuple("", "", true),
                                              std::tuple("", "a", false),
                                              std::tuple("mx*b", "mx1-ab", true),
                                              std::tuple("mx*b", "mx1-ba", false),
                                              std::tuple("*a*b*", "xaxxbx", true),
                                              std::tuple("*a*b", "aab", true),
                                              std::tuple("a**", "a", true),
                                              std::tuple("?*", "", false)}) {
        BOOST_TEST(matches_pattern(pattern, name) == fits, pattern << " " << name);
    }
    // No more than the product of the sizes.
    std::string many;
    for (int i = 0; i < 5000; ++i) {
        many += "*a";
    }
    BOOST_TEST(!matches_pattern(many + "b", std::string(10'000, 'a')));
}

BOOST_AUTO_TEST_CASE(which_ones_hold_is_told) {
    const std::vector<Override> overrides = {make(1, OverrideKind::Drain, {"mail", {}, {}}),
                                             make(2, OverrideKind::Down, {{}, {}, kOne, true}),
                                             make(3, OverrideKind::Pin, {{}, {}, kOne}, 5)};
    const auto holding = holding_overrides(overrides, "mail", std::nullopt, kOne, 5000);
    BOOST_REQUIRE(holding.size() == 2U);
    BOOST_TEST(holding[0]->id == 2U);
    BOOST_TEST(holding[1]->id == 3U);
    BOOST_TEST(holding_overrides(overrides, "mail", std::nullopt, kTwo, 5000).at(0)->id == 1U);
}

BOOST_AUTO_TEST_CASE(narrowest_scope_wins_in_each_facet) {
    // From the widest to the narrowest; each must beat all before it, whatever its age.
    const std::vector<OverrideScope> scopes = {{{}, {}, {}},
                                               {"mail", {}, {}},
                                               {{}, "example.org", {}},
                                               {{}, {}, kOne, true},
                                               {"mail", {}, kOne, true},
                                               {"mail", "example.org", kOne, true},
                                               {{}, {}, kOne},
                                               {"mail", {}, kOne},
                                               {"mail", "example.org", kOne}};
    std::vector<Override> overrides;
    for (std::size_t i = 0; i < scopes.size(); ++i) {
        Override entry = make(i, OverrideKind::Weight, scopes[i], static_cast<double>(i + 1));
        entry.created_us = 1000 - static_cast<std::int64_t>(i);
        overrides.insert(overrides.begin(), entry);
        BOOST_TEST((resolve(overrides, kOne, "example.org").weight == static_cast<double>(i + 1)));
    }
}

BOOST_AUTO_TEST_CASE(newest_wins_within_a_scope_then_the_higher_id) {
    Override old = make(9, OverrideKind::Drain, {{}, {}, kOne});
    Override young = make(3, OverrideKind::Up, {{}, {}, kOne});
    young.created_us = 2000;
    BOOST_TEST((resolve({young, old}).forced == ForcedState::Up));
    young.created_us = old.created_us;
    BOOST_TEST((resolve({young, old}).forced == ForcedState::Drained));
}

BOOST_AUTO_TEST_CASE(states_contradict_and_trim_kinds_contradict) {
    const auto state = resolve({make(1, OverrideKind::Down, {"mail", {}, {}}),
                                make(2, OverrideKind::Up, {"mail", {}, kOne})});
    BOOST_TEST((state.forced == ForcedState::Up));
    const auto trim = resolve({make(1, OverrideKind::TrimOff, {"mail", {}, {}}),
                               make(2, OverrideKind::Freeze, {"mail", {}, kOne})});
    BOOST_TEST(trim.frozen);
    BOOST_TEST(!trim.trim_off);
}

BOOST_AUTO_TEST_CASE(other_pools_servers_and_zones_do_not_count) {
    const std::vector<Override> overrides = {
        make(1, OverrideKind::Drain, {"access", {}, kOne}),
        make(2, OverrideKind::Drain, {"mail", {}, kTwo}),
        make(3, OverrideKind::Drain, {"mail", "example.org", kOne})};
    BOOST_TEST((resolve(overrides).forced == ForcedState::None));
    BOOST_TEST((resolve(overrides, kOne, "example.net").forced == ForcedState::None));
    BOOST_TEST((resolve(overrides, kOne, "example.org").forced == ForcedState::Drained));
    BOOST_TEST((resolve(overrides, kTwo).forced == ForcedState::Drained));
}

BOOST_AUTO_TEST_CASE(holds_until_it_expires) {
    Override entry = make(1, OverrideKind::Down, {{}, {}, kOne});
    entry.expires_us = 6000;
    BOOST_TEST((resolve({entry}, kOne, {}, 5999).forced == ForcedState::Down));
    BOOST_TEST((resolve({entry}, kOne, {}, 6000).forced == ForcedState::None));
    // What it hid comes back.
    BOOST_TEST((resolve({entry, make(0, OverrideKind::Up, {})}, kOne, {}, 6000).forced ==
                ForcedState::Up));
}

BOOST_AUTO_TEST_CASE(ill_valued_ones_are_refused_and_left_out) {
    for (const double value : {-1.0, 65536.0, 10.5, std::numeric_limits<double>::quiet_NaN()}) {
        const Override entry = make(1, OverrideKind::Pin, {{}, {}, kOne}, value);
        BOOST_TEST(!check_override(entry));
        BOOST_TEST((resolve({entry}) == EffectiveOverride{}));
    }
    for (const double value : {0.0, -1.0, 1e9, std::nan("")}) {
        BOOST_TEST(!check_override(make(1, OverrideKind::Weight, {}, value)));
    }
    BOOST_TEST(bool(check_override(make(1, OverrideKind::Pin, {}, 65535))));
}

BOOST_AUTO_TEST_CASE(kind_names_go_both_ways) {
    for (int i = 0; i < 7; ++i) {
        const auto kind = static_cast<OverrideKind>(i);
        BOOST_TEST((parse_override_kind(override_kind_name(kind)) == kind));
    }
    BOOST_TEST(!parse_override_kind("nail").has_value());
}

BOOST_AUTO_TEST_CASE(description_says_what_who_and_why) {
    BOOST_TEST(describe_override(make(1, OverrideKind::Pin, {{}, "example.org", kOne}, 10),
                                 "mx1") == "pin mx1 10 in example.org by alice: maintenance");
    BOOST_TEST(describe_override(make(1, OverrideKind::Weight, {{}, {}, kOne}, 2.5), "mx1") ==
               "weight mx1 2.5 by alice: maintenance");
    BOOST_TEST(describe_override(make(1, OverrideKind::Freeze, {}), "") ==
               "freeze by alice: maintenance");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
