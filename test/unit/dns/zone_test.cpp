#include "dns/zone.h"

#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "test/unit/dns/world.h"

using dns_test::row;
using dns_test::zone_source;

namespace {

struct BadZone {
    std::vector<std::string> lines;
    const char* reason;  ///< must be part of the error
};

std::string refusal(const dns::ZoneSource& source) {
    const auto zone = dns::build_zone(source);
    return zone ? "accepted" : zone.error().detail;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(dns_zone)

BOOST_AUTO_TEST_CASE(reads_rows_into_sets) {
    const auto built = dns::build_zone(
        zone_source("Example.TEST", {"www A 192.0.2.2", "www A 192.0.2.1", "www A 192.0.2.1"}));
    BOOST_REQUIRE(built);
    const dns::Zone& zone = built.value();
    BOOST_TEST(zone.apex.to_text() == "example.test.");
    BOOST_TEST(zone.negative_ttl == 60U);
    const auto& set = zone.names.at(dns::Name::from_text("www.example.test").value()).at(1);
    BOOST_TEST(set.ttl == 300U);
    BOOST_TEST(set.data.size() == 2U);
    BOOST_TEST(set.data.front() == std::string("\xc0\0\2\1", 4));
}

BOOST_AUTO_TEST_CASE(refuses_a_bad_zone_with_the_reason) {
    std::vector<std::string> many;
    for (int i = 0; i < 101; ++i) {
        many.push_back("many A 192.0.2." + std::to_string(i));
    }
    const std::string long_label(63, 'a');
    const std::string long_name =
        long_label + "." + long_label + "." + long_label + "." + long_label;
    const BadZone cases[] = {
        {{"a CNAME b", "a TXT x"}, "RFC 1034 3.6.2"},
        {{"a CNAME b", "a CNAME c"}, "RFC 2181 10.1"},
        {{"@ CNAME b"}, "RFC 1034 3.6.2"},
        {{"a CNAME b", "@ MX 10 a"}, "is an alias"},
        {{"a CNAME b", "_x._tcp SRV 0 0 1 a"}, "is an alias"},
        {{"a CNAME b", "c NS a"}, "is an alias"},
        {{"@ NS nothing"}, "no address"},
        {{"c NS ns.c"}, "no address"},
        {{"c NS ns.other.test.", "x.c TXT hidden"}, "hidden by the delegation"},
        {{"c NS ns.other.test.", "c TXT hidden"}, "hidden by the delegation"},
        {{"c DS 1 13 2 00"}, "no delegation here"},
        {{"d DNAME t", "x.d A 192.0.2.1"}, "below the DNAME"},
        {{"d DNAME t", "d DNAME u"}, "more than one"},
        {{"*.w NS ns.other.test."}, "wildcard"},
        {{"*.w DNAME t"}, "wildcard"},
        {{"@ MX 0 .", "@ MX 10 ns.other.test."}, "null MX"},
        {{"www.other.test. A 192.0.2.1"}, "not in zone"},
        {{"_account TXT x"}, "internal view"},
        {{"x._account TXT x"}, "internal view"},
        {{"a A 192.0.2"}, "192.0.2"},
        {{"a MX 65536 b"}, "does not fit"},
        {{"a TXT \"open"}, "quote"},
        {{"a TXT x ; comment"}, "comment"},
        {{"a NSEC b A"}, "cannot be written"},
        {{"a RRSIG x"}, "cannot be written"},
        {{"a ANY x"}, "cannot be written"},
        {{"a NOSUCH x"}, "unknown record type"},
        {{"a..b A 192.0.2.1"}, "empty label"},
        {{long_name + " A 192.0.2.1"}, "255"},
        {many, "too many"},
    };
    for (const BadZone& c : cases) {
        const std::string reason = refusal(zone_source("example.test", c.lines));
        BOOST_TEST(reason.find(c.reason) != std::string::npos,
                   c.lines.front() << ": " << reason << " lacks " << c.reason);
    }
}

BOOST_AUTO_TEST_CASE(refuses_two_ttls_in_one_set) {
    auto source = zone_source("example.test", {"a A 192.0.2.1"});
    source.records.push_back(row("a A 192.0.2.2", 301));
    BOOST_TEST(refusal(source).find("two TTLs") != std::string::npos);
    source.records.back() = row("a AAAA 2001:db8::1", 301);
    BOOST_TEST(refusal(source) == "accepted");
    source.records.back() = row("b A 192.0.2.1", 0x80000000U);
    BOOST_TEST(refusal(source).find("RFC 2181 8") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(needs_a_name_server) {
    auto source = zone_source("example.test", {"a A 192.0.2.1"});
    source.records.erase(source.records.begin(), source.records.begin() + 2);
    BOOST_TEST(refusal(source).find("needs a name server") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(refuses_a_written_mx_where_the_steering_makes_it) {
    auto source = zone_source("example.test", {"@ MX 10 mx1.hosts.test."});
    BOOST_TEST(refusal(source) == "accepted");
    source.steers_mail = true;
    BOOST_TEST(refusal(source).find("made by the steering") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(reads_a_contact_with_dots) {
    auto source = zone_source("example.test", {});
    source.soa.contact = "host.master@example.test";
    BOOST_REQUIRE(dns::build_zone(source));
    const dns::Zone zone = dns::build_zone(source).take_value();
    const std::string& soa = zone.names.at(zone.apex).at(6).data.front();
    BOOST_TEST(soa.find(std::string("\13host.master\7example\4test\0", 26)) != std::string::npos);
}

BOOST_AUTO_TEST_CASE(an_access_name_is_steered_only_where_nothing_is_written) {
    const auto zone =
        dns::build_zone(zone_source("example.test", {"imap A 192.0.2.1", "pop NS ns.other.test."}))
            .take_value();
    const auto names = dns::access_names(zone.apex).take_value();
    BOOST_TEST(!dns::is_free(zone, names.imap));
    BOOST_TEST(!dns::is_free(zone, names.pop));
    BOOST_TEST(dns::is_free(zone, names.imap_srv));
}

BOOST_AUTO_TEST_SUITE_END()
