#include "mta/smtp_service.h"

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "test/support/loop_runner.h"
#include "test/unit/mta/session_world.h"
#include "test/unit/mta/smtp_client.h"

namespace {

using mta::test::SessionWorld;
using mta::test::SmtpClient;
using namespace std::chrono_literals;
using test_support::run_in_fiber;

struct Service : SessionWorld {
    explicit Service(base::Loop& on_loop, mta::AdmissionLimits limits = {})
        : loop(on_loop), admission(std::move(limits)) {
        const base::Endpoint any(base::IpAddress::loopback_v4(), 0);
        auto created =
            mta::SmtpService::create(loop, {any}, base::PortUse::Exclusive, admission, parts);
        BOOST_REQUIRE(created);
        service = std::move(created).take_value();
    }

    // Sessions must end before what they borrow.
    ~Service() { service->drain(base::Deadline::after(5s)); }

    SmtpClient connect() { return {loop, service->bound().front()}; }

    base::Loop& loop;
    mta::Admission admission;
    std::unique_ptr<mta::SmtpService> service;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(smtp_service)

BOOST_AUTO_TEST_CASE(serves_sessions_over_sockets) {
    run_in_fiber([](base::Loop& loop) {
        Service service(loop);
        SmtpClient client = service.connect();
        client.begin_message();
        BOOST_TEST(client.say("Subject: x\r\n\r\nbody\r\n.").starts_with("250 2.0.0 "));
        BOOST_TEST(client.say("QUIT").starts_with("221 "));
        BOOST_TEST(client.reply() == "closed");
        BOOST_TEST(service.stored.size() == 1U);
    });
}

BOOST_AUTO_TEST_CASE(a_session_too_many_gets_421) {
    run_in_fiber([](base::Loop& loop) {
        Service service(loop, {1, 50, {}});
        SmtpClient first = service.connect();
        BOOST_TEST(first.reply().starts_with("220 "));
        SmtpClient second = service.connect();
        BOOST_TEST(second.reply() == "421 4.3.2 Too many sessions, try again later");
        BOOST_TEST(second.reply() == "closed");
        BOOST_TEST(service.load.report(base::monotonic_now()).refused == 1U);
        BOOST_TEST(service.load.report(base::monotonic_now()).arrivals == 1U);
        BOOST_TEST(first.say("QUIT").starts_with("221 "));
    });
}

BOOST_AUTO_TEST_CASE(a_source_with_too_many_sessions_gets_421_by_policy) {
    run_in_fiber([](base::Loop& loop) {
        Service service(loop, {10, 1, {}});
        SmtpClient first = service.connect();
        BOOST_TEST(first.reply().starts_with("220 "));
        SmtpClient second = service.connect();
        BOOST_TEST(second.reply().starts_with("421 4.7.0 "));
        BOOST_TEST(service.load.report(base::monotonic_now()).refused == 0U);
    });
}

BOOST_AUTO_TEST_CASE(an_early_talker_reads_its_refusal) {
    run_in_fiber([](base::Loop& loop) {
        Service service(loop);
        service.parts.times.greeting = 10s;
        SmtpClient client = service.connect();
        client.send("EHLO client.example\r\nMAIL FROM:<>\r\n");
        BOOST_TEST(client.reply() == "554 5.5.0 SMTP protocol synchronization");
        BOOST_TEST(client.reply() == "closed");
    });
}

BOOST_AUTO_TEST_CASE(a_drain_ends_idle_sessions_at_once_and_lets_transactions_finish) {
    run_in_fiber([](base::Loop& loop) {
        Service service(loop);
        SmtpClient idle = service.connect();
        BOOST_TEST(idle.reply().starts_with("220 "));
        SmtpClient busy = service.connect();
        busy.begin_message();
        base::FiberEvent drained;
        BOOST_REQUIRE(base::spawn(loop, "drain", [&] {
            service.service->drain(base::Deadline::after(20s));
            drained.notify();
        }));
        BOOST_TEST(idle.reply() == "421 4.3.2 Shutting down, try again later");
        BOOST_TEST(!drained.is_set());
        SmtpClient late = service.connect();
        BOOST_TEST(late.reply() == "421 4.3.2 Shutting down, try again later");
        BOOST_TEST(busy.say("x\r\n.").starts_with("250 2.0.0 "));
        BOOST_TEST(busy.reply() == "421 4.3.2 Shutting down, try again later");
        idle.close();
        busy.close();
        BOOST_TEST(bool(drained.wait(base::Deadline::after(20s))));
        BOOST_TEST(service.service->sessions() == 0U);
        BOOST_TEST(service.stored.size() == 1U);
    });
}

BOOST_AUTO_TEST_CASE(a_transaction_that_outlasts_the_drain_is_cut_off) {
    run_in_fiber([](base::Loop& loop) {
        Service service(loop);
        SmtpClient busy = service.connect();
        busy.begin_message();
        service.service->drain(base::Deadline::after(10ms));
        BOOST_TEST(service.service->sessions() == 0U);
        BOOST_TEST(busy.reply().starts_with("421 4.3.2 "));
        BOOST_TEST(service.stored.empty());
    });
}

BOOST_AUTO_TEST_CASE(a_port_in_use_is_an_error) {
    run_in_fiber([](base::Loop& loop) {
        Service service(loop);
        const auto second = mta::SmtpService::create(loop,
                                                     service.service->bound(),
                                                     base::PortUse::Exclusive,
                                                     service.admission,
                                                     service.parts);
        BOOST_REQUIRE(!second);
        BOOST_TEST((second.error().code == base::Errc::Exists));
    });
}

BOOST_AUTO_TEST_SUITE_END()
