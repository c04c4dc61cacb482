#include "dns/denial_gate.h"

#include <boost/test/unit_test.hpp>

namespace {

dns::Client from(unsigned network) {
    dns::Client client;
    client.family = dns::Family::V4;
    client.address[0] = std::byte{10};
    client.address[1] = static_cast<std::byte>(network >> 8U);
    client.address[2] = static_cast<std::byte>(network);
    return client;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(dns_denial_gate)

BOOST_AUTO_TEST_CASE(a_network_gets_its_part) {
    dns::DenialGate gate({1000, 10});
    unsigned admitted = 0;
    for (std::uint64_t ms = 0; ms < 10'000; ++ms) {
        admitted += gate.admit(from(1), 1'000'000 + ms * 1000) ? 1U : 0U;
    }
    BOOST_TEST(admitted >= 10U);
    BOOST_TEST(admitted <= 20U, "who stays above the rate gets nothing: " << admitted);
    BOOST_TEST(gate.admit(from(2), 11'000'000));
}

BOOST_AUTO_TEST_CASE(all_networks_together_get_no_more_than_the_machine_gives) {
    dns::DenialGate gate({1000, 100});
    unsigned admitted = 0;
    for (std::uint64_t i = 0; i < 50'000; ++i) {
        admitted += gate.admit(from(static_cast<unsigned>(i)), 1'000'000 + i * 20) ? 1U : 0U;
    }
    BOOST_TEST(admitted >= 990U);
    BOOST_TEST(admitted <= 1101U);  // one second, and what may be taken at once
}

BOOST_AUTO_TEST_CASE(threads_share_the_rate) {
    dns::DenialGate gate({1000, 1000}, 4);
    unsigned admitted = 0;
    for (std::uint64_t i = 0; i < 10'000; ++i) {
        admitted += gate.admit(from(static_cast<unsigned>(i)), 1'000'000 + i * 100) ? 1U : 0U;
    }
    BOOST_TEST(admitted >= 240U);
    BOOST_TEST(admitted <= 280U);
}

BOOST_AUTO_TEST_SUITE_END()
