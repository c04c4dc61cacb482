#include "base/clock.h"

#include <boost/test/unit_test.hpp>

#include "base/random.h"

using base::Deadline;

BOOST_AUTO_TEST_SUITE(clock_and_random)

BOOST_AUTO_TEST_CASE(utc_text_is_rfc_3339) {
    BOOST_TEST(base::format_utc(0) == "1970-01-01T00:00:00.000Z");
    BOOST_TEST(base::format_utc(1'795'348'800'123'999) == "2026-11-22T12:00:00.123Z");
    BOOST_TEST(base::format_utc(-1) == "1969-12-31T23:59:59.999Z");
}

BOOST_AUTO_TEST_CASE(a_deadline_passes_and_has_nothing_left) {
    const Deadline past = Deadline::after(std::chrono::seconds(-1));
    BOOST_TEST(past.passed());
    BOOST_CHECK(past.remaining() == base::Duration::zero());
    const Deadline future = Deadline::after(std::chrono::hours(1));
    BOOST_TEST(!future.passed());
    BOOST_CHECK(future.remaining() > std::chrono::minutes(59));
    BOOST_CHECK(future.sooner(past).at() == past.at());
    BOOST_CHECK(past.sooner(future).at() == past.at());
}

BOOST_AUTO_TEST_CASE(endless_spans_do_not_overflow) {
    BOOST_TEST(!Deadline::after(base::Duration::max()).passed());
}

BOOST_AUTO_TEST_CASE(random_below_stays_below) {
    BOOST_TEST(base::random_below(0) == 0U);
    BOOST_TEST(base::random_below(1) == 0U);
    unsigned seen = 0;
    for (int i = 0; i < 1000; ++i) {
        const std::uint64_t value = base::random_below(3);
        BOOST_REQUIRE(value < 3);
        seen |= 1U << value;
    }
    BOOST_TEST(seen == 7U);
}

BOOST_AUTO_TEST_SUITE_END()
