#include "base/load_report.h"

#include <array>
#include <limits>

#include <boost/test/unit_test.hpp>

namespace {

using base::Errc;
using base::LoadGreeting;
using base::LoadReport;

std::string_view without_crlf(std::string_view line) {
    BOOST_REQUIRE(line.ends_with("\r\n"));
    return line.substr(0, line.size() - 2);
}

BOOST_AUTO_TEST_SUITE(load_report)

BOOST_AUTO_TEST_CASE(greeting_survives_the_round_trip) {
    const LoadGreeting greeting{"mx1.example.org", 1795345200123456};
    const std::string line = base::format_load_greeting(greeting);
    BOOST_TEST(line == "roundtable-load 1 name=mx1.example.org start=1795345200123456\r\n");
    const auto parsed = base::parse_load_greeting(without_crlf(line));
    BOOST_REQUIRE(parsed);
    BOOST_TEST((parsed.value() == greeting));
}

BOOST_AUTO_TEST_CASE(report_survives_the_round_trip) {
    const LoadReport report{9, 81230000, 5120, 3, 5077, false, "stores-short"};
    const std::string line = base::format_load_report(report);
    BOOST_TEST(line ==
               "start=9 busy_us=81230000 arrivals=5120 refused=3 accepted=5077 fit=0 "
               "reason=stores-short\r\n");
    const auto parsed = base::parse_load_report(without_crlf(line));
    BOOST_REQUIRE(parsed);
    BOOST_TEST((parsed.value() == report));
}

BOOST_AUTO_TEST_CASE(largest_values_fit_in_a_line) {
    constexpr std::uint64_t kTop = std::numeric_limits<std::uint64_t>::max();
    const LoadReport report{kTop, kTop, kTop, kTop, kTop, true, std::string(300, 'r')};
    const std::string line = base::format_load_report(report);
    BOOST_TEST(line.size() <= base::kLoadLineMax);
    const auto parsed = base::parse_load_report(without_crlf(line));
    BOOST_REQUIRE(parsed);
    BOOST_TEST(parsed.value().busy_us == kTop);
    const std::string greeting = base::format_load_greeting({std::string(900, 'n'), kTop});
    BOOST_TEST(greeting.size() <= base::kLoadLineMax);
    BOOST_TEST(bool(base::parse_load_greeting(without_crlf(greeting))));
}

BOOST_AUTO_TEST_CASE(unknown_keys_and_order_do_not_matter) {
    const auto parsed = base::parse_load_report(
        "future=1.5 reason=ok fit=1 accepted=4 refused=3 arrivals=2 busy_us=1 start=7 more=a=b");
    BOOST_REQUIRE(parsed);
    BOOST_TEST((parsed.value() == LoadReport{7, 1, 2, 3, 4, true, "ok"}));
    BOOST_TEST(bool(base::parse_load_greeting("roundtable-load 1 start=3 x=y name=a")));
}

BOOST_AUTO_TEST_CASE(writer_cannot_be_made_to_break_the_line) {
    LoadReport report;
    report.reason = "a b\r\nfit=1";
    BOOST_TEST(base::format_load_report(report).find("reason=a_b__fit_1\r\n") != std::string::npos);
    report.reason.clear();
    BOOST_TEST(base::format_load_report(report).find("reason=-\r\n") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(rejects_what_is_not_a_report) {
    const std::array<std::string_view, 16> lines = {
        "",
        " ",
        "start=1",
        "start=1 busy_us=1 arrivals=1 refused=1 accepted=1 fit=1",
        "start=1 busy_us=1 arrivals=1 refused=1 accepted=1 reason=ok",
        "start=1 busy_us=1 arrivals=1 refused=1 accepted=1 fit=2 reason=ok",
        "start=1 busy_us=1 arrivals=1 refused=1 accepted=1 fit=1 reason=",
        "start=1 busy_us=1 arrivals=1 refused=1 accepted=1 fit=1 reason=a/b",
        "start=1 busy_us=-1 arrivals=1 refused=1 accepted=1 fit=1 reason=ok",
        "start=1 busy_us=1.5 arrivals=1 refused=1 accepted=1 fit=1 reason=ok",
        "start=1 busy_us= arrivals=1 refused=1 accepted=1 fit=1 reason=ok",
        "start=18446744073709551616 busy_us=1 arrivals=1 refused=1 accepted=1 fit=1 reason=ok",
        "start=1 start=1 busy_us=1 arrivals=1 refused=1 accepted=1 fit=1 reason=ok",
        "start=1  busy_us=1 arrivals=1 refused=1 accepted=1 fit=1 reason=ok",
        "start=1 busy_us=1 arrivals=1 refused=1 accepted=1 fit=1 reason=ok ",
        "start=1\tbusy_us=1 arrivals=1 refused=1 accepted=1 fit=1 reason=ok",
    };
    for (const std::string_view line : lines) {
        const auto parsed = base::parse_load_report(line);
        BOOST_TEST(!parsed, "accepted: " << line);
    }
}

BOOST_AUTO_TEST_CASE(rejects_what_is_not_a_greeting) {
    const std::array<std::string_view, 9> lines = {
        "",
        "220 mx1.example.org ESMTP",
        "roundtable-load",
        "roundtable-load 1",
        "roundtable-load 1 name=a",
        "roundtable-load 1 start=1",
        "roundtable-load 1 name= start=1",
        "roundtable-load 1 name=a name=b start=1",
        "roundtable-load 1 name=a start=1 start=2",
    };
    for (const std::string_view line : lines) {
        BOOST_TEST(!base::parse_load_greeting(line), "accepted: " << line);
    }
    const auto later = base::parse_load_greeting("roundtable-load 2 name=a start=1");
    BOOST_REQUIRE(!later);
    BOOST_TEST((later.error().code == Errc::Unsupported));
}

BOOST_AUTO_TEST_CASE(rejects_a_line_over_the_limit) {
    std::string line = "start=1 busy_us=1 arrivals=1 refused=1 accepted=1 fit=1 reason=ok x=";
    line.append(base::kLoadLineMax - 2 - line.size(), 'x');
    BOOST_TEST(bool(base::parse_load_report(line)));
    line += 'x';
    const auto parsed = base::parse_load_report(line);
    BOOST_REQUIRE(!parsed);
    BOOST_TEST((parsed.error().code == Errc::TooLarge));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
