#include "storage/mirror/placement.h"

#include <boost/test/unit_test.hpp>

#include "test/unit/storage/segment/segment_fixture.h"

using namespace storage;
using namespace storage_test;

namespace {

StorageServerId id(std::uint8_t number) {
    return StorageServerId(uuid_of(3, number));
}

using Ids = std::vector<StorageServerId>;

// One server for each letter: 'h' healthy, 'x' not; each in a domain of its own.
std::vector<PlacementCandidate> ring_of(const std::string& states) {
    std::vector<PlacementCandidate> ring;
    for (std::size_t i = 0; i < states.size(); ++i) {
        PlacementCandidate candidate;
        candidate.id = id(static_cast<std::uint8_t>(i + 1));
        candidate.healthy = states[i] == 'h';
        candidate.reason = candidate.healthy ? "" : "hung";
        ring.push_back(candidate);
    }
    return ring;
}

const CopyPolicy kTwo{2, false};

}  // namespace

BOOST_AUTO_TEST_SUITE(storage_placement)

BOOST_AUTO_TEST_CASE(own_and_peers_get_the_copies) {
    const auto placement = place({id(2), {id(3), id(1)}}, ring_of("hhhh"), kTwo);
    BOOST_REQUIRE(placement);
    BOOST_CHECK(placement.value().replicas == (Ids{id(2), id(3), id(1)}));
    BOOST_TEST(placement.value().owed.empty());
    BOOST_TEST(placement.value().copies_needed == 2);
    BOOST_TEST(!placement.value().degraded);
}

BOOST_AUTO_TEST_CASE(an_unhealthy_peer_is_owed_and_nobody_stands_in_while_enough_are_left) {
    const auto placement = place({id(1), {id(2), id(3)}}, ring_of("hxhh"), kTwo);
    BOOST_REQUIRE(placement);
    BOOST_CHECK(placement.value().replicas == (Ids{id(1), id(3)}));
    BOOST_REQUIRE(placement.value().owed.size() == 1U);
    BOOST_CHECK((placement.value().owed[0] == OwedCopy{id(2), OwedReason::Unhealthy, "hung"}));
}

BOOST_AUTO_TEST_CASE(stand_ins_come_in_ring_order_from_the_own_server_on) {
    auto placement = place({id(3), {id(4)}}, ring_of("hhhxh"), kTwo);
    BOOST_REQUIRE(placement);
    BOOST_CHECK(placement.value().replicas == (Ids{id(3), id(5)}));
    placement = place({id(3), {id(4)}}, ring_of("hhhxx"), kTwo);
    BOOST_REQUIRE(placement);
    BOOST_CHECK(placement.value().replicas == (Ids{id(3), id(1)}));
    placement = place({id(3), {id(4)}}, ring_of("xhxxx"), {1, false});
    BOOST_REQUIRE(placement);
    BOOST_CHECK(placement.value().replicas == (Ids{id(2)}));
    BOOST_TEST(placement.value().owed.size() == 2U);
}

BOOST_AUTO_TEST_CASE(copies_count_by_distinct_failure_domain) {
    auto ring = ring_of("hhhh");
    ring[0].failure_domain = ring[1].failure_domain = ring[2].failure_domain = "rack1";
    // Own and peer share a rack: the third server shares it as well and does not help.
    const auto placement = place({id(1), {id(2)}}, ring, kTwo);
    BOOST_REQUIRE(placement);
    BOOST_CHECK(placement.value().replicas == (Ids{id(1), id(2), id(4)}));
    BOOST_TEST(count_domains(placement.value().replicas, ring) == 2U);
    ring[3].healthy = false;
    const auto none = place({id(1), {id(2)}}, ring, kTwo);
    BOOST_REQUIRE(!none);
    BOOST_CHECK(none.error().code == base::Errc::Unavailable);
}

BOOST_AUTO_TEST_CASE(a_server_without_a_domain_shares_it_with_nobody) {
    auto ring = ring_of("hh");
    ring[1].failure_domain = id(1).text();  // not even with one that is named like it
    BOOST_TEST(count_domains({id(1), id(2)}, ring) == 2U);
    BOOST_TEST(count_domains({id(1), id(1), id(9)}, ring) == 1U);
}

BOOST_AUTO_TEST_CASE(too_few_are_unavailable_unless_degraded_service_is_accepted) {
    BOOST_CHECK(place({id(1), {id(2)}}, ring_of("hx"), kTwo).error().code ==
                base::Errc::Unavailable);
    const auto degraded = place({id(1), {id(2)}}, ring_of("hx"), {2, true});
    BOOST_REQUIRE(degraded);
    BOOST_TEST(degraded.value().degraded);
    BOOST_TEST(degraded.value().copies_needed == 1);
    BOOST_TEST(degraded.value().owed.size() == 1U);
    BOOST_CHECK(place({id(1), {id(2)}}, ring_of("xx"), {2, true}).error().code ==
                base::Errc::Unavailable);
    // With enough servers, accepting degraded service changes nothing.
    BOOST_TEST(!place({id(1), {id(2)}}, ring_of("hh"), {2, true}).value().degraded);
}

BOOST_AUTO_TEST_CASE(a_peer_that_is_not_configured_is_owed) {
    const auto placement = place({id(1), {id(9), id(2), id(2), id(1)}}, ring_of("hh"), kTwo);
    BOOST_REQUIRE(placement);
    BOOST_CHECK(placement.value().replicas == (Ids{id(1), id(2)}));
    BOOST_REQUIRE(placement.value().owed.size() == 1U);
    BOOST_CHECK(placement.value().owed[0].reason == OwedReason::Unknown);
}

BOOST_AUTO_TEST_CASE(impossible_policies_are_invalid) {
    BOOST_CHECK(place({id(1), {}}, ring_of("h"), {0, false}).error().code == base::Errc::Invalid);
    BOOST_CHECK(place({id(1), {}}, ring_of("h"), {33, false}).error().code == base::Errc::Invalid);
}

BOOST_AUTO_TEST_SUITE_END()
