#include "mta/scan/scanner.h"

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "base/config.h"
#include "base/fiber.h"
#include "base/log.h"
#include "test/support/clamd.h"
#include "test/support/loop_runner.h"

namespace {

using base::Errc;
using mta::Scanner;
using mta::ScanSettings;
using namespace std::chrono_literals;
using test_support::ClamdServer;
using test_support::run_in_fiber;

constexpr std::uint64_t kMessageMax = 1U << 20U;

ScanSettings settings_for(const std::vector<std::string>& addresses) {
    base::log::set_level(base::log::Level::Error);
    ScanSettings settings;
    for (const std::string& address : addresses) {
        settings.clamds.push_back(mta::ClamdAddress::parse(address).value());
    }
    settings.scans_max = 2;
    return settings;
}

std::unique_ptr<Scanner> scanner_for(const std::vector<std::string>& addresses) {
    auto created = Scanner::create(settings_for(addresses), kMessageMax);
    BOOST_REQUIRE(created);
    return std::move(created).take_value();
}

ScanSettings read(const std::string& yaml, std::string& problem) {
    const auto config = base::Config::parse(yaml, "x.yaml");
    BOOST_REQUIRE(config);
    const ScanSettings settings = mta::read_scan_settings(config.value().root().section("scan"));
    const base::Status finished = config.value().finish();
    problem = finished ? std::string() : finished.error().detail;
    return settings;
}

// Until `is_so`; the test fails if that takes too long.
template <typename Condition>
void wait_until(Condition is_so) {
    const base::Deadline deadline = base::Deadline::after(30s);
    while (!is_so()) {
        BOOST_REQUIRE(!deadline.passed());
        BOOST_REQUIRE(base::sleep_until(base::Deadline::after(10ms)));
    }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(scanner)

BOOST_AUTO_TEST_CASE(reads_its_section) {
    std::string problem;
    const ScanSettings settings =
        read("scan: {clamd: ['unix:/run/c', '127.0.0.1:3310'], timeout: 12s, scans: 3}", problem);
    BOOST_TEST(problem.empty());
    BOOST_TEST(settings.clamds.size() == 2U);
    BOOST_TEST((settings.timeout == 12s));
    BOOST_TEST(settings.scans_max == 3U);
    for (const char* wrong : {"scan: {timeout: 3s}",
                              "scan: {clamd: []}",
                              "scan: {clamd: ['localhost']}",
                              "scan: {clamd: ['unix:/run/c'], timeout: 10m}",
                              "scan: {clamd: ['unix:/run/c'], scans: 0}",
                              "scan: {clamd: ['unix:/run/c'], clamav: 1}"}) {
        (void)read(wrong, problem);
        BOOST_TEST(!problem.empty(), wrong);
    }
}

BOOST_AUTO_TEST_CASE(knows_who_is_up_at_the_start) {
    ClamdServer clamd;
    const auto scanner = scanner_for({"unix:/nonexistent", clamd.address()});
    BOOST_TEST(scanner->up() == 1U);
    BOOST_TEST(scanner->up(2) == 0U);
    run_in_fiber([&](base::Loop&) {
        const auto place = scanner->take_place(0, base::Deadline::after(1s));
        BOOST_REQUIRE(place);
        BOOST_TEST(place.value().index() == 1U);
        BOOST_TEST(place.value().identity().starts_with("ClamAV "));
        const auto none = scanner->take_place(2, base::Deadline::after(1s));
        BOOST_REQUIRE(!none);
        BOOST_TEST((none.error().code == Errc::Unavailable));
    });
}

BOOST_AUTO_TEST_CASE(a_clamd_that_takes_too_little_is_refused_at_the_start) {
    // Exactly what is needed is enough; one octet less is not.
    ClamdServer enough(kMessageMax + mta::kTraceFieldsMax);
    BOOST_TEST(scanner_for({enough.address()})->up() == 1U);
    ClamdServer small(kMessageMax + mta::kTraceFieldsMax - 1);
    const auto created =
        Scanner::create(settings_for({enough.address(), small.address()}), kMessageMax);
    BOOST_REQUIRE(!created);
    BOOST_TEST((created.error().code == Errc::Invalid));
    BOOST_TEST(created.error().detail.find("StreamMaxLength") != std::string::npos);
    BOOST_TEST(created.error().detail.find(small.address()) != std::string::npos);
}

BOOST_AUTO_TEST_CASE(places_are_bounded_and_come_back) {
    ClamdServer clamd;
    const auto scanner = scanner_for({clamd.address()});
    run_in_fiber([&](base::Loop& loop) {
        auto first = std::make_unique<Scanner::Place>(
            scanner->take_place(0, base::Deadline::after(1s)).take_value());
        const auto second = scanner->take_place(0, base::Deadline::after(1s));
        BOOST_REQUIRE(second);
        const auto third = scanner->take_place(0, base::Deadline::after(50ms));
        BOOST_REQUIRE(!third);
        BOOST_TEST((third.error().code == Errc::Timeout));
        BOOST_REQUIRE(base::spawn(loop, "give back", [&first] { first.reset(); }));
        BOOST_TEST(bool(scanner->take_place(0, base::Deadline::after(20s))));
    });
}

BOOST_AUTO_TEST_CASE(follows_a_clamd_that_goes_hangs_and_comes_back) {
    ClamdServer clamd;
    const auto scanner = scanner_for({clamd.address()});
    run_in_fiber([&](base::Loop& loop) {
        BOOST_REQUIRE(scanner->watch(loop));
        clamd.kill();
        wait_until([&] { return scanner->up() == 0; });
        clamd.start();
        wait_until([&] { return scanner->up() == 1; });
        clamd.freeze();
        wait_until([&] { return scanner->up() == 0; });
        clamd.thaw();
        wait_until([&] { return scanner->up() == 1; });
        // A scan that fails says so before the next look does.
        {
            const auto place = scanner->take_place(0, base::Deadline::after(1s));
            BOOST_REQUIRE(place);
            place.value().note_failure({Errc::Closed, "test"});
            BOOST_TEST(scanner->up() == 0U);
        }
        wait_until([&] { return scanner->up() == 1; });
        loop.stop();
    });
}

BOOST_AUTO_TEST_CASE(messages_that_arrive_have_half_of_the_places) {
    ClamdServer clamd;
    const auto scanner = scanner_for({clamd.address()});
    run_in_fiber([&](base::Loop&) {
        const base::Deadline now = base::Deadline::after(0s);
        {
            const auto early = scanner->take_place(0, now, Scanner::Use::Early);
            BOOST_REQUIRE(early);
            const auto none = scanner->take_place(0, now, Scanner::Use::Early);
            BOOST_REQUIRE(!none);
            BOOST_TEST((none.error().code == Errc::Timeout));
            BOOST_TEST(bool(scanner->take_place(0, now)));
        }
        const auto first = scanner->take_place(0, now);
        const auto second = scanner->take_place(0, now, Scanner::Use::Early);
        BOOST_TEST((first && second));
        BOOST_TEST(!scanner->take_place(0, now));
    });
}

BOOST_AUTO_TEST_CASE(a_scan_that_takes_too_long_makes_it_ask) {
    ClamdServer clamd;
    const auto scanner = scanner_for({clamd.address()});
    run_in_fiber([&](base::Loop& loop) {
        BOOST_REQUIRE(scanner->watch(loop));
        const auto place = scanner->take_place(0, base::Deadline::after(1s));
        BOOST_REQUIRE(place);
        // The message was slow: the clamd answers.
        place.value().note_failure({Errc::Timeout, "test"});
        BOOST_TEST(scanner->up() == 1U);
        // The clamd hangs.
        clamd.freeze();
        place.value().note_failure({Errc::Timeout, "test"});
        wait_until([&] { return scanner->up() == 0; });
        clamd.thaw();
        loop.stop();
    });
}

BOOST_AUTO_TEST_CASE(one_that_went_down_a_moment_ago_is_waited_for) {
    ClamdServer clamd;
    const auto scanner = scanner_for({clamd.address()});
    run_in_fiber([&](base::Loop& loop) {
        BOOST_REQUIRE(scanner->watch(loop));
        {
            const auto place = scanner->take_place(0, base::Deadline::after(1s));
            BOOST_REQUIRE(place);
            place.value().note_failure({Errc::Closed, "test"});
        }
        BOOST_TEST(scanner->up() == 0U);
        BOOST_TEST(scanner->unfit_reason() == "");
        BOOST_TEST(bool(scanner->take_place(0, base::Deadline::after(20s))));
        clamd.kill();
        const auto none = scanner->take_place(1, base::Deadline::after(20s));
        BOOST_REQUIRE(!none);
        BOOST_TEST((none.error().code == Errc::Unavailable));
        wait_until([&] { return scanner->unfit_reason() == "no-scanner"; });
        loop.stop();
    });
}

BOOST_AUTO_TEST_CASE(one_that_comes_up_later_and_takes_too_little_is_named) {
    ClamdServer small(kMessageMax);
    small.kill();
    const auto scanner = scanner_for({small.address()});
    BOOST_TEST(scanner->unfit_reason() == "no-scanner");
    small.start();
    run_in_fiber([&](base::Loop& loop) {
        BOOST_REQUIRE(scanner->watch(loop));
        wait_until([&] { return scanner->unfit_reason() == "scanner-limit"; });
        const auto none = scanner->take_place(0, base::Deadline::after(20s));
        BOOST_REQUIRE(!none);
        BOOST_TEST((none.error().code == Errc::Unavailable));
        BOOST_TEST(none.error().detail.find("StreamMaxLength") != std::string::npos);
        small.kill();
        wait_until([&] { return scanner->unfit_reason() == "no-scanner"; });
        loop.stop();
    });
}

BOOST_AUTO_TEST_SUITE_END()
