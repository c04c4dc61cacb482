#include "mta/notify/target_rule.h"

#include <string>

#include <boost/test/unit_test.hpp>

namespace {

using mta::Wire;

base::IpAddress address(const std::string& text) {
    return base::IpAddress::parse(text).value();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(target_rule)

BOOST_AUTO_TEST_CASE(what_is_not_of_the_public_internet_is_refused) {
    const mta::TargetRule rule{std::vector<base::Network>()};
    for (const char* text : {"127.0.0.1",
                             "10.1.2.3",
                             "172.31.0.1",
                             "192.168.1.1",
                             "169.254.169.254",
                             "100.64.0.1",
                             "0.0.0.0",
                             "224.0.0.1",
                             "255.255.255.255",
                             "192.0.2.1",
                             "198.18.0.1",
                             "::1",
                             "::",
                             "fe80::1",
                             "fd00::1",
                             "ff02::1",
                             "2001:db8::1",
                             "2002:7f00:1::",
                             "64:ff9b::7f00:1",
                             "::ffff:127.0.0.1",
                             "2001::1"}) {
        BOOST_TEST(!mta::is_public(address(text)), text);
        BOOST_TEST(!rule.permits(address(text), Wire::Tls), text);
    }
    for (const char* text : {"9.9.9.9", "172.32.0.1", "100.128.0.1", "2620:fe::fe", "2a00::1"}) {
        BOOST_TEST(mta::is_public(address(text)), text);
        BOOST_TEST(rule.permits(address(text), Wire::Tls), text);
        BOOST_TEST(!rule.permits(address(text), Wire::Plain), text);
    }
}

BOOST_AUTO_TEST_CASE(operators_allow_networks_and_their_own_hosts) {
    const mta::TargetRule rule({base::Network::parse("10.1.0.0/16").value()});
    BOOST_TEST(rule.permits(address("10.1.2.3"), Wire::Plain));
    BOOST_TEST(!rule.permits(address("10.2.2.3"), Wire::Tls));
    BOOST_TEST(mta::TargetRule::trusted().permits(address("127.0.0.1"), Wire::Plain));
}

BOOST_AUTO_TEST_SUITE_END()
