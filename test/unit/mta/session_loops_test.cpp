#include "mta/session_loops.h"

#include <chrono>
#include <memory>
#include <string>

#include <boost/test/unit_test.hpp>

#include "test/support/loop_runner.h"
#include "test/unit/mta/session_world.h"
#include "test/unit/mta/smtp_client.h"

namespace {

using mta::test::SessionWorld;
using mta::test::SmtpClient;
using namespace std::chrono_literals;
using test_support::run_in_fiber;

const base::Endpoint kAny(base::IpAddress::loopback_v4(), 0);

}  // namespace

BOOST_AUTO_TEST_SUITE(session_loops)

BOOST_AUTO_TEST_CASE(sessions_run_on_a_thread_of_their_own_until_stopped) {
    run_in_fiber([](base::Loop& loop) {
        SessionWorld world;
        mta::Admission admission({});
        auto created = mta::SessionLoops::create(1, {kAny}, admission, world.parts);
        BOOST_REQUIRE(created);
        const std::unique_ptr<mta::SessionLoops> loops = std::move(created).take_value();
        SmtpClient client(loop, loops->bound().front());
        client.begin_message();
        BOOST_TEST(client.say("x\r\n.").starts_with("250 2.0.0 "));
        BOOST_TEST(loops->utilisation() >= 0.0);
        BOOST_TEST(loops->utilisation() <= 1.0);
        SmtpClient idle(loop, loops->bound().front());
        BOOST_TEST(idle.reply().starts_with("220 "));
        base::FiberEvent stopped;
        BOOST_REQUIRE(base::spawn(loop, "stop", [&] {
            loops->stop(base::Deadline::after(20s));
            stopped.notify();
        }));
        BOOST_TEST(idle.reply().starts_with("421 4.3.2 "));
        idle.close();
        BOOST_TEST(client.reply().starts_with("421 4.3.2 "));
        client.close();
        BOOST_TEST(bool(stopped.wait(base::Deadline::after(20s))));
        BOOST_TEST(admission.sessions() == 0U);
    });
}

BOOST_AUTO_TEST_CASE(several_loops_share_a_port) {
    run_in_fiber([](base::Loop& loop) {
        SessionWorld world;
        mta::Admission admission({});
        // A port that is free now: two listeners cannot both ask for any.
        base::Endpoint port;
        {
            const auto free =
                base::Listener::create(loop, kAny, 1, [](base::Fd, const base::Endpoint&) {});
            BOOST_REQUIRE(free);
            port = free.value()->bound();
        }
        auto created = mta::SessionLoops::create(2, {port}, admission, world.parts);
        BOOST_REQUIRE(created);
        const std::unique_ptr<mta::SessionLoops> loops = std::move(created).take_value();
        for (int i = 0; i < 8; ++i) {
            SmtpClient client(loop, port);
            BOOST_TEST(client.reply().starts_with("220 "));
            BOOST_TEST(client.say("QUIT").starts_with("221 "));
        }
        loops->stop(base::Deadline::after(20s));
    });
}

BOOST_AUTO_TEST_CASE(what_was_not_stopped_ends_with_its_owner) {
    SessionWorld world;
    mta::Admission admission({});
    auto created = mta::SessionLoops::create(1, {kAny}, admission, world.parts);
    BOOST_REQUIRE(created);
}

BOOST_AUTO_TEST_SUITE_END()
