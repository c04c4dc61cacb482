#include "dns/zone_text.h"

#include <string>

#include <boost/test/unit_test.hpp>

#include "dns/ldns_door.h"
#include "dns/limits.h"

namespace {

dns::Name name(std::string_view text) {
    return dns::Name::from_text(text).take_value();
}

// The records as lines, or the error.
std::string read(std::string_view text, const std::optional<dns::Name>& apex = name("e.test")) {
    const auto file = dns::read_master_file(text, apex);
    if (!file) {
        return file.error().detail;
    }
    std::string lines;
    for (const dns::RecordRow& row : file.value().records) {
        lines += dns::record_line(row) + "\n";
    }
    return lines;
}

constexpr const char* kSoaLine = "@ 300 IN SOA ns1 host\\.master 2024010101 1h 15m 2w 5m\n";

}  // namespace

BOOST_AUTO_TEST_SUITE(dns_zone_text)

BOOST_AUTO_TEST_CASE(reads_records) {
    const struct {
        const char* text;
        const char* lines;
    } cases[] = {
        {"@ 60 IN NS ns1", "@ 60 IN NS ns1.e.test.\n"},
        {"$TTL 1h\nA.B A 192.0.2.1\n  AAAA 2001:DB8::1\n",
         "a.b 3600 IN A 192.0.2.1\na.b 3600 IN AAAA 2001:db8::1\n"},
        {"www.e.test. IN 5 a 192.0.2.1", "www 5 IN A 192.0.2.1\n"},
        {"a 5 A 192.0.2.1\nb A 192.0.2.2", "a 5 IN A 192.0.2.1\nb 5 IN A 192.0.2.2\n"},
        {"$TTL 9\n$ORIGIN sub\n@ MX 5 mx\n* A 192.0.2.1\n$ORIGIN e.test.\nx CNAME sub",
         "sub 9 IN MX 5 mx.sub.e.test.\n*.sub 9 IN A 192.0.2.1\nx 9 IN CNAME sub.e.test.\n"},
        {"t 1 TXT \"a;b\" ( c\n d )", "t 1 IN TXT \"a;b\" \"c\" \"d\"\n"},
        {"t 1 TYPE65280 \\# 3 abcdef", "t 1 IN TYPE65280 \\# 3 abcdef\n"},
        {"t 1 CLASS1 A \\# 4 c0000201", "t 1 IN A 192.0.2.1\n"},
        {"a\\.b 1 A 192.0.2.1", "a\\.b 1 IN A 192.0.2.1\n"},
        {"_25._tcp 1w TLSA 3 1 1 00FF", "_25._tcp 604800 IN TLSA 3 1 1 00ff\n"},
    };

    for (const auto& c : cases) {
        BOOST_TEST_CONTEXT(c.text) {
            BOOST_TEST(read(c.text) == c.lines);
        }
    }
}

BOOST_AUTO_TEST_CASE(refuses_with_the_line) {
    const struct {
        const char* text;
        const char* why;
    } cases[] = {
        {"\n$INCLUDE other", "line 2: $INCLUDE is not followed"},
        {"$GENERATE 1-2 a A 192.0.2.$", "line 1: $GENERATE"},
        {"$UNKNOWN x", "line 1: $UNKNOWN: no such directive"},
        {"$TTL", "line 1: $TTL: no such directive"},
        {"$TTL soon", "line 1: \"soon\" is no TTL"},
        {"$TTL 4294967296", "line 1: TTL above"},
        {" A 192.0.2.1", "line 1: no owner"},
        {"a A 192.0.2.1", "line 1: a record without a TTL"},
        {"a 5 CH TXT x", "line 1: class CH"},
        {"a 5 IN", "line 1: a record without a type"},
        {"a 5 NOSUCH x", "line 1: unknown record type NOSUCH"},
        {"a 5 MX 99999 b", "line 1: number 99999 does not fit"},
        {"a 5 A 192.0.2.1\nother.test. 5 A 192.0.2.1", "line 2: other.test. is not in the zone"},
        {"a 5 SOA a b 1 2 3 4 5", "line 1: the SOA of a.e.test. is not of the zone"},
        {"@ 5 SOA a b 1 2 3 4 5\n@ 5 SOA a b 2 2 3 4 5", "line 2: a second SOA"},
    };

    for (const auto& c : cases) {
        BOOST_TEST_CONTEXT(c.text) {
            const std::string said = read(c.text);
            BOOST_TEST(said.starts_with(c.why), said);
        }
    }
}

BOOST_AUTO_TEST_CASE(the_soa_says_which_zone_it_is) {
    const std::string text = std::string("$ORIGIN E.Test.\n") + kSoaLine + "www A 192.0.2.1\n" +
                             kSoaLine;  // as dig AXFR ends
    const auto file = dns::read_master_file(text, std::nullopt);
    BOOST_REQUIRE_MESSAGE(file, (file ? "" : file.error().detail));
    BOOST_TEST((file.value().apex == name("e.test")));
    BOOST_REQUIRE(file.value().soa);
    const dns::MasterSoa& soa = *file.value().soa;
    BOOST_TEST(soa.serial == 2024010101U);
    BOOST_TEST(soa.fields.primary == "ns1.e.test.");
    BOOST_TEST(dns::contact_address(soa.fields.contact).value() == "host.master@e.test");
    BOOST_TEST(soa.fields.refresh == 3600U);
    BOOST_TEST(soa.fields.retry == 900U);
    BOOST_TEST(soa.fields.expire == 1209600U);
    BOOST_TEST(soa.fields.minimum == 300U);
    BOOST_TEST(soa.fields.ttl == 300U);
    BOOST_TEST(file.value().records.size() == 1U);
    BOOST_TEST(file.value().records[0].ttl == 300U);
    BOOST_TEST(read("www 5 A 192.0.2.1", std::nullopt).starts_with("line 1: \"www\" is relative"));
    BOOST_TEST(read("a.test. 5 A 192.0.2.1", std::nullopt).starts_with("line 1: no SOA"));
    BOOST_TEST(read("a\\. 5 A 192.0.2.1", std::nullopt).starts_with("line 1: \"a\\.\" is rel"));
}

BOOST_AUTO_TEST_CASE(what_is_written_is_read_again) {
    dns::ZoneSource source;
    source.name = "e.test";
    source.soa = {"ns1.e.test", "hostmaster@e.test"};
    source.records = {{"@", "NS", 60, "ns1"},
                      {"ns1", "A", 60, "192.0.2.53"},
                      {"@", "TXT", 60, "\"v=spf1 -all\""},
                      {"q", "TXT", 60, "\"\\\"\\\\;\\000\\255\""},
                      {"a.b", "CAA", 60, "0 issue \"ca.test\""},
                      {"h", "HTTPS", 60, "1 . alpn=h2,h3"},
                      {"n", "NAPTR", 60, "10 20 \"s\" \"SIP+D2U\" \"\" _sip._udp"},
                      {"l", "LOC", 60, "52 22 23.000 N 4 53 32.000 E -2.00m 1.00m 10000m 10m"},
                      {"u", "TYPE65280", 60, "\\# 0"},
                      {"*.w", "A", 60, "192.0.2.9"}};
    const auto zone = dns::build_zone(source);
    BOOST_REQUIRE_MESSAGE(zone, (zone ? "" : zone.error().detail));
    const auto text = dns::write_master_file(zone.value(), 4294967295U);
    BOOST_REQUIRE_MESSAGE(text, (text ? "" : text.error().detail));
    BOOST_TEST(text.value().starts_with("e.test. 3600 IN SOA ns1.e.test. hostmaster.e.test. "
                                        "4294967295 7200 900 1209600 60\n"),
               text.value());
    const auto file = dns::read_master_file(text.value(), std::nullopt);
    BOOST_REQUIRE_MESSAGE(file, (file ? "" : file.error().detail));
    const auto difference =
        dns::record_difference(source.records, file.value().records, name("e.test"));
    BOOST_TEST(difference.empty());
    BOOST_TEST(file.value().records.size() == source.records.size());
}

BOOST_AUTO_TEST_CASE(tells_differences_by_meaning) {
    const std::vector<dns::RecordRow> before = {{"b", "A", 5, "192.0.2.1"},
                                                {"a", "MX", 5, "10 mx"},
                                                {"c", "TXT", 5, "x"},
                                                {"d", "A", 5, "no address"},
                                                {"c", "TXT", 5, "\"x\""}};
    const std::vector<dns::RecordRow> after = {{"a", "MX", 5, "010 mx.e.test."},
                                               {"c", "TXT", 5, "\"x\""},
                                               {"b", "A", 6, "192.0.2.1"},
                                               {"e", "A", 5, "192.0.2.2"},
                                               {"e", "A", 5, "192.0.2.2"}};
    const auto difference = dns::record_difference(before, after, name("e.test"));
    BOOST_TEST((difference.removed == std::vector<std::size_t>{0, 3}));
    BOOST_TEST((difference.added == std::vector<std::size_t>{2, 3}));
    BOOST_TEST(dns::record_difference(before, before, name("e.test")).empty());
}

BOOST_AUTO_TEST_CASE(times_have_units) {
    BOOST_TEST(dns::parse_ttl("0").value() == 0U);
    BOOST_TEST(dns::parse_ttl("1h30m").value() == 5400U);
    BOOST_TEST(dns::parse_ttl("1W2d").value() == 777600U);
    BOOST_TEST(dns::parse_ttl("2147483647").value() == 2147483647U);
    for (const char* bad :
         {"", "h", "1x", "2147483648", "3551w", "99999999999999999999", "1h2m3"}) {
        // A number without a unit after others are seconds, as BIND reads it.
        BOOST_TEST_CONTEXT(bad) {
            BOOST_TEST(bool(dns::parse_ttl(bad)) == (std::string_view(bad) == "1h2m3"));
        }
    }
}

BOOST_AUTO_TEST_CASE(contacts_that_are_no_addresses) {
    BOOST_TEST(!dns::contact_address("."));
    BOOST_TEST(!dns::contact_address("local."));
    BOOST_TEST(!dns::contact_address("a\\@b.test."));
    BOOST_TEST(!dns::contact_address("a\\032b.test."));
    BOOST_TEST(dns::contact_address("a.b.test.").value() == "a@b.test");
}

BOOST_AUTO_TEST_SUITE_END()
