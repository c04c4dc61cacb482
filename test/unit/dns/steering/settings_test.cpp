#include "dns/steering/settings.h"

#include <limits>

#include <boost/test/unit_test.hpp>

namespace {

using dns::steering::check_settings;
using dns::steering::Settings;

BOOST_AUTO_TEST_SUITE(settings)

BOOST_AUTO_TEST_CASE(defaults_are_in_range) {
    BOOST_TEST(bool(check_settings(Settings{})));
}

BOOST_AUTO_TEST_CASE(names_the_setting_that_is_out_of_range) {
    Settings settings;
    settings.gain = 1;
    const auto status = check_settings(settings);
    BOOST_REQUIRE(!status);
    BOOST_TEST(status.error().detail.find("gain") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(rejects_nan_and_limits_that_cross) {
    Settings settings;
    settings.panic = std::numeric_limits<double>::quiet_NaN();
    BOOST_TEST(!check_settings(settings));
    settings = {};
    settings.losses_min = 5;
    settings.losses_max = 4;
    BOOST_TEST(!check_settings(settings));
    settings = {};
    settings.probe_timeout_s = settings.probe_interval_s + 1;
    BOOST_TEST(!check_settings(settings));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
