#include "base/busy_meter.h"

#include <boost/test/unit_test.hpp>

using base::BusyMeter;

namespace {

constexpr std::uint64_t kMs = 1'000'000;
constexpr std::uint64_t kStart = 1'000'000 * kMs;  // on a slot's border

}  // namespace

BOOST_AUTO_TEST_SUITE(busy_meter)

BOOST_AUTO_TEST_CASE(an_idle_loop_reads_zero) {
    const BusyMeter meter;
    BOOST_TEST(meter.share(kStart) == 0.0);
}

BOOST_AUTO_TEST_CASE(a_quarter_busy_reads_a_quarter) {
    BusyMeter meter;
    for (std::uint64_t ms = 0; ms < 4000; ms += 100) {
        meter.begin(kStart + ms * kMs);
        meter.end(kStart + (ms + 25) * kMs);
    }
    BOOST_TEST(meter.share(kStart + 4000 * kMs) == 0.25, boost::test_tools::tolerance(0.01));
}

BOOST_AUTO_TEST_CASE(a_stretch_is_spread_over_its_slots_and_forgotten) {
    BusyMeter meter;
    meter.begin(kStart);
    meter.end(kStart + 2000 * kMs);
    BOOST_TEST(meter.share(kStart + 4000 * kMs) == 0.5, boost::test_tools::tolerance(0.01));
    BOOST_TEST(meter.share(kStart + 5000 * kMs) == 0.25, boost::test_tools::tolerance(0.01));
    BOOST_TEST(meter.share(kStart + 9000 * kMs) == 0.0);
    // Slots are used again after the memory is full.
    meter.begin(kStart + 12000 * kMs);
    meter.end(kStart + 13000 * kMs);
    BOOST_TEST(meter.share(kStart + 16000 * kMs) == 0.25, boost::test_tools::tolerance(0.01));
}

BOOST_AUTO_TEST_CASE(a_hanging_callback_reads_one) {
    BusyMeter meter;
    meter.begin(kStart);
    BOOST_TEST(meter.share(kStart + 60'000 * kMs) == 1.0);
    meter.end(kStart + 60'000 * kMs);
    BOOST_TEST(meter.share(kStart + 60'000 * kMs) == 1.0, boost::test_tools::tolerance(0.01));
}

BOOST_AUTO_TEST_SUITE_END()
