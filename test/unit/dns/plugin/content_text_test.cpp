#include "dns/plugin/content_text.h"

#include <array>

#include <boost/test/unit_test.hpp>

#include "dns/ldns_door.h"

using dns::plugin::content_of;

namespace {

std::string content(std::string_view type, std::string_view text) {
    const auto number = dns::record_type(type).take_value();
    const auto data = dns::record_data(number, text, dns::Name()).take_value();
    const auto made = content_of(number, data);
    return made ? made.value().type + " " + made.value().text : made.error().detail;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(dns_plugin_content_text)

BOOST_AUTO_TEST_CASE(writes_data_as_powerdns_does) {
    const std::array<std::array<std::string_view, 3>, 11> cases = {{
        {"MX", "10 mx1.hosts.test.", "MX 10 mx1.hosts.test"},
        {"MX", "0 .", "MX 0 ."},
        {"NS", "ns1.hosts.test.", "NS ns1.hosts.test"},
        {"SRV", "10 5 143 a.hosts.test.", "SRV 10 5 143 a.hosts.test"},
        {"CERT", "PKIX 12345 8 AwEAAQ==", "CERT 1 12345 8 AwEAAQ=="},
        {"TYPE57", R"(\# 8 0000030D01020304)", "RKEY 0 3 13 AQIDBA=="},
        {"A", "192.0.2.1", "A 192.0.2.1"},
        {"AAAA", "2001:db8::1", "AAAA 2001:db8::1"},
        {"TXT", R"("a \"b\"" "c")", R"(TXT "a \"b\"" "c")"},
        {"TYPE65280", R"(\# 4 0A000001)", R"(TYPE65280 \# 4 0a000001)"},
        {"TYPE65281", R"(\# 0)", R"(TYPE65281 \# 0)"},
    }};
    for (const auto& [type, text, expected] : cases) {
        BOOST_TEST(content(type, text) == expected);
    }
}

// PowerDNS would run a LUA record and resolve an ALIAS; signatures are its own.
BOOST_AUTO_TEST_CASE(withholds_types_that_mean_something_to_powerdns) {
    constexpr std::array<std::uint16_t, 7> kTypes = {46, 47, 50, 51, 65400, 65401, 65402};
    for (const std::uint16_t type : kTypes) {
        const auto made = content_of(type, "");
        BOOST_REQUIRE_MESSAGE(!made, type);
        BOOST_TEST((made.error().code == base::Errc::Unsupported));
    }
}

BOOST_AUTO_TEST_CASE(knows_the_types_that_are_asked_for) {
    BOOST_TEST(dns::plugin::asked_type("ANY").value() == 255);
    BOOST_TEST(dns::plugin::asked_type("SOA").value() == 6);
    BOOST_TEST(dns::plugin::asked_type("TYPE65280").value() == 65280);
    BOOST_TEST(!dns::plugin::asked_type("NONSENSE"));
    BOOST_TEST(!dns::plugin::asked_type(""));
}

BOOST_AUTO_TEST_SUITE_END()
