#include "access/load_session.h"

#include <string>

#include <boost/test/unit_test.hpp>

namespace {

std::string talk(const std::string& input) {
    const base::Instant now = base::monotonic_now();
    accessd::SessionTable table(4, 4, 7, now);
    table.set_fit(true, "ok");
    base::MemoryStream stream(input);
    accessd::serve_load(stream, table, "access1");
    return stream.take_output();
}

const std::string kGreeting = "roundtable-load 1 name=access1 start=7\r\n";

}  // namespace

BOOST_AUTO_TEST_SUITE(load_session)

BOOST_AUTO_TEST_CASE(answers_each_question) {
    const std::string out = talk("LOAD\r\nLOAD\r\n");
    BOOST_TEST(out.starts_with(kGreeting + "start=7 "));
    const std::size_t first = out.find("start=7 ", kGreeting.size());
    const std::size_t second = out.find("\r\nstart=7 ", first);
    BOOST_TEST_REQUIRE(second != std::string::npos);
    const auto report = base::parse_load_report(out.substr(first, second - first));
    BOOST_TEST_REQUIRE(bool(report));
    BOOST_TEST(report.value().fit);
}

BOOST_AUTO_TEST_CASE(closes_on_anything_else) {
    BOOST_TEST(talk("GET / HTTP/1.1\r\nLOAD\r\n") == kGreeting);
    BOOST_TEST(talk("LOAD\nLOAD\r\n") == kGreeting);
    BOOST_TEST(talk(std::string(5000, 'x')) == kGreeting);
    BOOST_TEST(talk("") == kGreeting);
}

BOOST_AUTO_TEST_SUITE_END()
