#include "dns/steering/table.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <set>

#include <boost/test/unit_test.hpp>

#include "dns/siphash.h"
#include "dns/steering/source_hash.h"
#include "test/unit/dns/steering/steering_fixture.h"

namespace {

using namespace dns::steering;
using fixture::kExample;
using fixture::pool_of;
using fixture::Random;
using fixture::servers_of;

constexpr std::uint64_t kTop = std::numeric_limits<std::uint64_t>::max();
constexpr int kSources = 1'000'000;
constexpr dns::SipKey kKey{0x0706050403020100, 0x0f0e0d0c0b0a0908};

SteeringTable build(const TableInput& input) {
    auto table = build_table(input);
    BOOST_REQUIRE(table);
    return std::move(table).take_value();
}

// Source number n: a /24 of its own.
dns::SipWords words_of(int n) {
    const std::array<std::byte, 4> address = {
        std::byte(n >> 16), std::byte(n >> 8), std::byte(n), std::byte{0}};
    const std::array<std::byte, 3> zone = {std::byte{1}, std::byte{'z'}, std::byte{0}};
    return hash_source(kKey, ipv4_source(address), zone);
}

BOOST_AUTO_TEST_SUITE(table)

BOOST_AUTO_TEST_CASE(million_sources_split_by_weight_within_one_percent) {
    const SteeringTable table = build(pool_of(kExample));
    std::vector<double> first(kExample.size(), 0);
    for (int n = 0; n < kSources; ++n) {
        const Row& row = table.rows[choose_row(table, words_of(n).x)];
        for (const RowEntry& entry : row.level0) {
            first[entry.server] += 1.0 / static_cast<double>(row.level0.size());
        }
    }
    for (std::size_t i = 0; i < kExample.size(); ++i) {
        const double expected = kSources * kExample[i] / 74;
        BOOST_TEST(first[i] == expected, boost::test_tools::tolerance(0.01));
    }
}

BOOST_AUTO_TEST_CASE(small_change_of_weight_moves_few_sources) {
    std::vector<double> changed = kExample;
    changed[4] = 13.2;
    const SteeringTable before = build(pool_of(kExample));
    const SteeringTable after = build(pool_of(changed));
    int moved = 0;
    for (int n = 0; n < kSources; ++n) {
        const std::uint64_t x = words_of(n).x;
        moved += before.rows[choose_row(before, x)].level0_by_id !=
                 after.rows[choose_row(after, x)].level0_by_id;
    }
    BOOST_TEST_MESSAGE("moved " << moved);
    BOOST_TEST(std::abs(moved * 100.0 / kSources - 6.2) <= 0.3);
}

BOOST_AUTO_TEST_CASE(death_leaves_most_sources_their_other_servers) {
    TableInput input = pool_of(kExample);
    const SteeringTable before = build(input);
    input.servers[1].healthy = false;
    const SteeringTable after = build(input);
    int same = 0;
    for (int n = 0; n < kSources; ++n) {
        const std::uint64_t x = words_of(n).x;
        std::vector<ServerIndex> old_set = before.rows[choose_row(before, x)].level0_by_id;
        std::erase(old_set, ServerIndex{1});
        same += old_set == after.rows[choose_row(after, x)].level0_by_id;
    }
    BOOST_TEST_MESSAGE("same " << same);
    BOOST_TEST(std::abs(same * 100.0 / kSources - 71.8) <= 0.5);
}

BOOST_AUTO_TEST_CASE(every_hash_value_has_a_row) {
    const SteeringTable table = build(pool_of(kExample));
    BOOST_TEST(choose_row(table, 0) == 0);
    BOOST_TEST(choose_row(table, kTop) == table.rows.size() - 1);
    for (std::size_t i = 0; i + 1 < table.rows.size(); ++i) {
        const std::uint64_t end = table.rows[i].upper_end;
        BOOST_TEST(choose_row(table, end - 1) == i);
        BOOST_TEST(choose_row(table, end) == i + 1);
    }
}

BOOST_AUTO_TEST_CASE(answer_lists_the_row_then_the_rest_by_weight) {
    const SteeringTable table = build(pool_of(kExample));
    const auto entries = answer_entries(table, {3, 0}, table.list_max);
    const std::vector<ServerIndex> expected = {1, 6, 4, 2, 5, 7, 0, 3};
    BOOST_TEST(servers_of(entries) == expected, boost::test_tools::per_element());
    for (std::size_t i = 0; i < entries.size(); ++i) {
        BOOST_TEST(entries[i].preference == (i < 3 ? 10 : 20));
    }
}

BOOST_AUTO_TEST_CASE(wide_row_is_walked_cyclically_from_the_source_place) {
    TableInput input = pool_of(std::vector<double>(64, 1.0));
    input.servers[7].healthy = false;
    const SteeringTable table = build(input);
    BOOST_REQUIRE_EQUAL(table.rows.size(), 1U);
    std::set<AnswerKey> keys;
    for (std::uint64_t place = 0; place < 64; ++place) {
        const std::uint64_t y = place << 58;  // 2^58 = 2^64 / 64
        const AnswerKey key = choose_answer(table, 0, y, 40);
        keys.insert(key);
        BOOST_TEST((choose_answer(table, 0, y + (1ULL << 58) - 1, 40) == key));
        auto members = servers_of(answer_entries(table, key, 40));
        std::ranges::sort(members);
        std::vector<ServerIndex> expected;
        for (std::size_t i = place; expected.size() < 40; ++i) {
            if (i % 64 != 7) {
                expected.push_back(static_cast<ServerIndex>(i % 64));
            }
        }
        std::ranges::sort(expected);
        BOOST_TEST(members == expected, boost::test_tools::per_element());
    }
    BOOST_TEST(keys.size() == 63U);  // starts at 7 and 8 walk the same servers
}

BOOST_AUTO_TEST_CASE(first_shares_of_a_walked_row_are_exact) {
    Random random(7);
    TableInput input = pool_of(std::vector<double>(50, 1.0));
    for (ServerInput& server : input.servers) {
        server.healthy = !random.one_in(6);
    }
    input.settings.list_max = 12;
    const SteeringTable table = build(input);
    std::vector<double> first(50, 0);
    constexpr int kSteps = 50 * 64;
    for (int step = 0; step < kSteps; ++step) {
        const auto y = static_cast<std::uint64_t>((step + 0.5) / kSteps * 0x1p64);
        for (const ServerIndex server :
             address_servers(table, choose_answer(table, 0, y, table.list_max), table.list_max)) {
            first[server] += 1.0 / 12 / kSteps;
        }
    }
    for (std::size_t i = 0; i < 50; ++i) {
        BOOST_TEST(std::abs(first[i] - table.servers[i].first_share) < 1e-9);
    }
}

BOOST_AUTO_TEST_CASE(pinned_server_is_never_left_out_for_room) {
    TableInput input = pool_of(std::vector<double>(64, 1.0));
    input.servers[63].pin = 50;
    const SteeringTable table = build(input);
    for (const std::uint16_t limit : std::vector<std::uint16_t>{2, 12, 40}) {
        for (const std::uint64_t y : {std::uint64_t{0}, std::uint64_t{1} << 63, kTop}) {
            const auto entries = answer_entries(table, choose_answer(table, y, y, limit), limit);
            BOOST_TEST(entries.size() == limit);
            BOOST_TEST(entries.back().server == 63);
            BOOST_TEST(entries.back().preference == 50);
        }
    }
    const auto single = answer_entries(table, choose_answer(table, 0, 0, 1), 1);
    BOOST_REQUIRE_EQUAL(single.size(), 1U);
    BOOST_TEST(single[0].preference == 10);
}

BOOST_AUTO_TEST_CASE(shorter_answer_keeps_the_best_and_fills_up_by_weight) {
    const SteeringTable table = build(pool_of(kExample));
    const std::vector<ServerIndex> expected = {1, 6, 4, 2, 5};
    BOOST_TEST(servers_of(answer_entries(table, {4, 0}, 5)) == expected,
               boost::test_tools::per_element());
    BOOST_TEST(answer_entries(table, {0, 0}, 0).size() == 1U);
}

BOOST_AUTO_TEST_CASE(addresses_are_level_zero_and_at_least_two) {
    const SteeringTable table = build(pool_of(kExample));
    BOOST_TEST(address_servers(table, {3, 0}, 40).size() == 3U);
    TableInput strict = pool_of({1, 1, 1}, Policy::Rotate);
    strict.form = PolicyForm::Strict;
    const SteeringTable rotating = build(strict);
    const std::vector<ServerIndex> expected = {1, 2};
    BOOST_TEST(address_servers(rotating, {1, 0}, 40) == expected, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(srv_weights_are_parts_of_a_hundred) {
    const SteeringTable table = build(pool_of({16, 8, 0.01}));
    BOOST_TEST(srv_weight(table, 0) == 100);
    BOOST_TEST(srv_weight(table, 1) == 50);
    BOOST_TEST(srv_weight(table, 2) == 1);
}

BOOST_AUTO_TEST_CASE(turns_go_round_and_other_policies_stay_canonical) {
    const SteeringTable rotating = build(pool_of({1, 1, 1}, Policy::Rotate));
    for (std::uint16_t turn = 0; turn < 9; ++turn) {
        BOOST_TEST(choose_turn(rotating, turn).row == turn % 3);
    }
    const SteeringTable nested = build(pool_of(kExample));
    BOOST_TEST((choose_turn(nested, 5) == canonical_answer(nested)));
}

BOOST_AUTO_TEST_CASE(policy_names_go_both_ways) {
    for (const Policy policy : {Policy::Load, Policy::Roundtable, Policy::Rotate, Policy::Static}) {
        BOOST_TEST((parse_policy(policy_name(policy)) == policy));
    }
    BOOST_TEST(!parse_policy("least").has_value());
    BOOST_TEST(basis_name(TableBasis::Panic) == "panic");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
