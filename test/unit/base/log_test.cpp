#include "base/log.h"

#include <boost/test/unit_test.hpp>

namespace log = base::log;
using log::Level;

BOOST_AUTO_TEST_SUITE(log_lines)

BOOST_AUTO_TEST_CASE(one_event_is_one_line_of_key_value_pairs) {
    const std::string peer = "192.0.2.1:4711";
    BOOST_TEST(log::format(Level::Info,
                           "mta",
                           "connected",
                           {{"session", "4f2a"},
                            {"peer", peer},
                            {"bytes", std::size_t{12}},
                            {"delta", -3},
                            {"share", 0.5},
                            {"tls", true}}) ==
               "info mta connected session=4f2a peer=192.0.2.1:4711 bytes=12 delta=-3 share=0.5 "
               "tls=true");
    BOOST_TEST(log::format(Level::Error, "base", "ended", {}) == "error base ended");
}

BOOST_AUTO_TEST_CASE(odd_values_are_quoted_and_escaped) {
    struct Case {
        std::string_view value;
        std::string_view shown;
    };

    for (const Case& c : {Case{"TLS 1.3", "\"TLS 1.3\""},
                          Case{"", "\"\""},
                          Case{"a=b", "\"a=b\""},
                          Case{"say \"x\"", "\"say \\\"x\\\"\""},
                          Case{"c:\\d", "\"c:\\\\d\""},
                          Case{"x\r\n2026 info mta forged", "\"x\\x0d\\x0a2026 info mta forged\""},
                          Case{std::string_view("\0\x7f\xff", 3), "\"\\x00\\x7f\\xff\""}}) {
        BOOST_TEST(log::format(Level::Debug, "f", "e", {{"k", c.value}}) ==
                   "debug f e k=" + std::string(c.shown));
    }
}

BOOST_AUTO_TEST_CASE(long_values_are_cut) {
    const std::string text(log::kLogValueMax + 1, 'x');
    BOOST_TEST(log::format(Level::Warning, "f", "e", {{"k", text}}) ==
               "warning f e k=" + text.substr(1) + "...");
}

BOOST_AUTO_TEST_CASE(errors_show_kind_and_detail) {
    const base::Error error{base::Errc::Timeout, "deadline passed"};
    BOOST_TEST(log::format(Level::Warning, "f", "e", {{"error", error}}) ==
               "warning f e error=\"timeout: deadline passed\"");
}

BOOST_AUTO_TEST_CASE(levels_are_parsed_and_filter) {
    auto warning = log::parse_level("warning");
    BOOST_REQUIRE(warning);
    log::set_level(warning.value());
    BOOST_TEST(!log::is_enabled(Level::Info));
    BOOST_TEST(log::is_enabled(Level::Warning));
    BOOST_TEST(log::is_enabled(Level::Error));
    log::set_level(Level::Info);
    BOOST_TEST(!log::parse_level("loud"));
}

BOOST_AUTO_TEST_SUITE_END()
