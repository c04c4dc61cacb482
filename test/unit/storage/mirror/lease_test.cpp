#include "storage/mirror/lease.h"

#include <boost/test/unit_test.hpp>

using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(storage_lease)

BOOST_AUTO_TEST_CASE(a_pause_breaks_it_until_it_is_renewed) {
    const base::Instant start{};
    storage::Lease lease(10s, start);
    BOOST_TEST(lease.beat(start + 10s));
    BOOST_TEST(lease.beat(start + 20s));
    BOOST_TEST(!lease.beat(start + 30s + 1ns));
    BOOST_TEST(!lease.is_held());
    BOOST_TEST(!lease.beat(start + 31s));
    lease.renew();
    BOOST_TEST(lease.is_held());
    BOOST_TEST(lease.beat(start + 32s));
}

BOOST_AUTO_TEST_SUITE_END()
