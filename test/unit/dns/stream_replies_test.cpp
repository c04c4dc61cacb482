#include "dns/stream_replies.h"

#include <algorithm>
#include <atomic>
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "base/check.h"
#include "base/fiber.h"
#include "base/hash.h"
#include "base/stream.h"
#include "dns/limits.h"
#include "test/support/loop_runner.h"
#include "test/unit/dns/tcp_clients.h"

namespace {

using base::Deadline;
using dns_test::framed;
using dns_test::read_message;
using std::chrono::milliseconds;
using std::chrono::seconds;

// What became of the streams of a test. Messages are made on workers.
struct Fate {
    std::atomic<int> made = 0;  // messages
    std::atomic<int> ended = 0;
    std::atomic<int> open = 0;       // that have begun and not ended
    std::atomic<bool> hold = false;  // the first message is not made before this is false

    void go() {
        hold = false;
        hold.notify_all();
    }
};

// "0", "1", ... each filled up to `size` octets; the last one is Last or, if it fails, none.
class Numbers : public dns::ReplyStream {
  public:
    Numbers(std::shared_ptr<Fate> fate, int count, bool fails, std::size_t size)
        : shared_(std::move(fate)), fate_(*shared_), count_(count), fails_(fails), size_(size) {}

    ~Numbers() override {
        ++fate_.ended;
        fate_.open -= at_ > 0 ? 1 : 0;
    }

    Numbers(const Numbers&) = delete;
    Numbers& operator=(const Numbers&) = delete;

    Piece next(std::span<std::byte> out) override {
        CHECK(out.size() == dns::kMessageMax);
        if (at_ == count_) {
            CHECK(fails_);
            return {State::Failed, 0};
        }
        if (at_ == 0) {
            ++fate_.open;
            fate_.hold.wait(true);
        }
        std::string text = std::to_string(at_++);
        text.resize(std::max(size_, text.size()), '.');
        std::transform(text.begin(), text.end(), out.begin(), [](char c) {
            return static_cast<std::byte>(c);
        });
        ++fate_.made;
        return {at_ == count_ && !fails_ ? State::Last : State::More, text.size()};
    }

    Piece refuse(std::span<std::byte> out) override {
        out[0] = std::byte{'-'};
        return {State::Last, 1};
    }

  private:
    std::shared_ptr<Fate> shared_;  // a worker may let go of a stream after the test
    Fate& fate_;
    int count_;
    bool fails_;
    std::size_t size_;
    int at_ = 0;
};

// A server that answers "stream" with `count` messages and everything else with itself.
struct Streamer {
    Streamer(base::Loop& the_loop,
             int count,
             bool fails,
             std::size_t size = 1,
             const dns::StreamLimits& limits = {.slow = milliseconds(200)})
        : loop(the_loop),
          streams(
              loop,
              [this, count, fails, size](auto packet, auto&) -> std::unique_ptr<dns::ReplyStream> {
                  if (base::as_text(packet) != "stream") {
                      return nullptr;
                  }
                  return std::make_unique<Numbers>(shared, count, fails, size);
              },
              limits) {
        dns::TcpServer::Options options;
        options.endpoints = {base::Endpoint::parse("127.0.0.1:0").take_value()};
        options.slow = limits.slow;
        options.take = streams.take_function();
        server = dns::TcpServer::create(loop, options, [](auto packet, auto&, auto out) {
                     std::copy(packet.begin(), packet.end(), out.begin());
                     return packet.size();
                 }).take_value();
    }

    // Workers are waited for: a test that has failed must not hold them.
    ~Streamer() { fate.go(); }

    Streamer(const Streamer&) = delete;
    Streamer& operator=(const Streamer&) = delete;

    [[nodiscard]] std::unique_ptr<base::SocketStream> ask(std::string_view queries) const {
        auto stream =
            base::SocketStream::connect(loop, server->bound()[0], Deadline::after(seconds(5)))
                .take_value();
        BOOST_REQUIRE(stream->write(queries));
        BOOST_REQUIRE(stream->flush(Deadline::after(seconds(5))));
        return stream;
    }

    base::Loop& loop;
    std::shared_ptr<Fate> shared = std::make_shared<Fate>();
    Fate& fate = *shared;
    dns::StreamReplies streams;
    std::unique_ptr<dns::TcpServer> server;
};

void wait_for(const std::atomic<int>& value, int expected) {
    const auto deadline = Deadline::after(seconds(20));
    while (value != expected && !deadline.passed()) {
        BOOST_REQUIRE(base::sleep_until(Deadline::after(milliseconds(2))));
    }
    BOOST_TEST(value == expected);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(dns_stream_replies)

BOOST_AUTO_TEST_CASE(sends_every_message_and_counts_the_answer_once) {
    test_support::run_in_fiber([](base::Loop& loop) {
        const Streamer streamer(loop, 5, false);
        const auto stream = streamer.ask(framed("stream"));
        for (const char* expected : {"0", "1", "2", "3", "4"}) {
            BOOST_TEST(read_message(*stream) == expected);
        }
        wait_for(streamer.fate.ended, 1);
        BOOST_TEST(streamer.streams.counters().sent.value() == 1U);
        BOOST_TEST(streamer.streams.counters().broken.value() == 0U);
        // The connection stays, for this or that.
        BOOST_REQUIRE(stream->write(framed("abc") + framed("stream")));
        BOOST_TEST(read_message(*stream) == "abc");
        BOOST_TEST(read_message(*stream) == "0");
    });
}

BOOST_AUTO_TEST_CASE(leaves_to_others_what_is_no_stream) {
    test_support::run_in_fiber([](base::Loop& loop) {
        const Streamer streamer(loop, 5, false);
        const auto stream = streamer.ask(framed("abc"));
        BOOST_TEST(read_message(*stream) == "abc");
        BOOST_TEST(streamer.fate.made == 0);
        BOOST_TEST(streamer.streams.counters().sent.value() +
                       streamer.streams.counters().broken.value() ==
                   0U);
    });
}

BOOST_AUTO_TEST_CASE(answers_other_queries_meanwhile) {
    test_support::run_in_fiber([](base::Loop& loop) {
        const Streamer streamer(loop, 1000, false);
        const auto stream = streamer.ask(framed("stream") + framed("abc"));
        int before = 0;
        while (read_message(*stream) != "abc") {
            ++before;
        }
        BOOST_TEST(before < 1000);
        int messages = before;
        while (messages < 1000 && !read_message(*stream).empty()) {
            ++messages;
        }
        BOOST_TEST(messages == 1000);
        BOOST_TEST(streamer.streams.counters().sent.value() == 1U);
    });
}

BOOST_AUTO_TEST_CASE(the_connection_ends_behind_an_answer_that_cannot_be_finished) {
    test_support::run_in_fiber([](base::Loop& loop) {
        const Streamer streamer(loop, 3, true);
        const auto stream = streamer.ask(framed("stream"));
        for (const char* expected : {"0", "1", "2"}) {
            BOOST_TEST(read_message(*stream) == expected);
        }
        // Closed at once: a client that were left waiting would find out by its own timeout.
        const base::Instant asked = base::monotonic_now();
        BOOST_TEST(read_message(*stream).empty());
        BOOST_TEST((base::monotonic_now() - asked < seconds(5)));
        wait_for(streamer.fate.ended, 1);
        BOOST_TEST(streamer.streams.counters().sent.value() == 0U);
        BOOST_TEST(streamer.streams.counters().broken.value() == 1U);
    });
}

BOOST_AUTO_TEST_CASE(one_that_fails_at_once_ends_the_connection_too) {
    test_support::run_in_fiber([](base::Loop& loop) {
        const Streamer streamer(loop, 0, true);
        const auto stream = streamer.ask(framed("stream"));
        BOOST_TEST(read_message(*stream).empty());
        BOOST_TEST(streamer.streams.counters().broken.value() == 1U);
    });
}

BOOST_AUTO_TEST_CASE(makes_no_more_than_the_client_reads_and_ends_when_it_does_not) {
    test_support::run_in_fiber([](base::Loop& loop) {
        // 65 MB: more than any socket buffer takes.
        const Streamer streamer(loop, 1000, false, 65000);
        const auto stream = streamer.ask(framed("stream"));
        wait_for(streamer.fate.ended, 1);
        BOOST_TEST(streamer.fate.made < 500);
        BOOST_TEST(streamer.streams.counters().sent.value() == 0U);
        BOOST_TEST(streamer.streams.counters().broken.value() == 1U);
        BOOST_TEST(streamer.server->counters().timeouts.value() == 1U);
    });
}

BOOST_AUTO_TEST_CASE(a_client_that_goes_away_ends_its_stream) {
    test_support::run_in_fiber([](base::Loop& loop) {
        const Streamer streamer(loop, 1000, false, 65000);
        auto stream = streamer.ask(framed("stream"));
        BOOST_TEST(read_message(*stream).substr(0, 2) == "0.");
        stream->close();
        wait_for(streamer.fate.ended, 1);
        BOOST_TEST(streamer.streams.counters().broken.value() == 1U);
    });
}

// More than any socket buffer takes: who does not read it keeps his place.
constexpr int kLongMessages = 1000;
constexpr std::size_t kLongSize = 65000;

BOOST_AUTO_TEST_CASE(no_more_at_once_than_there_are_places_and_the_others_wait) {
    test_support::run_in_fiber([](base::Loop& loop) {
        dns::StreamLimits limits{
            .total_max = 2, .per_client_max = 9, .wait = milliseconds(50), .slow = seconds(60)};
        Streamer streamer(loop, kLongMessages, false, kLongSize, limits);
        std::vector<std::unique_ptr<base::SocketStream>> clients;
        for (int i = 0; i < 2; ++i) {
            clients.push_back(streamer.ask(framed("stream")));
        }
        wait_for(streamer.fate.open, 2);
        clients.push_back(streamer.ask(framed("stream")));
        BOOST_TEST(read_message(*clients.back()).substr(0, 1) == "-");
        BOOST_TEST(streamer.streams.counters().refused.value() == 1U);
        // Patient ones come after each other, in their order: the answer to the query behind says
        // that a stream has been taken.
        limits.wait = seconds(60);
        streamer.streams.set_limits(limits);
        clients.pop_back();
        for (int i = 0; i < 4; ++i) {
            clients.push_back(streamer.ask(framed("stream") + framed("abc")));
            BOOST_TEST(read_message(*clients.back()) == "abc");
        }
        int gone = 1;  // the one that was refused
        for (const auto& client : clients) {
            wait_for(streamer.fate.open, std::min(2, 7 - gone));
            BOOST_TEST(read_message(*client).substr(0, 2) == "0.");
            client->close();
            wait_for(streamer.fate.ended, ++gone);
        }
        BOOST_TEST(streamer.streams.counters().refused.value() == 1U);
    });
}

BOOST_AUTO_TEST_CASE(only_so_many_wait_and_the_next_is_refused_at_once) {
    constexpr std::size_t kEach = 16;  // queries of a connection
    static_assert(dns::kStreamsWaitingMax % kEach == 0);
    test_support::run_in_fiber([](base::Loop& loop) {
        Streamer streamer(
            loop, 1, false, 1, {.total_max = 1, .per_client_max = 9, .wait = seconds(60)});
        streamer.fate.hold = true;
        const auto first = streamer.ask(framed("stream"));
        wait_for(streamer.fate.open, 1);
        std::string queries;
        for (std::size_t i = 0; i < kEach; ++i) {
            queries += framed("stream");
        }
        std::vector<std::unique_ptr<base::SocketStream>> clients;
        for (std::size_t i = 0; i < dns::kStreamsWaitingMax; i += kEach) {
            clients.push_back(streamer.ask(queries + framed("abc")));
            BOOST_TEST(read_message(*clients.back()) == "abc");
        }
        const auto next = streamer.ask(framed("stream"));
        BOOST_TEST(read_message(*next) == "-");
        BOOST_TEST(streamer.streams.counters().refused.value() == 1U);
        streamer.fate.go();
        for (const auto& client : clients) {
            for (std::size_t i = 0; i < kEach; ++i) {
                BOOST_TEST(read_message(*client) == "0");
            }
        }
        BOOST_TEST(streamer.streams.counters().sent.value() == dns::kStreamsWaitingMax + 1);
    });
}

BOOST_AUTO_TEST_CASE(who_gets_no_place_in_time_is_refused_and_the_connection_stays) {
    test_support::run_in_fiber([](base::Loop& loop) {
        // More places than one client may take.
        Streamer streamer(
            loop, 3, false, 1, {.total_max = 5, .per_client_max = 1, .wait = milliseconds(50)});
        streamer.fate.hold = true;
        const auto first = streamer.ask(framed("stream"));
        wait_for(streamer.fate.open, 1);
        const auto second = streamer.ask(framed("stream"));
        BOOST_TEST(read_message(*second) == "-");
        BOOST_TEST(streamer.streams.counters().refused.value() == 1U);
        // Places that come by a change of the settings are given to who waits.
        streamer.streams.set_limits({.total_max = 5, .per_client_max = 1, .wait = seconds(20)});
        BOOST_REQUIRE(second->write(framed("stream")));
        BOOST_REQUIRE(second->flush(Deadline::after(seconds(5))));
        BOOST_REQUIRE(base::sleep_until(Deadline::after(milliseconds(20))));
        BOOST_TEST(streamer.fate.open == 1);
        streamer.streams.set_limits({.total_max = 5, .per_client_max = 2, .wait = seconds(20)});
        wait_for(streamer.fate.open, 2);
        streamer.fate.go();
        BOOST_TEST(read_message(*second) == "0");
        BOOST_TEST(read_message(*first) == "0");
        wait_for(streamer.fate.ended, 3);
        BOOST_TEST(streamer.streams.counters().sent.value() == 2U);
    });
}

BOOST_AUTO_TEST_CASE(the_loop_goes_on_while_a_long_answer_is_worked_out) {
    test_support::run_in_fiber([](base::Loop& loop) {
        Streamer streamer(loop, 1, false);
        streamer.fate.hold = true;
        const auto stream = streamer.ask(framed("stream") + framed("abc"));
        BOOST_TEST(read_message(*stream) == "abc");
        streamer.fate.go();
        BOOST_TEST(read_message(*stream) == "0");
    });
}

BOOST_AUTO_TEST_SUITE_END()
