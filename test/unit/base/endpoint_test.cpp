#include "base/endpoint.h"

#include <boost/test/unit_test.hpp>
#include <sys/socket.h>

using base::Endpoint;
using base::IpAddress;
using base::Network;

namespace {

IpAddress ip(std::string_view text) {
    auto parsed = IpAddress::parse(text);
    BOOST_REQUIRE_MESSAGE(parsed, text);
    return parsed.value();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(endpoint)

BOOST_AUTO_TEST_CASE(text_goes_both_ways) {
    for (const char* text : {"127.0.0.1:25", "[::1]:25", "0.0.0.0:0", "[2001:db8::2]:65535"}) {
        auto parsed = Endpoint::parse(text);
        BOOST_REQUIRE_MESSAGE(parsed, text);
        BOOST_TEST(parsed.value().to_text() == text);
        sockaddr_storage storage{};
        (void)parsed.value().to_sockaddr(storage);
        BOOST_TEST(Endpoint::from_sockaddr(reinterpret_cast<const sockaddr&>(storage)).to_text() ==
                   text);
    }
}

BOOST_AUTO_TEST_CASE(refuses_what_is_no_endpoint) {
    for (const char* text : {"",
                             "25",
                             "127.0.0.1",
                             "127.0.0.1:",
                             "127.0.0.1:x",
                             "127.0.0.1:65536",
                             "127.0.0.1:-1",
                             "127.0.0.1:25 ",
                             "127.0.1:25",
                             "256.0.0.1:25",
                             "::1:25",
                             "[::1]",
                             "[::1]25",
                             "[::1:25",
                             "[127.0.0.1]:25",
                             "[::1%lo]:25",
                             "localhost:25"}) {
        BOOST_TEST(!Endpoint::parse(text), text);
    }
    BOOST_TEST(!Endpoint::parse(std::string_view("127.0.0.1\0:25", 13)));
}

BOOST_AUTO_TEST_CASE(a_missing_port_is_the_default_where_allowed) {
    for (const char* text : {"127.0.0.1", "::1", "[::1]"}) {
        auto parsed = Endpoint::parse(text, 53);
        BOOST_REQUIRE_MESSAGE(parsed, text);
        BOOST_TEST(parsed.value().port() == 53);
    }
    auto given = Endpoint::parse("[::1]:5353", 53);
    BOOST_REQUIRE(given);
    BOOST_TEST(given.value().port() == 5353);
}

BOOST_AUTO_TEST_CASE(mapped_addresses_are_ipv4) {
    BOOST_TEST(ip("::ffff:192.0.2.1").to_text() == "192.0.2.1");
    BOOST_CHECK(ip("::ffff:192.0.2.1") == ip("192.0.2.1"));
}

BOOST_AUTO_TEST_CASE(loopback_and_any_are_known) {
    BOOST_TEST(ip("127.8.9.10").is_loopback());
    BOOST_TEST(ip("::1").is_loopback());
    BOOST_TEST(!ip("128.0.0.1").is_loopback());
    BOOST_TEST(!ip("::2").is_loopback());
    BOOST_TEST(ip("0.0.0.0").is_any());
    BOOST_TEST(ip("::").is_any());
    BOOST_TEST(!ip("::1").is_any());
}

BOOST_AUTO_TEST_CASE(a_network_contains_its_addresses_only) {
    struct Case {
        const char* network;
        const char* address;
        bool inside;
    };

    for (const Case& c : {Case{"10.0.0.0/8", "10.255.255.255", true},
                          Case{"10.0.0.0/8", "11.0.0.0", false},
                          Case{"192.0.2.128/25", "192.0.2.127", false},
                          Case{"192.0.2.128/25", "192.0.2.128", true},
                          Case{"192.0.2.1", "192.0.2.1", true},
                          Case{"192.0.2.1", "192.0.2.2", false},
                          Case{"0.0.0.0/0", "203.0.113.9", true},
                          Case{"0.0.0.0/0", "::1", false},
                          Case{"2001:db8::/33", "2001:db8:7fff::1", true},
                          Case{"2001:db8::/33", "2001:db8:8000::1", false},
                          Case{"::/0", "2001:db8::1", true},
                          Case{"::/0", "192.0.2.1", false},
                          Case{"::1/128", "::1", true}}) {
        auto network = Network::parse(c.network);
        BOOST_REQUIRE_MESSAGE(network, c.network);
        BOOST_TEST(network.value().contains(ip(c.address)) == c.inside,
                   c.network << " " << c.address);
    }
}

BOOST_AUTO_TEST_CASE(equal_networks_compare_equal) {
    auto loose = Network::parse("192.0.2.77/24");
    auto tight = Network::parse("192.0.2.0/24");
    BOOST_REQUIRE(loose && tight);
    BOOST_CHECK(loose.value() == tight.value());
    BOOST_TEST(loose.value().to_text() == "192.0.2.0/24");
    for (const char* text : {"192.0.2.0/33", "::/129", "192.0.2.0/", "192.0.2.0/x", "/8"}) {
        BOOST_TEST(!Network::parse(text), text);
    }
}

BOOST_AUTO_TEST_SUITE_END()
