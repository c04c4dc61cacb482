#include "mta/scan/scan.h"

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "base/fiber.h"
#include "base/log.h"
#include "test/support/clamd.h"
#include "test/support/loop_runner.h"

namespace {

using Kind = mta::ScanVerdict::Kind;
using mta::Scan;
using mta::Scanner;
using namespace std::chrono_literals;
using test_support::ClamdServer;
using test_support::run_in_fiber;

constexpr std::uint64_t kMessageMax = 4U << 20U;
const std::string kHeader = "Return-Path: <>\r\nSubject: x\r\n\r\n";

std::unique_ptr<Scanner> scanner_for(const std::vector<std::string>& addresses,
                                     base::Duration timeout = 30s) {
    base::log::set_level(base::log::Level::Error);
    mta::ScanSettings settings;
    for (const std::string& address : addresses) {
        settings.clamds.push_back(mta::ClamdAddress::parse(address).value());
    }
    settings.timeout = timeout;
    settings.scans_max = 4;
    auto created = Scanner::create(std::move(settings), kMessageMax);
    BOOST_REQUIRE(created);
    return std::move(created).take_value();
}

std::string filler(std::size_t size) {
    std::string text;
    while (text.size() < size) {
        text +=
            "a line of a message that has nothing in it, " + std::to_string(text.size()) + "\r\n";
    }
    return text;
}

// Gives `message` to a scan in pieces, as a client would.
mta::ScanVerdict arrive(
    base::Loop& loop,
    Scanner& scanner,
    const std::string& message,
    std::size_t piece,
    const std::function<void(std::size_t)>& between = [](std::size_t) {}) {
    std::string so_far;
    Scan scan(loop, scanner, [&so_far] { return std::string_view(so_far); });
    for (std::size_t at = 0; at < message.size(); at += piece) {
        so_far += message.substr(at, piece);
        so_far.shrink_to_fit();  // it moves
        scan.on_data();
        between(at);
        BOOST_REQUIRE(base::fiber_yield());
    }
    return scan.finish();
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

BOOST_AUTO_TEST_SUITE(scan)

BOOST_AUTO_TEST_CASE(finds_it_wherever_it_is_and_however_it_comes) {
    ClamdServer clamd;
    const auto scanner = scanner_for({clamd.address()});
    const std::string virus = test_support::eicar() + "\r\n";
    run_in_fiber([&](base::Loop& loop) {
        for (const std::size_t before : {0U, 100U, 300'000U, 2'000'000U}) {
            const auto found =
                arrive(loop, *scanner, kHeader + filler(before) + virus + filler(before), 50'000);
            BOOST_TEST((found.kind == Kind::Infected), before);
            BOOST_TEST(found.signature == test_support::kEicarName);
            BOOST_TEST(found.scanner.starts_with("ClamAV "));
            const auto clean = arrive(loop, *scanner, kHeader + filler(2 * before), 50'000);
            BOOST_TEST((clean.kind == Kind::Clean), before);
        }
        BOOST_TEST((Scan::whole(loop, *scanner, kHeader + virus).kind == Kind::Infected));
        BOOST_TEST((Scan::whole(loop, *scanner, "").kind == Kind::Clean));
    });
}

BOOST_AUTO_TEST_CASE(a_clamd_killed_in_the_middle_is_replaced_by_the_next) {
    ClamdServer first;
    ClamdServer second;
    const auto scanner = scanner_for({first.address(), second.address()});
    run_in_fiber([&](base::Loop& loop) {
        const std::string message = kHeader + test_support::eicar() + "\r\n" + filler(3'000'000);
        const auto found = arrive(loop, *scanner, message, 100'000, [&](std::size_t at) {
            if (at == 1'500'000) {
                first.kill();
            }
        });
        BOOST_TEST((found.kind == Kind::Infected));
        BOOST_TEST(scanner->up() == 1U);
    });
}

BOOST_AUTO_TEST_CASE(a_hung_clamd_has_its_part_of_the_time) {
    ClamdServer first;
    ClamdServer second;
    const auto scanner = scanner_for({first.address(), second.address()}, 4s);
    first.freeze();
    run_in_fiber([&](base::Loop& loop) {
        const base::Instant started = base::monotonic_now();
        BOOST_TEST((Scan::whole(loop, *scanner, kHeader).kind == Kind::Clean));
        const base::Duration took = base::monotonic_now() - started;
        BOOST_TEST((took >= 1s && took < 4s));
        // It is asked, and known to be down it costs nothing any more.
        BOOST_REQUIRE(scanner->watch(loop));
        wait_until([&] { return scanner->up() == 1; });
        loop.stop();
    });
    first.thaw();
}

BOOST_AUTO_TEST_CASE(a_clamd_that_hangs_while_the_message_comes_stops_nobody) {
    ClamdServer first;
    ClamdServer second;
    const auto scanner = scanner_for({first.address(), second.address()}, 4s);
    run_in_fiber([&](base::Loop& loop) {
        const base::Instant started = base::monotonic_now();
        const auto found = arrive(loop,
                                  *scanner,
                                  kHeader + filler(3'000'000) + test_support::eicar() + "\r\n",
                                  100'000,
                                  [&](std::size_t at) {
                                      if (at == 500'000) {
                                          first.freeze();
                                      }
                                  });
        BOOST_TEST((found.kind == Kind::Infected));
        BOOST_TEST((base::monotonic_now() - started < 8s));
    });
    first.thaw();
}

BOOST_AUTO_TEST_CASE(nobody_in_time_is_unscanned) {
    ClamdServer clamd;
    const auto scanner = scanner_for({clamd.address()}, 1s);
    clamd.freeze();
    run_in_fiber([&](base::Loop& loop) {
        const base::Instant started = base::monotonic_now();
        const auto hung = arrive(loop, *scanner, kHeader + filler(2'000'000), 100'000);
        BOOST_TEST((hung.kind == Kind::Unscanned));
        BOOST_TEST(!hung.reason.empty());
        BOOST_TEST((base::monotonic_now() - started < 4s));
        // It is down: the next one is told at once.
        BOOST_REQUIRE(scanner->watch(loop));
        wait_until([&] { return scanner->unfit_reason() == "no-scanner"; });
        const base::Instant again = base::monotonic_now();
        BOOST_TEST((Scan::whole(loop, *scanner, kHeader).kind == Kind::Unscanned));
        BOOST_TEST((base::monotonic_now() - again < 500ms));
        loop.stop();
    });
    clamd.thaw();
}

BOOST_AUTO_TEST_CASE(a_client_that_pauses_gives_its_place_back) {
    ClamdServer clamd;
    const auto scanner = scanner_for({clamd.address()});
    run_in_fiber([&](base::Loop& loop) {
        std::string so_far = kHeader + filler(400'000);
        Scan scan(loop, *scanner, [&so_far] { return std::string_view(so_far); });
        scan.on_data();
        // All places but the one of the scan are taken: the last comes when it is given up.
        std::vector<Scanner::Place> places;
        while (places.size() < 4) {
            BOOST_REQUIRE(base::fiber_yield());
            auto place = scanner->take_place(0, base::Deadline::after(20s));
            BOOST_REQUIRE(place);
            places.push_back(std::move(place).take_value());
        }
        places.clear();
        so_far += test_support::eicar() + "\r\n";
        scan.on_data();
        BOOST_TEST((scan.finish().kind == Kind::Infected));
    });
}

BOOST_AUTO_TEST_CASE(messages_that_arrive_leave_half_of_the_places) {
    ClamdServer clamd;
    const auto scanner = scanner_for({clamd.address()});
    run_in_fiber([&](base::Loop& loop) {
        std::string so_far = kHeader + filler(400'000);
        std::vector<std::unique_ptr<Scan>> scans;
        for (int i = 0; i < 6; ++i) {
            scans.push_back(std::make_unique<Scan>(
                loop, *scanner, [&so_far] { return std::string_view(so_far); }));
            scans.back()->on_data();
        }
        BOOST_REQUIRE(base::fiber_yield());
        const base::Deadline now = base::Deadline::after(0s);
        {
            const auto first = scanner->take_place(0, now);
            const auto second = scanner->take_place(0, now);
            BOOST_TEST((first && second));
        }
        so_far += test_support::eicar() + "\r\n";
        for (const auto& scan : scans) {
            BOOST_TEST((scan->finish().kind == Kind::Infected));
        }
    });
}

BOOST_AUTO_TEST_CASE(a_client_that_drips_gives_its_place_back) {
    ClamdServer clamd;
    const auto scanner = scanner_for({clamd.address()}, 2s);
    run_in_fiber([&](base::Loop& loop) {
        std::string so_far = kHeader + filler(400'000);
        Scan scan(loop, *scanner, [&so_far] { return std::string_view(so_far); });
        bool dripping = true;
        BOOST_REQUIRE(base::spawn(loop, "drip", [&] {
            while (dripping && base::sleep_until(base::Deadline::after(20ms))) {
                so_far += 'x';
                scan.on_data();
            }
            dripping = true;
        }));
        scan.on_data();
        BOOST_REQUIRE(base::fiber_yield());
        // All places but the one of the scan are taken: the last comes when it is given up.
        std::vector<Scanner::Place> places;
        while (places.size() < 4) {
            auto place = scanner->take_place(0, base::Deadline::after(20s));
            BOOST_REQUIRE(place);
            places.push_back(std::move(place).take_value());
        }
        dripping = false;
        wait_until([&] { return dripping; });
        places.clear();
        so_far += "\r\n" + test_support::eicar() + "\r\n";
        scan.on_data();
        BOOST_TEST((scan.finish().kind == Kind::Infected));
    });
}

BOOST_AUTO_TEST_CASE(a_message_that_is_given_up_ends_its_scan) {
    ClamdServer clamd;
    const auto scanner = scanner_for({clamd.address()});
    run_in_fiber([&](base::Loop& loop) {
        {
            const std::string message = kHeader + filler(1'000'000);
            Scan scan(loop, *scanner, [&message] { return std::string_view(message); });
            scan.on_data();
            BOOST_REQUIRE(base::fiber_yield());
        }
        const base::Deadline deadline = base::Deadline::after(20s);
        while (loop.fiber_count() > 1) {
            BOOST_REQUIRE(!deadline.passed());
            BOOST_REQUIRE(base::sleep_until(base::Deadline::after(1ms)));
        }
        BOOST_TEST(scanner->up() == 1U);
    });
}

BOOST_AUTO_TEST_CASE(more_than_a_clamd_takes_is_unscanned) {
    ClamdServer clamd(kMessageMax + mta::kTraceFieldsMax);
    const auto scanner = scanner_for({clamd.address()});
    run_in_fiber([&](base::Loop& loop) {
        const auto verdict = Scan::whole(loop, *scanner, filler(kMessageMax + 100'000));
        BOOST_TEST((verdict.kind == Kind::Unscanned));
        BOOST_TEST(verdict.reason.find("size limit exceeded") != std::string::npos);
        BOOST_TEST(scanner->up() == 1U);
    });
}

BOOST_AUTO_TEST_SUITE_END()
