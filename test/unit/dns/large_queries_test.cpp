#include "dns/large_queries.h"

#include <array>

#include <boost/test/unit_test.hpp>

using dns::LargeQueries;
using Verdict = LargeQueries::Verdict;

namespace {

base::IpAddress client(const char* text) {
    return base::IpAddress::parse(text).take_value();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(dns_large_queries)

BOOST_AUTO_TEST_CASE(all_together_are_bounded) {
    LargeQueries queries(1000, 1000);
    const std::array<int, 3> holders{};
    BOOST_TEST((queries.hold(&holders[0], client("192.0.2.1"), 400) == Verdict::Granted));
    BOOST_TEST((queries.hold(&holders[1], client("192.0.2.2"), 600) == Verdict::Granted));
    BOOST_TEST((queries.hold(&holders[2], client("192.0.2.3"), 1) == Verdict::Full));
    BOOST_TEST((queries.hold(&holders[0], client("192.0.2.1"), 401) == Verdict::Full));
    BOOST_TEST(queries.octets() == 1000U);
    queries.give_back(&holders[1]);
    queries.give_back(&holders[1]);
    queries.give_back(&holders[2]);
    BOOST_TEST(queries.octets() == 400U);
    BOOST_TEST((queries.hold(&holders[0], client("192.0.2.1"), 1000) == Verdict::Granted));
    BOOST_TEST(queries.octets() == 1000U, "what it had is a part of it");
    BOOST_TEST(queries.held().size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_client_is_bounded_whatever_it_opens) {
    LargeQueries queries(1000, 300);
    const std::array<int, 3> holders{};
    BOOST_TEST((queries.hold(&holders[0], client("192.0.2.1"), 200) == Verdict::Granted));
    BOOST_TEST((queries.hold(&holders[1], client("192.0.2.1"), 101) == Verdict::ClientFull));
    BOOST_TEST((queries.hold(&holders[1], client("192.0.2.1"), 100) == Verdict::Granted));
    BOOST_TEST((queries.hold(&holders[0], client("192.0.2.1"), 201) == Verdict::ClientFull));
    BOOST_TEST((queries.hold(&holders[2], client("192.0.2.2"), 300) == Verdict::Granted));
    queries.give_back(&holders[1]);
    BOOST_TEST((queries.hold(&holders[0], client("192.0.2.1"), 300) == Verdict::Granted));
}

BOOST_AUTO_TEST_CASE(who_began_first_stands_first) {
    LargeQueries queries(1000, 1000);
    const std::array<int, 3> holders{};
    for (const int& holder : holders) {
        BOOST_TEST((queries.hold(&holder, client("192.0.2.1"), 10) == Verdict::Granted));
    }
    BOOST_TEST((queries.hold(&holders[0], client("192.0.2.1"), 20) == Verdict::Granted));
    BOOST_TEST(queries.held()[0].holder == &holders[0], "growth is no new beginning");
    queries.give_back(&holders[0]);
    BOOST_TEST((queries.hold(&holders[0], client("192.0.2.1"), 10) == Verdict::Granted));
    BOOST_TEST(queries.held()[0].holder == &holders[1]);
    BOOST_TEST(queries.held()[2].holder == &holders[0]);
}

BOOST_AUTO_TEST_SUITE_END()
