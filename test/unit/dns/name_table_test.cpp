#include "dns/name_table.h"

#include <string>

#include <boost/test/unit_test.hpp>

#include "test/unit/dns/world.h"

namespace {

std::shared_ptr<const dns::ZoneImage> image(const dns::ZoneSource& source) {
    return std::make_shared<const dns::ZoneImage>(
        dns::compile_zone(dns::build_zone(source).take_value()).take_value());
}

dns::WireName wire(std::string_view text) {
    dns::WireName name;
    BOOST_REQUIRE(dns::read_name(dns::Name::from_text(text).take_value().wire(), name));
    return name;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(dns_name_table)

BOOST_AUTO_TEST_CASE(finds_every_name_of_many_zones) {
    dns::NameTable::Zones zones;
    for (int i = 0; i < 300; ++i) {
        zones.push_back(image(dns_test::zone_source("z" + std::to_string(i) + ".test",
                                                    {"www A 192.0.2.1", "a.b A 192.0.2.2"})));
    }
    const dns::NameTable table(zones, 42);
    for (std::uint32_t i = 0; i < 300; ++i) {
        const std::string zone = "z" + std::to_string(i) + ".test";
        for (const std::string& name : {zone, "www." + zone, "b." + zone, "a.b." + zone}) {
            const auto found = table.lookup(wire(name));
            BOOST_REQUIRE(found.node != nullptr);
            BOOST_REQUIRE(found.zone == i);
            BOOST_REQUIRE(found.labels_off == 0U);
        }
    }
    BOOST_TEST(table.lookup(wire("z300.test")).node == nullptr);
}

BOOST_AUTO_TEST_CASE(finds_the_closest_encloser) {
    const dns::NameTable table({image(dns_test::zone_source("z.test", {"a.b A 192.0.2.2"}))}, 42);
    const auto found = table.lookup(wire("x.y.b.z.test"));
    BOOST_REQUIRE(found.node != nullptr);
    BOOST_TEST(found.labels_off == 2U);
    BOOST_TEST(table.lookup(wire("q.z.test")).labels_off == 1U);
    // One label deeper than the deepest name.
    BOOST_TEST(table.lookup(wire("x.a.b.z.test")).labels_off == 1U);
    BOOST_TEST(table.lookup(wire("1.2.3.4.5.6.7.8.9.z.test")).labels_off == 9U);
}

BOOST_AUTO_TEST_CASE(an_inner_zone_hides_what_the_outer_one_says_there) {
    const dns::NameTable table(
        {image(dns_test::zone_source("z.test",
                                     {"in NS ns.in", "ns.in A 192.0.2.1", "inner A 192.0.2.2"})),
         image(dns_test::zone_source("in.z.test", {"www A 192.0.2.3"}))},
        42);
    BOOST_TEST(table.lookup(wire("in.z.test")).zone == 1U);
    BOOST_TEST(table.lookup(wire("ns.in.z.test")).zone == 1U);
    BOOST_TEST(table.lookup(wire("inner.z.test")).zone == 0U);
    BOOST_TEST(table.parent_zone(1) == 0U);
    BOOST_TEST(table.parent_zone(0) == dns::NameTable::kNoZone);
}

BOOST_AUTO_TEST_CASE(has_nothing_when_empty) {
    const dns::NameTable table({}, 42);
    BOOST_TEST(table.lookup(wire("a.test")).node == nullptr);
}

BOOST_AUTO_TEST_SUITE_END()
