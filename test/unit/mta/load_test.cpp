#include "mta/load.h"

#include <chrono>
#include <limits>
#include <string>

#include <boost/test/unit_test.hpp>

namespace {

using namespace std::chrono_literals;
using mta::LoadMeter;
using mta::Pressure;

const base::Instant kStart{1'000s};

}  // namespace

BOOST_AUTO_TEST_SUITE(load)

BOOST_AUTO_TEST_CASE(utilisation_is_the_fullest_share_within_0_and_1) {
    BOOST_TEST((Pressure{0.1, 0.5, 0.3}.utilisation() == 0.5));
    BOOST_TEST((Pressure{0.7, 0.5, 0.3}.utilisation() == 0.7));
    BOOST_TEST((Pressure{0.1, 0.5, 0.9}.utilisation() == 0.9));
    BOOST_TEST((Pressure{1.7, 0, 0}.utilisation() == 1.0));
    BOOST_TEST((Pressure{-1, -1, -1}.utilisation() == 0.0));
    BOOST_TEST((Pressure{std::numeric_limits<double>::infinity(), 0, 0}.utilisation() == 1.0));
}

BOOST_AUTO_TEST_CASE(busy_time_integrates_utilisation) {
    LoadMeter meter(42, kStart);
    BOOST_TEST(meter.report(kStart + 10s).busy_us == 0U);
    meter.sample({0.5, 0, 0}, kStart + 10s);
    BOOST_TEST(meter.report(kStart + 12s).busy_us == 1'000'000U);
    meter.sample({1.0, 0, 0}, kStart + 12s);
    meter.sample({0.0, 0, 0}, kStart + 13s);
    BOOST_TEST(meter.report(kStart + 99s).busy_us == 2'000'000U);
    BOOST_TEST(meter.report(kStart).busy_us == 2'000'000U);
}

BOOST_AUTO_TEST_CASE(counters_and_fitness_are_reported) {
    LoadMeter meter(42, kStart);
    BOOST_TEST(!meter.report(kStart).fit);
    BOOST_TEST(meter.report(kStart).reason == "starting");
    meter.set_fit(true, "whatever");
    meter.on_arrival();
    meter.on_arrival();
    meter.on_refused();
    meter.on_accepted();
    const base::LoadReport report = meter.report(kStart);
    BOOST_TEST(report.start_id == 42U);
    BOOST_TEST(report.arrivals == 2U);
    BOOST_TEST(report.refused == 1U);
    BOOST_TEST(report.accepted == 1U);
    BOOST_TEST(report.fit);
    BOOST_TEST(report.reason == "ok");
    meter.set_fit(false, "too-few-stores");
    BOOST_TEST(meter.report(kStart).reason == "too-few-stores");
}

BOOST_AUTO_TEST_CASE(a_load_session_answers_each_request) {
    LoadMeter meter(42, kStart);
    meter.set_fit(true, "");
    base::MemoryStream stream("LOAD\r\nLOAD\r\n");
    stream.set_fill_max(3);
    const base::Status ended = mta::serve_load(stream, meter, {"mx1.example.org", 42});
    BOOST_TEST((ended.error().code == base::Errc::Closed));
    std::string_view output = stream.output();
    const std::string_view greeting = output.substr(0, output.find("\r\n"));
    BOOST_TEST(base::parse_load_greeting(greeting).value().name == "mx1.example.org");
    for (int i = 0; i < 2; ++i) {
        output.remove_prefix(output.find("\r\n") + 2);
        const auto report = base::parse_load_report(output.substr(0, output.find("\r\n")));
        BOOST_REQUIRE(report);
        BOOST_TEST(report.value().start_id == 42U);
    }
}

BOOST_AUTO_TEST_CASE(anything_but_load_ends_the_session) {
    LoadMeter meter(42, kStart);
    for (const std::string& input : {std::string("load\r\n"),
                                     std::string("LOAD \r\n"),
                                     std::string("\r\n"),
                                     std::string("GET / HTTP/1.1\r\n"),
                                     std::string(5'000, 'x')}) {
        base::MemoryStream stream(input);
        const base::Status ended = mta::serve_load(stream, meter, {"mx1", 42});
        BOOST_TEST((ended.error().code == base::Errc::Invalid));
    }
}

BOOST_AUTO_TEST_SUITE_END()
