#include "storage/tracking/coverage.h"

#include <boost/test/unit_test.hpp>

using storage::Coverage;

BOOST_AUTO_TEST_SUITE(storage_coverage)

BOOST_AUTO_TEST_CASE(the_mark_waits_for_what_is_missing) {
    Coverage coverage(100);
    coverage.add(200, 300);
    coverage.add(400, 500);
    BOOST_TEST(coverage.mark() == 100U);
    BOOST_TEST(coverage.stretches() == 2U);
    coverage.add(100, 200);
    BOOST_TEST(coverage.mark() == 300U);
    coverage.add(300, 400);
    BOOST_TEST(coverage.mark() == 500U);
    BOOST_TEST(coverage.stretches() == 0U);
}

BOOST_AUTO_TEST_CASE(what_is_said_twice_or_lies_before_the_mark_changes_nothing) {
    Coverage coverage(100);
    coverage.add(100, 200);
    coverage.add(100, 200);
    coverage.add(0, 50);
    coverage.add(300, 300);
    coverage.add(400, 350);
    BOOST_TEST(coverage.mark() == 200U);
    BOOST_TEST(coverage.stretches() == 0U);
    coverage.add(300, 400);
    coverage.add(300, 350);  // never shorter than it was said to be
    coverage.add(200, 300);
    BOOST_TEST(coverage.mark() == 400U);
}

BOOST_AUTO_TEST_CASE(stretches_are_bounded_and_the_mark_stays_before_a_forgotten_one) {
    Coverage coverage(0);
    for (std::uint64_t n = 1; n <= Coverage::kStretchesMax + 10; ++n) {
        coverage.add(n * 10, n * 10 + 9);
    }
    BOOST_TEST(coverage.stretches() == Coverage::kStretchesMax);
    for (std::uint64_t n = 0; n <= Coverage::kStretchesMax + 10; ++n) {
        coverage.add(n * 10 + (n == 0 ? 0 : 9), n * 10 + 10);
    }
    BOOST_TEST(coverage.mark() == (Coverage::kStretchesMax + 1) * 10);
}

BOOST_AUTO_TEST_SUITE_END()
