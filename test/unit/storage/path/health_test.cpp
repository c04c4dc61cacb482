#include "storage/path/health.h"

#include <boost/test/unit_test.hpp>

using namespace storage;

BOOST_AUTO_TEST_SUITE(storage_health)

BOOST_AUTO_TEST_CASE(a_path_is_out_until_it_was_probed) {
    const StoreHealth fresh;
    BOOST_TEST(!fresh.is_healthy());
    BOOST_CHECK(fresh.state == StoreState::Out);
    BOOST_TEST(!fresh.reason.empty());
}

BOOST_AUTO_TEST_CASE(only_healthy_is_healthy_and_the_better_state_is_the_smaller) {
    BOOST_TEST(
        (StoreState::Healthy < StoreState::Suspect && StoreState::Suspect < StoreState::Out));
    StoreHealth health;
    health.state = StoreState::Suspect;
    BOOST_TEST(!health.is_healthy());
    health.state = StoreState::Healthy;
    BOOST_TEST(health.is_healthy());
}

BOOST_AUTO_TEST_CASE(states_have_names) {
    BOOST_TEST(store_state_name(StoreState::Healthy) == "healthy");
    BOOST_TEST(store_state_name(StoreState::Suspect) == "suspect");
    BOOST_TEST(store_state_name(StoreState::Out) == "out");
}

BOOST_AUTO_TEST_SUITE_END()
