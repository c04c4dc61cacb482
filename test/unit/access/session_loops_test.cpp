#include "access/session_loops.h"

#include <array>
#include <atomic>
#include <set>
#include <string>
#include <thread>

#include <boost/test/unit_test.hpp>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fiber.h"
#include "base/log.h"
#include "test/support/loop_runner.h"

using accessd::SessionLoops;
using accessd::SessionTable;
using test_support::run_in_fiber;

namespace {

const base::IpAddress kClient = base::IpAddress::parse("192.0.2.1").value();

base::Deadline later() {
    return base::Deadline::after(std::chrono::seconds(30));
}

/// Both ends of a connection.
struct Ends {
    Ends() {
        std::array<int, 2> numbers{};
        BOOST_TEST_REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, numbers.data()) ==
                           0);
        server = base::Fd(numbers[0]);
        client = base::Fd(numbers[1]);
    }

    base::Fd server;
    base::Fd client;
};

/// From a fiber: looks until it is so.
template <typename Condition>
void wait_for(Condition condition) {
    const base::Deadline deadline = later();
    while (!condition() && !deadline.passed()) {
        BOOST_TEST_REQUIRE(
            bool(base::sleep_until(base::Deadline::after(std::chrono::milliseconds(1)))));
    }
    BOOST_TEST_REQUIRE(condition());
}

/// A session that lasts until its client speaks or goes, or the server stops.
struct Sessions {
    std::atomic<int> running{0};
    std::atomic<int> cancelled{0};
    std::atomic<int> on_first{0};

    SessionLoops::Serve serve() {
        return [this](base::Stream& stream) {
            const bool first = base::Loop::current()->name() == "access-1";
            on_first.fetch_add(first ? 1 : 0);
            running.fetch_add(1);
            const base::Status filled = stream.fill(later());
            cancelled.fetch_add(!filled && filled.error().code == base::Errc::Cancelled ? 1 : 0);
            on_first.fetch_sub(first ? 1 : 0);
            running.fetch_sub(1);
        };
    }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(session_loops)

BOOST_AUTO_TEST_CASE(serves_on_a_loop_of_its_own_and_gives_the_slot_back) {
    SessionTable table(10, 10, 1, base::monotonic_now());
    run_in_fiber([&](base::Loop& loop) {
        auto loops = SessionLoops::create(1);
        BOOST_TEST_REQUIRE(bool(loops));
        Ends ends;
        auto client = base::SocketStream::adopt(loop, std::move(ends.client));
        BOOST_TEST_REQUIRE(bool(client));
        const std::thread::id here = std::this_thread::get_id();
        std::atomic<bool> elsewhere{false};
        loops.value()->start("test",
                             std::move(ends.server),
                             table.admit(kClient, base::monotonic_now()),
                             [&](base::Stream& stream) {
                                 elsewhere = std::this_thread::get_id() != here;
                                 BOOST_TEST(bool(stream.write("hello\r\n")));
                                 BOOST_TEST(bool(stream.flush(later())));
                             });
        base::Stream& stream = *client.value();
        while (stream.buffered() != "hello\r\n") {
            BOOST_TEST_REQUIRE(bool(stream.fill(later())));
        }
        // Closed behind the session.
        const base::Status end = stream.fill(later());
        BOOST_TEST_REQUIRE(!end);
        BOOST_TEST((end.error().code == base::Errc::Closed));
        BOOST_TEST(elsewhere.load());
        wait_for([&] { return table.sessions() == 0; });
    });
}

BOOST_AUTO_TEST_CASE(session_goes_to_the_loop_that_has_the_fewest) {
    SessionTable table(10, 10, 1, base::monotonic_now());
    Sessions sessions;
    run_in_fiber([&](base::Loop&) {
        auto loops = SessionLoops::create(2);
        BOOST_TEST_REQUIRE(bool(loops));
        std::array<Ends, 6> ends;
        for (Ends& pair : ends) {
            loops.value()->start("test",
                                 std::move(pair.server),
                                 table.admit(kClient, base::monotonic_now()),
                                 sessions.serve());
        }
        wait_for([&] { return sessions.running == 6; });
        BOOST_TEST(sessions.on_first == 3);
        BOOST_TEST(table.sessions() == 6U);
        for (Ends& pair : ends) {
            pair.client.reset();
        }
        wait_for([&] { return table.sessions() == 0; });
        BOOST_TEST(sessions.running == 0);
        BOOST_TEST(sessions.cancelled == 0);
    });
}

BOOST_AUTO_TEST_CASE(stop_cancels_what_waits_and_says_whether_all_ended) {
    SessionTable table(10, 10, 1, base::monotonic_now());
    Sessions sessions;
    run_in_fiber([&](base::Loop&) {
        auto loops = SessionLoops::create(2);
        BOOST_TEST_REQUIRE(bool(loops));
        std::array<Ends, 4> ends;
        for (Ends& pair : ends) {
            loops.value()->start("test",
                                 std::move(pair.server),
                                 table.admit(kClient, base::monotonic_now()),
                                 sessions.serve());
        }
        wait_for([&] { return sessions.running == 4; });
        BOOST_TEST(loops.value()->stop(later()));
        BOOST_TEST(sessions.running == 0);
        BOOST_TEST(sessions.cancelled == 4);
        BOOST_TEST(table.sessions() == 0U);
    });
}

BOOST_AUTO_TEST_CASE(destroyed_without_stop_it_waits_for_its_threads) {
    SessionTable table(10, 10, 1, base::monotonic_now());
    Sessions sessions;
    Ends ends;
    run_in_fiber([&](base::Loop&) {
        auto loops = SessionLoops::create(1);
        BOOST_TEST_REQUIRE(bool(loops));
        loops.value()->start("test",
                             std::move(ends.server),
                             table.admit(kClient, base::monotonic_now()),
                             sessions.serve());
        wait_for([&] { return sessions.running == 1; });
    });
    BOOST_TEST(sessions.running == 0);
    BOOST_TEST(sessions.cancelled == 1);
    BOOST_TEST(table.sessions() == 0U);
}

BOOST_AUTO_TEST_SUITE_END()
