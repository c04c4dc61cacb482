#include "dns/zone_image.h"

#include <boost/test/unit_test.hpp>

#include "dns/wire.h"
#include "test/unit/dns/world.h"

namespace {

dns::ZoneImage compile(const dns::ZoneSource& source) {
    return dns::compile_zone(dns::build_zone(source).take_value()).take_value();
}

const dns::Node* find(const dns::ZoneImage& zone, std::string_view text) {
    return zone.find(dns::Name::from_text(text).take_value());
}

}  // namespace

BOOST_AUTO_TEST_SUITE(dns_zone_image)

BOOST_AUTO_TEST_CASE(has_empty_non_terminals_and_the_names_of_the_internal_view) {
    const auto zone = compile(dns_test::zone_source("z.test", {"a.b.c A 192.0.2.1"}));
    BOOST_REQUIRE(find(zone, "b.c.z.test") != nullptr);
    BOOST_TEST(find(zone, "b.c.z.test")->sets_count == 0);
    BOOST_TEST(find(zone, "_account.z.test")->is(dns::Node::kRefused));
    BOOST_TEST(find(zone, "z.test")->is(dns::Node::kApex));
    BOOST_TEST(find(zone, "z.test") == zone.nodes().data());
    BOOST_TEST(find(zone, "x.z.test") == nullptr);
    BOOST_TEST(zone.labels_max() == 5U);
}

BOOST_AUTO_TEST_CASE(keeps_nothing_below_a_delegation) {
    const auto zone = compile(
        dns_test::zone_source("z.test", {"c NS ns.a.c", "ns.a.c A 192.0.2.1", "c A 192.0.2.2"}));
    BOOST_REQUIRE(find(zone, "c.z.test") != nullptr);
    BOOST_TEST(find(zone, "c.z.test")->is(dns::Node::kDelegation));
    BOOST_TEST(find(zone, "c.z.test")->sets_count == 0);
    BOOST_TEST(find(zone, "a.c.z.test") == nullptr);
    BOOST_TEST(find(zone, "ns.a.c.z.test") == nullptr);
}

BOOST_AUTO_TEST_CASE(links_wildcards_to_their_parents) {
    const auto zone = compile(dns_test::zone_source("z.test", {"*.w A 192.0.2.1"}));
    const auto* parent = find(zone, "w.z.test");
    BOOST_REQUIRE(parent != nullptr);
    BOOST_TEST(&zone.nodes()[parent->wildcard] == find(zone, "*.w.z.test"));
    BOOST_TEST(zone.nodes()[0].wildcard == 0U);
}

BOOST_AUTO_TEST_CASE(an_access_name_of_the_operator_s_own_is_not_steered) {
    auto source = dns_test::zone_source("z.test", {"imap A 192.0.2.1"});
    source.steers_access = true;
    const auto zone = compile(source);
    const auto a = static_cast<std::uint16_t>(dns::RrType::A);
    BOOST_TEST((zone.find_set(*find(zone, "imap.z.test"), a)->steered == dns::SteeredKind::None));
    BOOST_TEST(find(zone, "imap.z.test")->sets_count == 1);
    BOOST_TEST((zone.find_set(*find(zone, "pop.z.test"), a)->steered == dns::SteeredKind::A));
}

BOOST_AUTO_TEST_CASE(stays_small) {
    std::vector<std::string> lines;
    for (int i = 0; i < 1000; ++i) {
        lines.push_back("host" + std::to_string(i) + " A 192.0.2.1");
    }
    const auto zone = compile(dns_test::zone_source("z.test", lines));
    BOOST_TEST(zone.memory() / 1000 < 160U);
}

BOOST_AUTO_TEST_SUITE_END()
