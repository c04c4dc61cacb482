#include "mta/scan/clamd_address.h"

#include <chrono>
#include <string>

#include <boost/test/unit_test.hpp>

#include "test/support/clamd.h"
#include "test/support/loop_runner.h"

namespace {

using base::Errc;
using mta::ClamdAddress;
using namespace std::chrono_literals;
using test_support::run_in_fiber;

}  // namespace

BOOST_AUTO_TEST_SUITE(clamd_address)

BOOST_AUTO_TEST_CASE(takes_a_socket_or_an_address_with_its_port) {
    for (const std::string text :
         {"unix:/run/clamav/clamd.ctl", "127.0.0.1:3310", "[2001:db8::1]:3310"}) {
        const auto address = ClamdAddress::parse(text);
        BOOST_REQUIRE_MESSAGE(address, text);
        BOOST_TEST(address.value().text() == text);
    }
    for (const std::string& text : {std::string(),
                                    std::string("unix:"),
                                    std::string("unix:relative"),
                                    "unix:/" + std::string(200, 'x'),
                                    std::string("127.0.0.1"),
                                    std::string("127.0.0.1:0"),
                                    std::string("clamd.example:3310")}) {
        BOOST_TEST(!ClamdAddress::parse(text), text);
    }
}

BOOST_AUTO_TEST_CASE(nobody_there_is_unavailable) {
    run_in_fiber([](base::Loop& loop) {
        for (const char* text : {"unix:/nonexistent/clamd", "127.0.0.1:1"}) {
            const auto stream =
                ClamdAddress::parse(text).value().connect(loop, base::Deadline::after(20s));
            BOOST_REQUIRE(!stream);
            BOOST_TEST((stream.error().code == Errc::Unavailable), text);
        }
    });
}

BOOST_AUTO_TEST_CASE(reaches_a_clamd) {
    test_support::ClamdServer clamd;
    run_in_fiber([&](base::Loop& loop) {
        const auto address = ClamdAddress::parse(clamd.address()).value();
        BOOST_TEST(bool(address.connect(loop, base::Deadline::after(20s))));
    });
}

BOOST_AUTO_TEST_SUITE_END()
