#include "base/stream.h"

#include <boost/test/unit_test.hpp>

#include "base/fiber.h"
#include "test/support/loop_runner.h"
#include "test/unit/base/stream_helpers.h"

using base::Deadline;
using base::Errc;
using base::FiberEvent;
using base::Loop;
using base::MemoryStream;
using base::Stream;
using base::StreamLimits;
using namespace std::chrono_literals;
using stream_helpers::code_of;
using stream_helpers::later;
using stream_helpers::SocketPair;
using stream_helpers::soon;
using test_support::run_in_fiber;

BOOST_AUTO_TEST_SUITE(stream)

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

BOOST_AUTO_TEST_SUITE_END()
