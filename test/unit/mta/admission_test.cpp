#include "mta/admission.h"

#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <boost/test/unit_test.hpp>

namespace {

using mta::Admission;

base::IpAddress address(const std::string& text) {
    return base::IpAddress::parse(text).value();
}

bool admitted(const std::variant<Admission::Ticket, Admission::Denied>& verdict) {
    return std::holds_alternative<Admission::Ticket>(verdict);
}

Admission::Denied why(const std::variant<Admission::Ticket, Admission::Denied>& verdict) {
    return std::get<Admission::Denied>(verdict);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(admission)

BOOST_AUTO_TEST_CASE(sessions_are_counted_and_limited) {
    Admission admission({2, 50, {}});
    auto first = admission.enter(address("192.0.2.1"));
    {
        auto second = admission.enter(address("192.0.2.2"));
        BOOST_TEST((admitted(first) && admitted(second)));
        BOOST_TEST(admission.sessions() == 2U);
        BOOST_TEST((why(admission.enter(address("192.0.2.3"))) == Admission::Denied::Overload));
        BOOST_TEST(admission.sessions() == 2U);
    }
    BOOST_TEST(admission.sessions() == 1U);
    BOOST_TEST(admitted(admission.enter(address("192.0.2.3"))));
}

BOOST_AUTO_TEST_CASE(one_source_has_a_limit_of_its_own) {
    Admission admission({100, 2, {}});
    std::vector<std::variant<Admission::Ticket, Admission::Denied>> held;
    held.push_back(admission.enter(address("192.0.2.1")));
    held.push_back(admission.enter(address("192.0.2.1")));
    BOOST_TEST((why(admission.enter(address("192.0.2.1"))) == Admission::Denied::SourceLimit));
    BOOST_TEST(admission.sessions() == 2U);
    BOOST_TEST(admitted(admission.enter(address("192.0.2.2"))));
    held.pop_back();
    BOOST_TEST(admitted(admission.enter(address("192.0.2.1"))));
}

BOOST_AUTO_TEST_CASE(an_ipv6_source_is_a_network_of_64_bits) {
    Admission admission({100, 1, {}});
    const auto held = admission.enter(address("2001:db8:0:1::1"));
    BOOST_TEST(!admitted(admission.enter(address("2001:db8:0:1:ffff::2"))));
    BOOST_TEST(admitted(admission.enter(address("2001:db8:0:2::1"))));
}

BOOST_AUTO_TEST_CASE(unlimited_sources_are_held_to_the_common_limit_alone) {
    Admission admission({3, 1, {base::Network::parse("127.0.0.0/8").value()}});
    std::vector<std::variant<Admission::Ticket, Admission::Denied>> held;
    for (int i = 0; i < 3; ++i) {
        held.push_back(admission.enter(address("127.0.0.1")));
        BOOST_TEST(admitted(held.back()));
    }
    BOOST_TEST((why(admission.enter(address("127.0.0.1"))) == Admission::Denied::Overload));
}

BOOST_AUTO_TEST_CASE(a_moved_ticket_gives_its_place_back_once) {
    Admission admission({10, 10, {}});
    {
        auto verdict = admission.enter(address("192.0.2.1"));
        Admission::Ticket first = std::get<Admission::Ticket>(std::move(verdict));
        Admission::Ticket second = std::move(first);
        BOOST_TEST(admission.sessions() == 1U);
        second = std::get<Admission::Ticket>(admission.enter(address("192.0.2.2")));
        BOOST_TEST(admission.sessions() == 1U);
    }
    BOOST_TEST(admission.sessions() == 0U);
}

BOOST_AUTO_TEST_SUITE_END()
