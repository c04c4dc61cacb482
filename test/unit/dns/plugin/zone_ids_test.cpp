#include "dns/plugin/zone_ids.h"

#include <boost/test/unit_test.hpp>

#include "test/unit/dns/directory/world.h"

using dns::plugin::kNoZoneId;
using dns::plugin::ZoneIds;

BOOST_AUTO_TEST_SUITE(dns_plugin_zone_ids)

BOOST_AUTO_TEST_CASE(are_those_of_the_directory) {
    const ZoneIds ids(dns_test::directory());
    const auto mail = dns::Name::from_text("mail.test").take_value();
    BOOST_TEST(ids.id_of(mail) == 2);
    BOOST_REQUIRE(ids.apex_of(2) != nullptr);
    BOOST_TEST((*ids.apex_of(2) == mail));
    BOOST_TEST(ids.id_of(dns::Name()) == kNoZoneId);
    BOOST_TEST(ids.apex_of(kNoZoneId) == nullptr);
    BOOST_TEST(ids.apex_of(3) == nullptr);
}

BOOST_AUTO_TEST_CASE(a_number_that_powerdns_cannot_keep_is_none) {
    auto directory = dns_test::directory();
    directory.domains[1].id = std::int64_t{1} << 31;
    const ZoneIds ids(directory);
    BOOST_TEST(ids.id_of(dns::Name::from_text("mail.test").take_value()) == kNoZoneId);
    BOOST_TEST(ids.apex_of(std::int64_t{1} << 31) == nullptr);
}

BOOST_AUTO_TEST_SUITE_END()
