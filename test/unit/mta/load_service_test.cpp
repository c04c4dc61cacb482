#include "mta/load_service.h"

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "test/support/loop_runner.h"
#include "test/unit/mta/smtp_client.h"

namespace {

using mta::test::SmtpClient;
using namespace std::chrono_literals;
using test_support::run_in_fiber;

}  // namespace

BOOST_AUTO_TEST_SUITE(load_service)

BOOST_AUTO_TEST_CASE(answers_each_question_on_one_connection) {
    run_in_fiber([](base::Loop& loop) {
        mta::LoadMeter meter(42, base::monotonic_now());
        meter.set_fit(false, "too-few-stores");
        auto created = mta::LoadService::create(
            loop, base::Endpoint(base::IpAddress::loopback_v4(), 0), meter, {"mail1", 42});
        BOOST_REQUIRE(created);
        const auto service = std::move(created).take_value();
        {
            auto connected =
                base::SocketStream::connect(loop, service->bound(), base::Deadline::after(20s));
            BOOST_REQUIRE(connected);
            base::SocketStream& stream = *connected.value();
            const auto line = [&] {
                while (stream.buffered().find("\r\n") == std::string_view::npos) {
                    BOOST_REQUIRE(stream.fill(base::Deadline::after(20s)));
                }
                const std::size_t end = stream.buffered().find("\r\n");
                std::string text(stream.buffered().substr(0, end));
                stream.consume(end + 2);
                return text;
            };
            BOOST_TEST(base::parse_load_greeting(line()).value().name == "mail1");
            for (int i = 0; i < 3; ++i) {
                BOOST_REQUIRE(stream.write(base::kLoadCommand));
                BOOST_REQUIRE(stream.flush(base::Deadline::after(20s)));
                const auto report = base::parse_load_report(line());
                BOOST_REQUIRE(report);
                BOOST_TEST(!report.value().fit);
                BOOST_TEST(report.value().reason == "too-few-stores");
            }
        }
        // The service's fiber sees the end of file before the service goes.
        while (loop.fiber_count() > 1) {
            BOOST_REQUIRE(base::fiber_yield());
        }
    });
}

BOOST_AUTO_TEST_CASE(connections_beyond_the_limit_are_closed) {
    run_in_fiber([](base::Loop& loop) {
        mta::LoadMeter meter(42, base::monotonic_now());
        auto created = mta::LoadService::create(
            loop, base::Endpoint(base::IpAddress::loopback_v4(), 0), meter, {"mail1", 42});
        BOOST_REQUIRE(created);
        const auto service = std::move(created).take_value();
        {
            std::vector<SmtpClient> clients;
            for (std::size_t i = 0; i < mta::LoadService::kConnectionsMax; ++i) {
                clients.emplace_back(loop, service->bound());
                clients.back().send("");
            }
            SmtpClient last(loop, service->bound());
            BOOST_TEST(last.reply() == "closed");
        }
        while (loop.fiber_count() > 1) {
            BOOST_REQUIRE(base::fiber_yield());
        }
    });
}

BOOST_AUTO_TEST_SUITE_END()
