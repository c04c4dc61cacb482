#include "ops/commands/mx_watch.h"

#include <boost/test/unit_test.hpp>

#include "test/unit/ops/captured_output.h"

BOOST_AUTO_TEST_SUITE(mx_watch)

BOOST_AUTO_TEST_CASE(a_screen_is_cropped_and_cleared_line_by_line) {
    BOOST_TEST(ops::screen_of("one\ntwo\x1b[2J\nthree\n", 2, 5) ==
               "\x1b[Hone\x1b[K\r\ntwo?[\x1b[K\x1b[J");
    BOOST_TEST(ops::screen_of("\xc3\xa9\xc3\xa9\xc3\xa9", 2, 2) ==
               "\x1b[H\xc3\xa9\xc3\xa9\x1b[K\x1b[J");
    BOOST_TEST(ops::screen_of("", 2, 2) == "\x1b[H\x1b[J");
}

BOOST_AUTO_TEST_CASE(who_cannot_be_asked_is_shown_and_in_the_end_the_error) {
    base::Status outcome = base::Done{};
    const std::string shown = ops_test::captured(stdout, [&outcome] {
        ops::WatchOptions options;
        options.rounds = 1;
        outcome = ops::watch_steering({{"/nowhere/explain", {}}}, options);
    });
    BOOST_TEST(shown.starts_with("/nowhere/explain: "), shown);
    BOOST_TEST(shown.find('\x1b') == std::string::npos, "no terminal");
    BOOST_REQUIRE(!outcome);
    BOOST_CHECK(outcome.error().code == base::Errc::NotFound);
}

BOOST_AUTO_TEST_SUITE_END()
