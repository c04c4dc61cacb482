// build_table(): who is in a table, with what weight, at which preference.

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include <boost/test/unit_test.hpp>

#include "dns/steering/table.h"
#include "test/unit/dns/steering/steering_fixture.h"

namespace {

using namespace dns::steering;
using fixture::kExample;
using fixture::pool_of;
using fixture::Random;
using fixture::servers_of;

SteeringTable build(const TableInput& input) {
    auto table = build_table(input);
    BOOST_REQUIRE(table);
    return std::move(table).take_value();
}

using Servers = std::vector<ServerIndex>;

BOOST_AUTO_TEST_SUITE(table_build)

BOOST_AUTO_TEST_CASE(example_has_the_known_rows_ends_and_shares) {
    const SteeringTable table = build(pool_of(kExample));
    BOOST_REQUIRE_EQUAL(table.rows.size(), 5U);
    const std::vector<Servers> members = {
        {1, 6, 4, 2, 5, 7, 0, 3}, {1, 6, 4, 2, 5, 7}, {1, 6, 4, 2, 5}, {1, 6, 4}, {1, 6}};
    const std::vector<double> shares = {0.4324, 0.1622, 0.1351, 0.1622, 0.1081};
    double sum = 0;
    for (std::size_t i = 0; i < 5; ++i) {
        BOOST_TEST(servers_of(table.rows[i].level0) == members[i],
                   boost::test_tools::per_element());
        BOOST_TEST(std::abs(table.rows[i].share - shares[i]) < 5e-5);
        sum += table.rows[i].share;
        BOOST_TEST(std::abs(static_cast<double>(table.rows[i].upper_end) / 0x1p64 - sum) < 1e-15);
    }
    BOOST_TEST(table.rows.back().upper_end == ~std::uint64_t{0});
    BOOST_TEST(table.canonical == 0);
    for (std::size_t i = 0; i < kExample.size(); ++i) {
        BOOST_TEST(std::abs(table.servers[i].first_share - kExample[i] / 74) < 1e-12);
    }
}

BOOST_AUTO_TEST_CASE(order_of_input_does_not_matter) {
    TableInput input = pool_of(kExample);
    const SteeringTable table = build(input);
    std::ranges::reverse(input.servers);
    BOOST_TEST((build(input) == table));
}

BOOST_AUTO_TEST_CASE(equal_weights_are_plain_equal_priority) {
    const SteeringTable table = build(pool_of({9, 9, 9, 9}));
    BOOST_REQUIRE_EQUAL(table.rows.size(), 1U);
    BOOST_TEST(table.rows[0].level0.size() == 4U);
    BOOST_TEST(table.rows[0].level1.empty());
}

BOOST_AUTO_TEST_CASE(trim_counts_under_load_only_and_not_for_pins) {
    TableInput input = pool_of({10, 10, 10});
    input.servers[0].trim = -1;
    BOOST_TEST(build(input).rows.size() == 2U);
    input.policy = Policy::Roundtable;
    BOOST_TEST(build(input).rows.size() == 1U);
    input.policy = Policy::Load;
    input.servers[0].pin = 10;
    BOOST_TEST(build(input).servers[0].weight == 10.0);
}

BOOST_AUTO_TEST_CASE(ramp_scales_the_weight_but_not_the_capacity_for_panic) {
    TableInput input = pool_of({10, 10});
    input.servers[0].ramp = 0.1;
    input.servers[1].ramp = 0.1;
    const SteeringTable table = build(input);
    BOOST_TEST(table.servers[0].weight == 1.0);
    BOOST_TEST((table.basis == TableBasis::Healthy));
}

BOOST_AUTO_TEST_CASE(canonical_is_the_largest_and_of_ties_the_widest) {
    BOOST_TEST(build(pool_of({20, 20, 20, 1, 1})).canonical == 1);  // rows 5: 5/62, 3: 57/62
    // Rows 4: 1/2, 2: 1/2.
    const SteeringTable tied = build(pool_of({3, 3, 1, 1}));
    BOOST_REQUIRE_EQUAL(tied.rows.size(), 2U);
    BOOST_TEST(std::abs(tied.rows[0].share - tied.rows[1].share) < 1e-12);
    BOOST_TEST(tied.canonical == 0);
}

BOOST_AUTO_TEST_CASE(too_little_up_is_not_believed) {
    TableInput input = pool_of({10, 10, 10, 10});
    for (std::size_t i = 0; i < 2; ++i) {
        input.servers[i].healthy = false;
    }
    BOOST_TEST((build(input).basis == TableBasis::Healthy));
    input.servers[2].healthy = false;  // a quarter is up: less than panic
    const SteeringTable table = build(input);
    BOOST_TEST((table.basis == TableBasis::Panic));
    BOOST_TEST(table.rows[0].level0.size() == 4U);
    BOOST_TEST(!table.servers[2].up);
}

BOOST_AUTO_TEST_CASE(panic_does_not_bring_back_what_an_operator_took_out) {
    TableInput input = pool_of({10, 10, 10, 10, 10});
    for (ServerInput& server : input.servers) {
        server.healthy = false;
    }
    input.servers[0].forced = ForcedState::Down;
    input.servers[1].forced = ForcedState::Drained;
    const SteeringTable table = build(input);
    BOOST_TEST((table.basis == TableBasis::Panic));
    BOOST_TEST(servers_of(table.rows[0].level0) == (Servers{2, 3, 4}),
               boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(what_operators_took_out_does_not_cause_panic) {
    TableInput input = pool_of({10, 10, 10, 10, 10});
    input.servers[0].forced = ForcedState::Down;
    input.servers[1].forced = ForcedState::Down;
    input.servers[2].forced = ForcedState::Drained;
    input.servers[3].healthy = false;
    const SteeringTable table = build(input);
    BOOST_TEST((table.basis == TableBasis::Healthy));
    BOOST_TEST(servers_of(table.rows[0].level0) == Servers{4}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(nothing_up_falls_back_to_all_allowed_then_to_all) {
    TableInput input = pool_of({16, 4, 8});
    input.settings.panic = 0;
    for (ServerInput& server : input.servers) {
        server.healthy = false;
    }
    input.servers[0].forced = ForcedState::Drained;
    SteeringTable table = build(input);
    BOOST_TEST((table.basis == TableBasis::AllAllowed));
    BOOST_TEST(servers_of(table.rows[0].level0) == (Servers{1, 2}),
               boost::test_tools::per_element());
    input.servers[1].forced = ForcedState::Down;
    input.servers[2].forced = ForcedState::Down;
    table = build(input);
    BOOST_TEST((table.basis == TableBasis::AllConfigured));
    BOOST_TEST(servers_of(table.rows[0].level0) == (Servers{0, 1, 2}),
               boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(forced_up_ignores_probes) {
    TableInput input = pool_of({10, 10, 10});
    input.servers[1].healthy = false;
    input.servers[1].forced = ForcedState::Up;
    BOOST_TEST(build(input).rows[0].level0.size() == 3U);
}

BOOST_AUTO_TEST_CASE(pin_holds_in_every_variant) {
    for (const Policy policy : {Policy::Load, Policy::Roundtable, Policy::Rotate, Policy::Static}) {
        TableInput input = pool_of(kExample, policy);
        input.servers[3].pin = 15;
        input.servers[1].pin = 5;
        const SteeringTable table = build(input);
        for (const Row& row : table.rows) {
            BOOST_TEST(servers_of(row.level0) == Servers{1}, boost::test_tools::per_element());
            BOOST_TEST(row.level0[0].preference == 5);
            const auto found = std::ranges::find(row.level1, ServerIndex{3}, &RowEntry::server);
            BOOST_REQUIRE(found != row.level1.end());
            BOOST_TEST(found->preference == 15);
        }
        BOOST_TEST(table.servers[1].first_share == 1.0, boost::test_tools::tolerance(1e-12));
    }
}

BOOST_AUTO_TEST_CASE(pin_at_the_best_preference_joins_every_row) {
    TableInput input = pool_of({16, 16, 4, 4});
    input.servers[3].pin = 10;
    const SteeringTable table = build(input);
    BOOST_REQUIRE_EQUAL(table.rows.size(), 2U);
    BOOST_TEST(servers_of(table.rows[0].level0) == (Servers{0, 1, 2, 3}),
               boost::test_tools::per_element());
    BOOST_TEST(servers_of(table.rows[1].level0) == (Servers{0, 1, 3}),
               boost::test_tools::per_element());
    BOOST_TEST(table.rows[0].level0_by_id == (Servers{0, 1, 2}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(pinned_server_that_is_down_is_withdrawn) {
    TableInput input = pool_of({10, 10, 10});
    input.servers[0].pin = 5;
    input.servers[0].healthy = false;
    const SteeringTable table = build(input);
    BOOST_TEST(servers_of(table.rows[0].level0) == (Servers{1, 2}),
               boost::test_tools::per_element());
    BOOST_TEST(table.rows[0].level1.empty());
}

BOOST_AUTO_TEST_CASE(rotation_puts_two_on_top_in_turn) {
    TableInput input = pool_of({1, 5, 1, 1}, Policy::Rotate);
    input.servers[2].healthy = false;
    const SteeringTable table = build(input);
    BOOST_REQUIRE_EQUAL(table.rows.size(), 3U);
    BOOST_TEST(servers_of(table.rows[0].level0) == (Servers{0, 1}),
               boost::test_tools::per_element());
    BOOST_TEST(servers_of(table.rows[1].level0) == (Servers{1, 3}),
               boost::test_tools::per_element());
    BOOST_TEST(servers_of(table.rows[2].level0) == (Servers{3, 0}),
               boost::test_tools::per_element());
    BOOST_TEST(servers_of(table.rows[2].level1) == Servers{1}, boost::test_tools::per_element());
    for (const ServerIndex server : Servers{0, 1, 3}) {
        BOOST_TEST(std::abs(table.servers[server].first_share - 1.0 / 3) < 1e-12);
    }
    input.form = PolicyForm::Strict;
    const SteeringTable strict = build(input);
    BOOST_TEST(servers_of(strict.rows[1].level0) == Servers{1}, boost::test_tools::per_element());
    BOOST_TEST(servers_of(strict.rows[1].level1) == (Servers{3, 0}),
               boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(static_policy_answers_the_configured_preferences) {
    TableInput input = pool_of({1, 1, 1}, Policy::Static);
    input.servers[0].preference = 10;
    input.servers[1].preference = 20;
    input.servers[2].preference = 30;
    SteeringTable table = build(input);
    BOOST_REQUIRE_EQUAL(table.rows.size(), 1U);
    BOOST_TEST((table.rows[0].level0 == std::vector<RowEntry>{{0, 10}}));
    BOOST_TEST((table.rows[0].level1 == std::vector<RowEntry>{{1, 20}, {2, 30}}));
    input.servers[0].healthy = false;
    table = build(input);
    BOOST_TEST((table.rows[0].level0 == std::vector<RowEntry>{{1, 20}}));
}

BOOST_AUTO_TEST_CASE(tiers_have_rows_and_preferences_of_their_own) {
    TableInput input = pool_of({8, 8, 4, 6, 3, 3});
    for (std::size_t i = 3; i < 6; ++i) {
        input.servers[i].tier = 1;
    }
    const SteeringTable table = build(input);
    // Tier 0: rows 3: 12/20, 2: 8/20. Tier 1: rows 3: 9/12 and 2 (with 1): 3/12.
    BOOST_REQUIRE_EQUAL(table.rows.size(), 3U);
    BOOST_TEST(std::abs(table.rows[0].share - 0.60) < 1e-12);
    BOOST_TEST(std::abs(table.rows[1].share - 0.15) < 1e-12);
    BOOST_TEST(std::abs(table.rows[2].share - 0.25) < 1e-12);
    const std::vector<RowEntry> behind = {{2, 20}, {3, 110}, {4, 110}, {5, 120}};
    BOOST_TEST((table.rows[2].level1 == behind));
    BOOST_TEST(table.servers[3].first_share == 0.0);
}

BOOST_AUTO_TEST_CASE(next_tier_takes_over_and_joins_a_single_survivor) {
    TableInput input = pool_of({8, 8, 6, 6});
    input.servers[2].tier = 1;
    input.servers[3].tier = 1;
    input.servers[0].healthy = false;
    SteeringTable table = build(input);
    for (const Row& row : table.rows) {
        BOOST_TEST(row.level0.size() >= 2U);
        BOOST_TEST(row.level0[0].preference == 10);
    }
    input.servers[1].healthy = false;
    table = build(input);
    BOOST_TEST(servers_of(table.rows[0].level0) == (Servers{2, 3}),
               boost::test_tools::per_element());
    BOOST_TEST(table.rows[0].level0[0].preference == 110);
}

BOOST_AUTO_TEST_CASE(rejects_what_is_not_a_pool) {
    BOOST_TEST(!build_table(TableInput{}));
    TableInput input = pool_of({1, 1});
    input.servers[1].id = input.servers[0].id;
    BOOST_TEST(!build_table(input));
    for (const double weight : {0.0, -1.0, 1e7, std::numeric_limits<double>::quiet_NaN()}) {
        BOOST_TEST(!build_table(pool_of({1, weight})));
    }
    BOOST_TEST(!build_table(pool_of(std::vector<double>(kServersMax + 1, 1.0))));
    input = pool_of({1, 1});
    input.servers[0].tier = kTiersMax;
    BOOST_TEST(!build_table(input));
    input = pool_of({1, 1});
    input.settings.quant = 0.5;
    BOOST_TEST(!build_table(input));
}

ServerInput random_server(Random& random, std::size_t i) {
    ServerInput server;
    server.id = ServerId{random.below(1'000'000) * 256 + i};
    server.weight = 0.01 + random.unit() * 20;
    server.trim = random.unit() * 2.7 - 2;
    server.ramp = random.one_in(5) ? 0.1 + 0.9 * random.unit() : 1;
    server.healthy = !random.one_in(3);
    server.forced =
        random.one_in(4) ? static_cast<ForcedState>(random.below(4)) : ForcedState::None;
    if (random.one_in(8)) {
        server.pin = static_cast<std::uint16_t>(random.below(100));
    }
    server.preference = static_cast<std::uint16_t>(10 * (1 + random.below(3)));
    server.tier = random.one_in(4) ? 1 : 0;
    return server;
}

void check_answer(const SteeringTable& table, const std::vector<RowEntry>& entries) {
    BOOST_REQUIRE(!entries.empty());
    std::set<ServerIndex> seen;
    for (const RowEntry& entry : entries) {
        BOOST_REQUIRE(entry.server < table.servers.size());
        BOOST_TEST(seen.insert(entry.server).second);
        BOOST_TEST(table.servers[entry.server].weight > 0);
    }
    BOOST_TEST(std::ranges::is_sorted(entries, {}, &RowEntry::preference));
    const bool has_pin = std::ranges::any_of(
        table.servers, [](const TableServer& server) { return server.pin.has_value(); });
    const auto serving = std::ranges::count_if(
        table.servers, [](const TableServer& server) { return server.weight > 0; });
    const bool exempt = has_pin || table.policy == Policy::Static ||
                        (table.policy == Policy::Rotate && table.form == PolicyForm::Strict);
    if (!exempt && serving >= 2) {
        BOOST_TEST(entries.size() >= 2U);
        BOOST_TEST(entries[1].preference == entries[0].preference);
    }
}

BOOST_AUTO_TEST_CASE(any_inputs_give_answers_that_keep_the_promises) {
    Random random(20261122);
    for (int round = 0; round < 3000; ++round) {
        TableInput input;
        input.policy = static_cast<Policy>(random.below(4));
        input.form = random.one_in(4) ? PolicyForm::Strict : PolicyForm::Paired;
        input.settings.list_max = static_cast<std::uint16_t>(2 + random.below(50));
        const std::size_t count = 1 + random.below(random.one_in(10) ? 90 : 12);
        for (std::size_t i = 0; i < count; ++i) {
            input.servers.push_back(random_server(random, i));
        }
        const SteeringTable table = build(input);
        BOOST_TEST((build(input) == table));
        double first = 0;
        double share = 0;
        for (const TableServer& server : table.servers) {
            first += server.first_share;
            const bool out =
                server.forced == ForcedState::Down || server.forced == ForcedState::Drained;
            BOOST_TEST((!out || server.weight == 0 || table.basis == TableBasis::AllConfigured));
        }
        for (const Row& row : table.rows) {
            share += row.share;
        }
        BOOST_TEST(std::abs(first - 1) < 1e-9);
        BOOST_TEST(std::abs(share - 1) < 1e-9);
        for (int source = 0; source < 8; ++source) {
            const auto limit = static_cast<std::uint16_t>(2 + random.below(60));
            const AnswerKey key = choose_answer(table, random.next(), random.next(), limit);
            check_answer(table, answer_entries(table, key, limit));
        }
        check_answer(table, answer_entries(table, canonical_answer(table), table.list_max));
        check_answer(table, answer_entries(table, choose_turn(table, random.next()), 40));
    }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
