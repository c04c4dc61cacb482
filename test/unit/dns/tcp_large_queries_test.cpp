// Queries of more than dns::kTcpQueryMax octets at a dns::TcpServer: whose are taken, and what
// room they have.

#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "base/fiber.h"
#include "base/hash.h"
#include "dns/limits.h"
#include "dns/tcp_server.h"
#include "test/support/loop_runner.h"
#include "test/unit/dns/tcp_clients.h"

namespace {

using base::Deadline;
using dns_test::connect;
using dns_test::connect_from;
using dns_test::echo;
using dns_test::echo_of;
using dns_test::flushed;
using dns_test::framed;
using dns_test::read_message;

// Long queries are let in by their third octet; they begin with "abL".
dns::TcpServer::Options with_large() {
    auto made = dns_test::tcp_options();
    made.large = [](std::span<const std::byte> header) {
        BOOST_TEST(header.size() == dns::kHeaderSize);
        return header[2] == std::byte{'L'};
    };
    return made;
}

std::string large(std::size_t size, char fill = 'x') {
    return "abL" + std::string(size - 3, fill);
}

// Most of a long query from each of 60 connections of four clients: no other has room beside them.
std::vector<std::unique_ptr<base::SocketStream>> fill_room(base::Loop& loop,
                                                           const dns::TcpServer& server) {
    std::vector<std::unique_ptr<base::SocketStream>> slow;
    for (int i = 0; i < 60; ++i) {
        slow.push_back(connect_from(loop, server, "127.0.1." + std::to_string(i / 15 + 1)));
        BOOST_REQUIRE(flushed(*slow.back(), framed(large(65535)).substr(0, 65000)));
    }
    return slow;
}

// Until the server has done what came; it counts each query that it answers.
bool is_at(const dns::Counter& counter, std::uint64_t value) {
    const auto deadline = Deadline::after(std::chrono::seconds(10));
    while (counter.value() < value && !deadline.passed()) {
        (void)base::fiber_yield();
    }
    return counter.value() == value;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(dns_tcp_large_queries)

BOOST_AUTO_TEST_CASE(takes_long_queries_that_it_is_told_to_take) {
    test_support::run_in_fiber([](base::Loop& loop) {
        std::vector<std::string> seen;
        const auto keep = [&seen](auto packet, auto&, auto out) {
            seen.emplace_back(base::as_text(packet));
            return echo(packet, out, 3);
        };
        const auto server = dns::TcpServer::create(loop, with_large(), keep).take_value();
        const auto stream = connect(loop, *server);
        // Pipelined between small ones, and behind each other.
        const std::vector<std::string> queries = {
            "abc", large(4097, '1'), "def", large(65535, '2'), large(60000, '3'), "ghi"};
        std::string all;
        for (const std::string& query : queries) {
            all += framed(query);
        }
        BOOST_REQUIRE(flushed(*stream, all));
        for (const std::string& query : queries) {
            BOOST_TEST(read_message(*stream) == query.substr(0, 3));
        }
        BOOST_TEST((seen == queries));
        // In pieces that end anywhere.
        seen.clear();
        const std::string whole = framed(large(9000));
        for (std::size_t at = 0; at < whole.size(); at += at < 20 ? 1 : 1111) {
            BOOST_REQUIRE(flushed(*stream, whole.substr(at, at < 20 ? 1 : 1111)));
            BOOST_REQUIRE(base::fiber_yield());
        }
        BOOST_TEST(read_message(*stream) == "abL");
        BOOST_TEST((seen == std::vector<std::string>{large(9000)}));
        BOOST_TEST(server->counters().refused_large.value() == 0U);
    });
}

BOOST_AUTO_TEST_CASE(a_long_query_that_is_whole_is_answered_at_once) {
    test_support::run_in_fiber([](base::Loop& loop) {
        auto wanted = with_large();
        wanted.idle = std::chrono::hours(1);
        const auto server = dns::TcpServer::create(loop, wanted, echo_of(3)).take_value();
        for (const std::size_t size : {4097U, 5000U, 8000U}) {
            const auto stream = connect(loop, *server);
            BOOST_REQUIRE(flushed(*stream, framed("abc") + framed(large(size))));
            BOOST_TEST(read_message(*stream) == "abc");
            BOOST_TEST(read_message(*stream) == "abL");
        }
    });
}

BOOST_AUTO_TEST_CASE(other_long_queries_end_the_connection_behind_what_was_answered) {
    test_support::run_in_fiber([](base::Loop& loop) {
        const auto server = dns::TcpServer::create(loop, with_large(), echo_of(3)).take_value();
        const auto stream = connect(loop, *server);
        BOOST_REQUIRE(flushed(*stream, framed("abc") + framed("abQ" + std::string(4094, 'x'))));
        BOOST_TEST(read_message(*stream) == "abc");
        BOOST_TEST(read_message(*stream).empty());
        // Each is judged for itself.
        const auto mixed = connect(loop, *server);
        BOOST_REQUIRE(
            flushed(*mixed, framed(large(5000)) + framed("abQ" + std::string(5000, 'x'))));
        BOOST_TEST(read_message(*mixed) == "abL");
        BOOST_TEST(read_message(*mixed).empty());
        // By the header alone: the rest is not waited for.
        const auto other = connect(loop, *server);
        BOOST_REQUIRE(flushed(*other, framed("abQ" + std::string(4094, 'x')).substr(0, 14)));
        BOOST_TEST(read_message(*other).empty());
        BOOST_TEST(server->counters().timeouts.value() == 0U);
    });
}

BOOST_AUTO_TEST_CASE(announced_lengths_take_no_room) {
    test_support::run_in_fiber([](base::Loop& loop) {
        auto wanted = with_large();
        wanted.connections_max = 400;
        wanted.connections_per_client_max = 400;
        const auto server = dns::TcpServer::create(loop, wanted, echo_of(3)).take_value();
        std::vector<std::unique_ptr<base::SocketStream>> slow;
        for (int i = 0; i < 300; ++i) {
            slow.push_back(connect(loop, *server));
            BOOST_REQUIRE(flushed(*slow.back(), framed(large(65535)).substr(0, 4000)));
        }
        const auto stream = connect(loop, *server);
        BOOST_REQUIRE(flushed(*stream, framed(large(65535))));
        BOOST_TEST(read_message(*stream) == "abL");
        // All of these would be whole in time.
        BOOST_REQUIRE(flushed(*slow[0], framed(large(65535)).substr(4000)));
        BOOST_TEST(read_message(*slow[0]) == "abL");
        BOOST_TEST(server->counters().refused_large.value() == 0U);
    });
}

BOOST_AUTO_TEST_CASE(a_client_has_a_part_of_the_room) {
    test_support::run_in_fiber([](base::Loop& loop) {
        const auto server = dns::TcpServer::create(loop, with_large(), echo_of(3)).take_value();
        std::vector<std::unique_ptr<base::SocketStream>> slow;
        const std::string most = framed(large(65535)).substr(0, 65000);
        for (int i = 0; i < 16; ++i) {
            slow.push_back(connect_from(loop, *server, "127.0.0.2"));
            BOOST_REQUIRE(flushed(*slow.back(), most));
        }
        BOOST_TEST(is_at(server->counters().refused_large, 1));
        const auto other = connect_from(loop, *server, "127.0.0.3");
        BOOST_REQUIRE(flushed(*other, framed(large(65535))));
        BOOST_TEST(read_message(*other) == "abL");
        // What is answered gives its room back.
        BOOST_REQUIRE(flushed(*slow[0], framed(large(65535)).substr(65000)));
        BOOST_TEST(read_message(*slow[0]) == "abL");
        const auto next = connect_from(loop, *server, "127.0.0.2");
        BOOST_REQUIRE(flushed(*next, framed(large(65535))));
        BOOST_TEST(read_message(*next) == "abL");
        BOOST_TEST(server->counters().refused_large.value() == 1U);
    });
}

BOOST_AUTO_TEST_CASE(who_holds_room_longest_loses_it_to_who_comes) {
    test_support::run_in_fiber([](base::Loop& loop) {
        const auto server = dns::TcpServer::create(loop, with_large(), echo_of(3)).take_value();
        const auto slow = fill_room(loop, *server);
        BOOST_TEST(server->counters().refused_large.value() == 0U);
        for (std::uint64_t i = 0; i < 3; ++i) {
            const auto stream = connect_from(loop, *server, "127.0.2.1");
            BOOST_REQUIRE(flushed(*stream, framed(large(65535))));
            BOOST_TEST(read_message(*stream) == "abL");
        }
        BOOST_TEST(read_message(*slow[0]).empty());
        // One was enough: each of the three gave its room back.
        BOOST_TEST(server->counters().refused_large.value() == 1U);
        // Nothing of what it had sent is read as a query.
        BOOST_TEST(server->counters().queries.value() == 3U);
        BOOST_REQUIRE(flushed(*slow[1], framed(large(65535)).substr(65000)));
        BOOST_TEST(read_message(*slow[1]) == "abL");
    });
}

// Its fiber ends at the loop's next turn; what comes until then stands in the middle of a query.
BOOST_AUTO_TEST_CASE(who_has_lost_its_room_is_not_read_any_more) {
    test_support::run_in_fiber([](base::Loop& loop) {
        const auto server = dns::TcpServer::create(loop, with_large(), echo_of(3)).take_value();
        const auto slow = fill_room(loop, *server);
        const auto stream = connect_from(loop, *server, "127.0.2.1");
        BOOST_REQUIRE(flushed(*stream, framed(large(65535)).substr(0, 8000)));
        for (int turn = 0; turn < 100; ++turn) {
            (void)base::fiber_yield();
        }
        // Both are there at the loop's next turn, in this order.
        BOOST_REQUIRE(flushed(*stream, framed(large(65535)).substr(8000)));
        BOOST_REQUIRE(flushed(*slow[0], framed("abc")));
        BOOST_TEST(read_message(*stream) == "abL");
        BOOST_TEST(read_message(*slow[0]).empty());
        BOOST_TEST(server->counters().refused_large.value() == 1U);
        BOOST_TEST(server->counters().queries.value() == 1U);
    });
}

BOOST_AUTO_TEST_SUITE_END()
