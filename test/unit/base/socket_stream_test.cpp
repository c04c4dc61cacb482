#include <boost/test/unit_test.hpp>

#include "base/listener.h"
#include "base/stream.h"
#include "test/support/loop_runner.h"
#include "test/unit/base/stream_helpers.h"

using base::Endpoint;
using base::Errc;
using base::FiberEvent;
using base::Loop;
using base::SocketStream;
using base::StreamLimits;
using namespace std::chrono_literals;
using stream_helpers::code_of;
using stream_helpers::later;
using stream_helpers::read_all;
using stream_helpers::SocketPair;
using stream_helpers::soon;
using test_support::run_in_fiber;

BOOST_AUTO_TEST_SUITE(socket_stream)

BOOST_AUTO_TEST_CASE(sockets_carry_a_dialogue) {
    run_in_fiber([](Loop& loop) {
        SocketPair pair(loop);
        BOOST_REQUIRE(base::spawn(loop, "echo", [&] {
            while (pair.right->fill(later())) {
                BOOST_TEST(bool(pair.right->write(pair.right->buffered())));
                pair.right->consume(pair.right->buffered().size());
            }
            pair.right->close();
        }));
        for (int i = 0; i < 1000; ++i) {
            BOOST_REQUIRE(pair.left->write("line"));
            BOOST_REQUIRE(pair.left->fill(later()));
            BOOST_TEST(pair.left->buffered() == "line");
            pair.left->consume(4);
        }
        BOOST_TEST(bool(pair.left->shutdown_write()));
        BOOST_CHECK(code_of(pair.left->fill(later())) == Errc::Closed);
    });
}

BOOST_AUTO_TEST_CASE(large_transfers_wait_for_the_reader) {
    run_in_fiber([](Loop& loop) {
        SocketPair pair(loop);
        const std::string text(5'000'000, 'x');
        std::string received;
        FiberEvent done;
        BOOST_REQUIRE(base::spawn(loop, "reader", [&] {
            received = read_all(*pair.right);
            done.notify();
        }));
        BOOST_TEST(bool(pair.left->write(text)));
        BOOST_TEST(bool(pair.left->flush(later())));
        pair.left->close();
        BOOST_TEST(bool(done.wait(later())));
        BOOST_CHECK(received == text);
    });
}

BOOST_AUTO_TEST_CASE(a_peer_that_stops_reading_times_the_writer_out) {
    run_in_fiber([](Loop& loop) {
        StreamLimits limits;
        limits.write_timeout = 20ms;
        SocketPair pair(loop, limits);
        BOOST_CHECK(code_of(pair.left->write(std::string(50'000'000, 'x'))) == Errc::Timeout);
    });
}

BOOST_AUTO_TEST_CASE(a_silent_peer_times_the_reader_out_and_can_go_on) {
    run_in_fiber([](Loop& loop) {
        SocketPair pair(loop);
        BOOST_CHECK(code_of(pair.left->fill(soon())) == Errc::Timeout);
        BOOST_TEST(bool(pair.right->write("late")));
        BOOST_TEST(bool(pair.right->flush(later())));
        BOOST_TEST(bool(pair.left->fill(later())));
        BOOST_TEST(pair.left->buffered() == "late");
    });
}

BOOST_AUTO_TEST_CASE(writing_to_a_closed_peer_is_closed_and_no_signal) {
    run_in_fiber([](Loop& loop) {
        SocketPair pair(loop);
        pair.right->close();
        BOOST_TEST(bool(pair.left->write("x")));
        BOOST_CHECK(code_of(pair.left->flush(later())) == Errc::Closed);
        pair.left->close();
        pair.left->close();
        BOOST_CHECK(code_of(pair.left->fill(later())) == Errc::Closed);
    });
}

BOOST_AUTO_TEST_CASE(connects_to_a_listener_and_knows_both_ends) {
    run_in_fiber([](Loop& loop) {
        for (const char* where : {"127.0.0.1:0", "[::1]:0"}) {
            std::unique_ptr<SocketStream> server;
            Endpoint seen;
            FiberEvent accepted;
            auto listener = base::Listener::create(
                loop,
                Endpoint::parse(where).value(),
                16,
                [&](base::Fd socket, const Endpoint& peer) {
                    seen = peer;
                    server = SocketStream::adopt(loop, std::move(socket)).take_value();
                    accepted.notify();
                });
            BOOST_REQUIRE(listener);
            auto client = SocketStream::connect(loop, listener.value()->bound(), later());
            BOOST_REQUIRE(client);
            BOOST_REQUIRE(accepted.wait(later()));
            BOOST_TEST(server->peer().to_text() == client.value()->local().to_text());
            BOOST_TEST(server->local().to_text() == client.value()->peer().to_text());
            BOOST_CHECK(seen == server->peer());
            BOOST_TEST(server->peer().is_loopback());
            BOOST_TEST(!server->is_secure());
        }
    });
}

BOOST_AUTO_TEST_CASE(a_refused_connection_is_unavailable) {
    run_in_fiber([](Loop& loop) {
        Endpoint nobody;
        {
            auto listener = base::Listener::create(
                loop, Endpoint::parse("127.0.0.1:0").value(), 1, [](base::Fd, const Endpoint&) {});
            BOOST_REQUIRE(listener);
            nobody = listener.value()->bound();
        }
        auto client = SocketStream::connect(loop, nobody, later());
        BOOST_REQUIRE(!client);
        BOOST_CHECK(client.error().code == Errc::Unavailable);
    });
}

BOOST_AUTO_TEST_SUITE_END()
