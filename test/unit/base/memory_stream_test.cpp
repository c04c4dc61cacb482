#include <boost/test/unit_test.hpp>

#include "base/fiber.h"
#include "base/stream.h"
#include "test/support/loop_runner.h"
#include "test/unit/base/stream_helpers.h"

using base::Deadline;
using base::Errc;
using base::Loop;
using base::MemoryStream;
using namespace std::chrono_literals;
using stream_helpers::code_of;
using stream_helpers::later;
using stream_helpers::read_all;
using stream_helpers::soon;
using test_support::run_in_fiber;

BOOST_AUTO_TEST_SUITE(memory_stream)

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

BOOST_AUTO_TEST_SUITE_END()
