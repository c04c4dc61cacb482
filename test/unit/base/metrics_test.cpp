#include "base/metrics.h"

#include <thread>

#include <boost/test/unit_test.hpp>

namespace {

bool shows(const std::string& line) {
    return ("\n" + base::metrics_text()).find("\n" + line + "\n") != std::string::npos;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(metrics)

BOOST_AUTO_TEST_CASE(counters_are_found_again_and_shown) {
    base::Counter& first = base::counter(
        "test_refused_total", "Things refused.", {{"folder", "mta"}, {"reason", "a"}});
    base::Counter& same = base::counter(
        "test_refused_total", "Things refused.", {{"folder", "mta"}, {"reason", "a"}});
    base::Counter& other = base::counter(
        "test_refused_total", "Things refused.", {{"folder", "mta"}, {"reason", "b"}});
    BOOST_TEST(&first == &same);
    BOOST_TEST(&first != &other);
    first.add(2);
    same.add();
    BOOST_TEST(shows("# HELP test_refused_total Things refused."));
    BOOST_TEST(shows("# TYPE test_refused_total counter"));
    BOOST_TEST(shows("test_refused_total{folder=\"mta\",reason=\"a\"} 3"));
    BOOST_TEST(shows("test_refused_total{folder=\"mta\",reason=\"b\"} 0"));
}

BOOST_AUTO_TEST_CASE(no_increment_is_lost_between_threads) {
    base::Counter& count = base::counter("test_threads_total", "x");
    base::Gauge& gauge = base::gauge("test_gauge", "x");
    const auto work = [&] {
        for (int i = 0; i < 10'000; ++i) {
            count.add();
            gauge.add(0.5);
        }
    };
    std::thread one(work);
    std::thread two(work);
    one.join();
    two.join();
    BOOST_TEST(count.value() == 20'000U);
    BOOST_TEST(gauge.value() == 10'000.0);
    BOOST_TEST(shows("test_gauge 10000"));
}

BOOST_AUTO_TEST_CASE(histograms_are_cumulative_and_end_with_infinity) {
    base::Histogram& times = base::seconds_histogram("test_seconds", "x", {{"folder", "base"}});
    times.observe(0.0001);  // bounds are inclusive
    times.observe(0.2);
    times.observe(1000.0);
    BOOST_TEST(shows("test_seconds_bucket{folder=\"base\",le=\"1e-04\"} 1"));
    BOOST_TEST(shows("test_seconds_bucket{folder=\"base\",le=\"0.3\"} 2"));
    BOOST_TEST(shows("test_seconds_bucket{folder=\"base\",le=\"60\"} 2"));
    BOOST_TEST(shows("test_seconds_bucket{folder=\"base\",le=\"+Inf\"} 3"));
    BOOST_TEST(shows("test_seconds_count{folder=\"base\"} 3"));
    BOOST_TEST(shows("test_seconds_sum{folder=\"base\"} 1000.2001"));
}

BOOST_AUTO_TEST_CASE(label_values_are_escaped) {
    base::counter("test_escape_total", "x", {{"reason", "a\"b\\c\nd"}}).add();
    BOOST_TEST(shows("test_escape_total{reason=\"a\\\"b\\\\c\\nd\"} 1"));
}

BOOST_AUTO_TEST_SUITE_END()
