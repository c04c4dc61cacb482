#include "base/stream.h"

#include <boost/test/unit_test.hpp>
#include <sys/socket.h>

#include "base/listener.h"
#include "test/support/loop_runner.h"

using base::Deadline;
using base::Endpoint;
using base::Errc;
using base::FiberEvent;
using base::Loop;
using base::MemoryStream;
using base::SocketStream;
using base::Status;
using base::Stream;
using base::StreamLimits;
using namespace std::chrono_literals;
using test_support::run_in_fiber;

namespace {

Deadline soon() {
    return Deadline::after(20ms);
}

Deadline later() {
    return Deadline::after(30s);
}

Errc code_of(const Status& status) {
    BOOST_REQUIRE(!status);
    return status.error().code;
}

// Reads until the end of input; consumes everything at once.
std::string read_all(Stream& stream) {
    std::string all;
    while (stream.fill(later())) {
        all += stream.buffered();
        stream.consume(stream.buffered().size());
    }
    return all;
}

struct SocketPair {
    std::unique_ptr<SocketStream> left;
    std::unique_ptr<SocketStream> right;

    explicit SocketPair(Loop& loop, const StreamLimits& limits = {}) {
        int ends[2] = {-1, -1};
        BOOST_REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
        auto first = SocketStream::adopt(loop, base::Fd(ends[0]), limits);
        auto second = SocketStream::adopt(loop, base::Fd(ends[1]), limits);
        BOOST_REQUIRE(first && second);
        left = std::move(first).take_value();
        right = std::move(second).take_value();
    }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(stream)

BOOST_AUTO_TEST_CASE(memory_input_comes_in_pieces_and_ends) {
    MemoryStream stream("HELO a\r\n");
    stream.push_input("QUIT\r\n");
    BOOST_REQUIRE(stream.fill(soon()));
    BOOST_TEST(stream.buffered() == "HELO a\r\n");
    stream.consume(5);
    BOOST_TEST(stream.buffered() == "a\r\n");
    BOOST_REQUIRE(stream.fill(soon()));
    BOOST_TEST(stream.buffered() == "a\r\nQUIT\r\n");
    stream.consume(1000);
    BOOST_TEST(stream.buffered().empty());
    BOOST_CHECK(code_of(stream.fill(soon())) == Errc::Closed);
    BOOST_CHECK(code_of(stream.fill(soon())) == Errc::Closed);
}

BOOST_AUTO_TEST_CASE(memory_input_splits_at_any_byte) {
    MemoryStream stream("abc");
    stream.set_fill_max(1);
    for (const char* expected : {"a", "ab", "abc"}) {
        BOOST_REQUIRE(stream.fill(soon()));
        BOOST_TEST(stream.buffered() == expected);
    }
}

BOOST_AUTO_TEST_CASE(open_memory_input_times_out_without_waiting) {
    MemoryStream stream;
    stream.set_at_end(MemoryStream::AtEnd::Open);
    BOOST_CHECK(code_of(stream.fill(later())) == Errc::Timeout);
    stream.push_input("x");
    BOOST_TEST(bool(stream.fill(later())));
}

BOOST_AUTO_TEST_CASE(a_full_input_buffer_is_an_error_until_consumed) {
    StreamLimits limits;
    limits.input_max = 8;
    MemoryStream stream("0123456789ABCDEF", limits);
    BOOST_REQUIRE(stream.fill(soon()));
    BOOST_TEST(stream.buffered() == "01234567");
    BOOST_CHECK(code_of(stream.fill(soon())) == Errc::TooLarge);
    stream.consume(3);
    BOOST_REQUIRE(stream.fill(soon()));
    BOOST_TEST(stream.buffered() == "3456789A");
    stream.consume(8);
    BOOST_REQUIRE(stream.fill(soon()));
    BOOST_TEST(stream.buffered() == "BCDEF");
}

BOOST_AUTO_TEST_CASE(any_mix_of_fill_and_consume_keeps_every_byte) {
    std::string text;
    for (int i = 0; i < 300'000; ++i) {
        text += static_cast<char>('a' + i % 23);
    }
    for (const std::size_t step : {std::size_t{1}, std::size_t{7}, std::size_t{4096}}) {
        StreamLimits limits;
        limits.input_max = 10'000;
        MemoryStream stream(step == 1 ? text.substr(0, 20'000) : text, limits);
        stream.set_fill_max(step * 3 + 1);
        std::string all;
        while (stream.fill(soon())) {
            // Leaves some bytes unconsumed each time, as a parser does with half a line.
            const std::size_t take = stream.buffered().size() > 2 * step
                                         ? stream.buffered().size() - step
                                         : stream.buffered().size() / 2;
            all += stream.buffered().substr(0, take);
            stream.consume(take);
        }
        all += stream.buffered();
        BOOST_CHECK(all == text.substr(0, all.size()));
        BOOST_TEST(all.size() == (step == 1 ? 20'000U : text.size()));
    }
}

BOOST_AUTO_TEST_CASE(small_writes_leave_together) {
    MemoryStream stream;
    BOOST_TEST(bool(stream.write("250-a\r\n")));
    BOOST_TEST(bool(stream.write("250 b\r\n")));
    BOOST_TEST(stream.output().empty());
    BOOST_TEST(stream.output_pending() == 14U);
    BOOST_TEST(bool(stream.flush(soon())));
    BOOST_TEST(stream.take_output() == "250-a\r\n250 b\r\n");
    BOOST_TEST(stream.output_pending() == 0U);
}

BOOST_AUTO_TEST_CASE(waiting_for_input_sends_the_output_first) {
    MemoryStream stream("x");
    stream.set_at_end(MemoryStream::AtEnd::Open);
    BOOST_TEST(bool(stream.write("220 hello\r\n")));
    BOOST_TEST(bool(stream.fill(soon())));
    BOOST_TEST(stream.output().empty());  // input was there: no wait, no flush
    BOOST_CHECK(code_of(stream.fill(soon())) == Errc::Timeout);
    BOOST_TEST(stream.output() == "220 hello\r\n");
}

BOOST_AUTO_TEST_CASE(a_peer_that_does_not_read_bounds_the_output) {
    StreamLimits limits;
    limits.output_high_water = 100;
    MemoryStream stream({}, limits);
    stream.set_output_accept(150);
    BOOST_TEST(bool(stream.write(std::string(90, 'a'))));
    BOOST_TEST(bool(stream.write(std::string(90, 'b'))));  // sends the first 90
    BOOST_CHECK(code_of(stream.write(std::string(90, 'c'))) == Errc::Timeout);
    BOOST_TEST(stream.output_pending() <= 100U);
    stream.set_output_accept(1000);
    BOOST_TEST(bool(stream.flush(soon())));
    BOOST_TEST(stream.output() == std::string(90, 'a') + std::string(90, 'b'));
}

BOOST_AUTO_TEST_CASE(writes_larger_than_the_buffer_keep_their_order) {
    StreamLimits limits;
    limits.output_high_water = 10;
    MemoryStream stream({}, limits);
    BOOST_TEST(bool(stream.write("head ")));
    BOOST_TEST(bool(stream.write(std::string(1000, 'x'))));
    BOOST_TEST(bool(stream.write(" tail")));
    BOOST_TEST(bool(stream.flush(soon())));
    BOOST_TEST(stream.output() == "head " + std::string(1000, 'x') + " tail");
}

BOOST_AUTO_TEST_CASE(buffers_are_released_only_when_empty) {
    MemoryStream stream("abc");
    BOOST_TEST(bool(stream.fill(soon())));
    BOOST_TEST(bool(stream.write("out")));
    stream.release_buffers();
    BOOST_TEST(stream.buffered() == "abc");
    stream.consume(3);
    BOOST_TEST(bool(stream.flush(soon())));
    stream.release_buffers();
    stream.push_input("def");
    BOOST_TEST(bool(stream.fill(soon())));
    BOOST_TEST(stream.buffered() == "def");
}

BOOST_AUTO_TEST_CASE(a_closed_memory_stream_is_over) {
    MemoryStream stream("abc");
    stream.close();
    BOOST_TEST(stream.is_closed());
    BOOST_CHECK(code_of(stream.fill(soon())) == Errc::Closed);
    BOOST_TEST(bool(stream.write("x")));
    BOOST_CHECK(code_of(stream.flush(soon())) == Errc::Closed);
}

BOOST_AUTO_TEST_CASE(a_blocking_memory_stream_waits_for_another_fiber) {
    run_in_fiber([](Loop& loop) {
        MemoryStream stream;
        stream.set_at_end(MemoryStream::AtEnd::Open);
        stream.set_blocking(MemoryStream::Blocking::Yes);
        BOOST_REQUIRE(base::spawn(loop, "client", [&] {
            BOOST_TEST(bool(base::sleep_until(Deadline::after(5ms))));
            stream.push_input("hello");
            BOOST_TEST(bool(base::sleep_until(Deadline::after(5ms))));
            stream.set_at_end(MemoryStream::AtEnd::Closed);
        }));
        BOOST_TEST(read_all(stream) == "hello");
    });
}

BOOST_AUTO_TEST_CASE(idle_waits_for_input_or_an_event) {
    run_in_fiber([](Loop& loop) {
        for (const bool over_socket : {false, true}) {
            SocketPair pair(loop);
            MemoryStream memory;
            memory.set_at_end(MemoryStream::AtEnd::Open);
            memory.set_blocking(MemoryStream::Blocking::Yes);
            Stream& stream = over_socket ? static_cast<Stream&>(*pair.left) : memory;
            FiberEvent changed;
            BOOST_CHECK(code_of(stream.wait_readable_or(changed, soon())) == Errc::Timeout);
            BOOST_REQUIRE(base::spawn(loop, "other", [&] {
                BOOST_TEST(bool(base::sleep_until(Deadline::after(5ms))));
                changed.notify();
                BOOST_TEST(bool(base::sleep_until(Deadline::after(20ms))));
                if (over_socket) {
                    BOOST_TEST(bool(pair.right->write("DONE")));
                    BOOST_TEST(bool(pair.right->flush(later())));
                } else {
                    memory.push_input("DONE");
                }
            }));
            BOOST_REQUIRE(stream.wait_readable_or(changed, later()));
            BOOST_TEST(!stream.readable_now());
            BOOST_TEST(changed.take());
            BOOST_REQUIRE(stream.wait_readable_or(changed, later()));
            BOOST_TEST(stream.readable_now());
            BOOST_TEST(!changed.take());
            BOOST_TEST(stream.buffered() == "DONE");
            stream.consume(4);
            if (over_socket) {
                pair.right->close();
            } else {
                memory.set_at_end(MemoryStream::AtEnd::Closed);
            }
            BOOST_REQUIRE(stream.wait_readable_or(changed, later()));
            BOOST_TEST(stream.readable_now());
            BOOST_TEST(stream.buffered().empty());
            BOOST_CHECK(code_of(stream.fill(later())) == Errc::Closed);
        }
    });
}

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
