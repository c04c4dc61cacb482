#include "ops/steering_client.h"

#include <boost/test/unit_test.hpp>

using dns::explain::Format;

BOOST_AUTO_TEST_SUITE(steering_client)

BOOST_AUTO_TEST_CASE(who_is_not_there_cannot_be_asked) {
    ops::SteeringTarget nobody{"/nowhere/explain", {}};
    auto asked = ops::ask_steering(nobody, {Format::Text, "mail.test", {}});
    BOOST_REQUIRE(!asked);
    BOOST_CHECK(asked.error().code == base::Errc::NotFound);
    asked = ops::ask_steering({"", base::Endpoint(base::IpAddress::loopback_v4(), 1)},
                              {Format::Text, "mail.test", {}});
    BOOST_REQUIRE(!asked);
    BOOST_CHECK(asked.error().code == base::Errc::Unavailable);
    BOOST_TEST(nobody.name() == "/nowhere/explain");
}

BOOST_AUTO_TEST_SUITE_END()
