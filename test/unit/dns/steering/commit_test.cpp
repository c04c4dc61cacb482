#include "dns/steering/commit.h"

#include <algorithm>

#include <boost/test/unit_test.hpp>

#include "test/unit/dns/steering/steering_fixture.h"

namespace {

using namespace dns::steering;
using fixture::kExample;
using fixture::pool_of;

SteeringTable build(const TableInput& input) {
    auto table = build_table(input);
    BOOST_REQUIRE(table);
    return std::move(table).take_value();
}

BOOST_AUTO_TEST_SUITE(commit)

BOOST_AUTO_TEST_CASE(first_table_is_all_new) {
    const TableChange change = compare_tables(nullptr, build(pool_of(kExample)), "");
    BOOST_TEST(change.any);
    BOOST_TEST((change.urgency == Urgency::AtOnce));
    BOOST_TEST((change.reach == Reach::Canonical));
    BOOST_TEST(change.diff.size() == kExample.size());
}

BOOST_AUTO_TEST_CASE(equal_tables_are_no_change) {
    const SteeringTable table = build(pool_of(kExample));
    const TableChange change = compare_tables(&table, table, "");
    BOOST_TEST(!change.any);
    BOOST_TEST(change.diff.empty());
}

BOOST_AUTO_TEST_CASE(moved_shares_reach_no_answer) {
    TableInput input = pool_of(kExample);
    const SteeringTable before = build(input);
    input.servers[4].weight = 13.2;
    const TableChange change = compare_tables(&before, build(input), "example.org");
    BOOST_TEST(change.any);
    BOOST_TEST((change.urgency == Urgency::Routine));
    BOOST_TEST((change.reach == Reach::Shares));
    const auto found = std::ranges::find(change.diff, ServerId{104}, &ServerDiff::id);
    BOOST_REQUIRE(found != change.diff.end());
    BOOST_TEST(found->zone == "example.org");
    BOOST_TEST(found->text == "first share 0.1622 -> 0.1755");
}

BOOST_AUTO_TEST_CASE(new_row_and_new_canonical_row_are_told_apart) {
    TableInput input = pool_of(kExample);
    const SteeringTable before = build(input);
    input.servers[7].weight = 7;  // the row of six stays, the order within stays, a share moves
    input.servers[2].weight = 9;  // 2 leaves the group of 5: a row of four appears
    BOOST_TEST((compare_tables(&before, build(input), "").reach == Reach::Rows));
    input = pool_of(kExample);
    input.servers[0].weight = 0.5;
    input.servers[3].weight = 0.5;  // the row of eight is no longer the largest
    BOOST_TEST((compare_tables(&before, build(input), "").reach == Reach::Canonical));
}

BOOST_AUTO_TEST_CASE(host_that_leaves_or_is_overridden_is_urgent) {
    TableInput input = pool_of(kExample);
    const SteeringTable before = build(input);
    input.servers[1].healthy = false;
    TableChange change = compare_tables(&before, build(input), "");
    BOOST_TEST((change.urgency == Urgency::AtOnce));
    const auto found = std::ranges::find(change.diff, ServerId{101}, &ServerDiff::id);
    BOOST_REQUIRE(found != change.diff.end());
    BOOST_TEST(found->text ==
               "state up -> down, preference 10 -> none, first share 0.2162 -> 0.0000");

    input = pool_of(kExample);
    input.servers[3].pin = 15;
    change = compare_tables(&before, build(input), "");
    BOOST_TEST((change.urgency == Urgency::AtOnce));
    input = pool_of(kExample);
    input.servers[3].forced = ForcedState::Up;
    BOOST_TEST((compare_tables(&before, build(input), "").urgency == Urgency::AtOnce));
}

BOOST_AUTO_TEST_CASE(added_and_removed_servers_are_named) {
    TableInput input = pool_of({1, 1, 1});
    const SteeringTable before = build(input);
    input.servers.erase(input.servers.begin());
    input.servers.push_back(pool_of({1, 1, 1, 1}).servers[3]);
    const TableChange change = compare_tables(&before, build(input), "");
    BOOST_TEST((change.urgency == Urgency::AtOnce));
    BOOST_TEST((change.reach == Reach::Canonical));
    BOOST_TEST(std::ranges::count(change.diff, std::string("removed"), &ServerDiff::text) == 1);
    BOOST_TEST(std::ranges::count(change.diff, std::string("added"), &ServerDiff::text) == 1);
}

BOOST_AUTO_TEST_CASE(servers_are_compared_by_id_not_by_place) {
    TableInput input = pool_of({16, 16, 4, 4});
    const SteeringTable before = build(input);
    TableInput shifted = input;
    ServerInput extra = input.servers[0];
    extra.id = ServerId{1};
    extra.forced = ForcedState::Down;
    shifted.servers.push_back(extra);
    const TableChange change = compare_tables(&before, build(shifted), "");
    BOOST_TEST((change.reach == Reach::Shares));  // a server that is not answered adds no answer
    BOOST_TEST((change.urgency == Urgency::AtOnce));
}

BOOST_AUTO_TEST_CASE(change_of_ttl_or_policy_is_a_change) {
    TableInput input = pool_of({1, 1});
    const SteeringTable before = build(input);
    input.ttl_s = 120;
    BOOST_TEST((compare_tables(&before, build(input), "").reach == Reach::Canonical));
    input.ttl_s.reset();
    input.policy = Policy::Roundtable;
    BOOST_TEST(compare_tables(&before, build(input), "").any);
}

BOOST_AUTO_TEST_CASE(canonical_preference_is_the_transferred_one) {
    TableInput input = pool_of({16, 16, 16, 1});
    const SteeringTable table = build(input);
    BOOST_TEST((canonical_preference(table, 0) == std::uint16_t{10}));
    BOOST_TEST((canonical_preference(table, 3) == std::uint16_t{20}));
    input.servers[3].healthy = false;
    BOOST_TEST(!canonical_preference(build(input), 3).has_value());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
