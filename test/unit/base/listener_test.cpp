#include "base/listener.h"

#include <vector>

#include <boost/test/unit_test.hpp>
#include <fcntl.h>
#include <sys/resource.h>

#include "base/metrics.h"
#include "base/stream.h"
#include "test/support/loop_runner.h"

using base::Deadline;
using base::Endpoint;
using base::Errc;
using base::Fd;
using base::FiberEvent;
using base::Listener;
using base::Loop;
using base::SocketStream;
using namespace std::chrono_literals;
using test_support::run_in_fiber;

namespace {

const Endpoint kAnyPort = Endpoint(base::IpAddress::loopback_v4(), 0);

Deadline later() {
    return Deadline::after(30s);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(listener)

BOOST_AUTO_TEST_CASE(an_address_in_use_is_exists) {
    run_in_fiber([](Loop& loop) {
        auto first = Listener::create(loop, kAnyPort, 1, [](Fd, const Endpoint&) {});
        BOOST_REQUIRE(first);
        BOOST_TEST(first.value()->bound().port() != 0);
        auto second = Listener::create(loop, first.value()->bound(), 1, [](Fd, const Endpoint&) {});
        BOOST_REQUIRE(!second);
        BOOST_CHECK(second.error().code == Errc::Exists);
    });
}

BOOST_AUTO_TEST_CASE(a_shared_port_has_several_listeners) {
    run_in_fiber([](Loop& loop) {
        const auto ignore = [](Fd, const Endpoint&) {};
        auto first = Listener::create(loop, kAnyPort, 1, base::PortUse::Shared, ignore);
        BOOST_REQUIRE(first);
        BOOST_TEST(
            bool(Listener::create(loop, first.value()->bound(), 1, base::PortUse::Shared, ignore)));
    });
}

BOOST_AUTO_TEST_CASE(accepts_nonblocking_close_on_exec_sockets) {
    run_in_fiber([](Loop& loop) {
        FiberEvent accepted;
        auto listener = Listener::create(loop, kAnyPort, 1, [&](Fd socket, const Endpoint&) {
            BOOST_TEST((::fcntl(socket.get(), F_GETFL) & O_NONBLOCK) != 0);
            BOOST_TEST((::fcntl(socket.get(), F_GETFD) & FD_CLOEXEC) != 0);
            accepted.notify();
        });
        BOOST_REQUIRE(listener);
        BOOST_TEST(bool(SocketStream::connect(loop, listener.value()->bound(), later())));
        BOOST_TEST(bool(accepted.wait(later())));
    });
}

BOOST_AUTO_TEST_CASE(a_paused_listener_keeps_connections_waiting) {
    run_in_fiber([](Loop& loop) {
        int count = 0;
        FiberEvent accepted;
        auto listener = Listener::create(loop, kAnyPort, 16, [&](Fd, const Endpoint&) {
            ++count;
            accepted.notify();
        });
        BOOST_REQUIRE(listener);
        listener.value()->pause();
        auto client = SocketStream::connect(loop, listener.value()->bound(), later());
        BOOST_REQUIRE(client);
        BOOST_TEST(!accepted.wait(Deadline::after(20ms)));
        listener.value()->resume();
        BOOST_TEST(bool(accepted.wait(later())));
        BOOST_TEST(count == 1);
    });
}

BOOST_AUTO_TEST_CASE(rests_when_descriptors_run_out_and_goes_on_after) {
    run_in_fiber([](Loop& loop) {
        base::Counter& rests = base::counter("roundtable_accept_rests_total",
                                             "Times a listener paused because descriptors ran out.",
                                             {{"folder", "base"}});
        FiberEvent accepted;
        auto listener =
            Listener::create(loop, kAnyPort, 16, [&](Fd, const Endpoint&) { accepted.notify(); });
        BOOST_REQUIRE(listener);
        listener.value()->pause();
        auto client = SocketStream::connect(loop, listener.value()->bound(), later());
        BOOST_REQUIRE(client);
        const std::uint64_t before = rests.value();
        std::vector<Fd> hoard;
        rlimit old{};
        BOOST_REQUIRE(::getrlimit(RLIMIT_NOFILE, &old) == 0);
        const rlimit low{64, old.rlim_max};
        BOOST_REQUIRE(::setrlimit(RLIMIT_NOFILE, &low) == 0);
        while (true) {
            Fd copy(::fcntl(client.value()->fd(), F_DUPFD_CLOEXEC, 0));
            if (!copy) {
                break;
            }
            hoard.push_back(std::move(copy));
        }
        listener.value()->resume();
        BOOST_TEST(!accepted.wait(Deadline::after(30ms)));
        BOOST_TEST(rests.value() == before + 1);  // did not spin
        hoard.clear();
        BOOST_REQUIRE(::setrlimit(RLIMIT_NOFILE, &old) == 0);
        BOOST_TEST(bool(accepted.wait(later())));
    });
}

BOOST_AUTO_TEST_SUITE_END()
