#include "dns/tcp_server.h"

#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "base/fiber.h"
#include "base/hash.h"
#include "base/stream.h"
#include "test/support/loop_runner.h"
#include "test/unit/dns/tcp_clients.h"

namespace {

using base::Deadline;
using dns_test::connect;
using dns_test::echo_of;
using dns_test::framed;
using dns_test::read_message;
using dns_test::tcp_options;
using std::chrono::milliseconds;

}  // namespace

BOOST_AUTO_TEST_SUITE(dns_tcp_server)

BOOST_AUTO_TEST_CASE(answers_pipelined_queries_in_order) {
    test_support::run_in_fiber([](base::Loop& loop) {
        const auto server = dns::TcpServer::create(loop, tcp_options(), echo_of(3)).take_value();
        const auto stream = connect(loop, *server);
        BOOST_REQUIRE(stream->write(framed("abc") + framed("def") + framed("ghi")));
        for (const char* expected : {"abc", "def", "ghi"}) {
            BOOST_TEST(read_message(*stream) == expected);
        }
        BOOST_TEST(server->counters().queries.value() == 3U);
        stream->close();
    });
}

BOOST_AUTO_TEST_CASE(takes_a_query_in_pieces) {
    test_support::run_in_fiber([](base::Loop& loop) {
        const auto server = dns::TcpServer::create(loop, tcp_options(), echo_of(3)).take_value();
        const auto stream = connect(loop, *server);
        for (const char c : framed("abc")) {
            BOOST_REQUIRE(stream->write(std::string_view(&c, 1)));
            BOOST_REQUIRE(stream->flush(Deadline::after(milliseconds(500))));
            BOOST_REQUIRE(base::fiber_yield());
        }
        BOOST_TEST(read_message(*stream) == "abc");
    });
}

BOOST_AUTO_TEST_CASE(closes_on_what_is_no_query) {
    test_support::run_in_fiber([](base::Loop& loop) {
        const auto server = dns::TcpServer::create(loop, tcp_options(), echo_of(3)).take_value();
        for (const std::string& bytes : {framed(""), std::string("\xff\xff", 2)}) {
            const auto stream = connect(loop, *server);
            BOOST_REQUIRE(stream->write(bytes));
            BOOST_TEST(read_message(*stream).empty());
        }
    });
}

BOOST_AUTO_TEST_CASE(closes_an_idle_connection) {
    test_support::run_in_fiber([](base::Loop& loop) {
        auto wanted = tcp_options();
        wanted.idle = milliseconds(30);
        const auto server = dns::TcpServer::create(loop, wanted, echo_of(3)).take_value();
        const auto silent = connect(loop, *server);
        const auto half = connect(loop, *server);
        BOOST_REQUIRE(half->write(std::string_view("\0", 1)));
        BOOST_TEST(read_message(*half).empty());
        BOOST_TEST(read_message(*silent).empty());
        BOOST_TEST(server->counters().timeouts.value() == 2U);
    });
}

BOOST_AUTO_TEST_CASE(closes_a_client_that_does_not_read) {
    test_support::run_in_fiber([](base::Loop& loop) {
        auto wanted = tcp_options();
        wanted.slow = milliseconds(50);
        wanted.idle = milliseconds(50);
        const auto server = dns::TcpServer::create(loop, wanted, echo_of(60000)).take_value();
        const auto stream = connect(loop, *server);
        // Answers of 60 MB in all, never read: more than any socket buffer takes.
        std::string queries;
        for (int i = 0; i < 1000; ++i) {
            queries += framed("abc");
        }
        const auto written = stream->write(queries);
        const auto flushed = stream->flush(Deadline::after(std::chrono::seconds(5)));
        const auto deadline = Deadline::after(std::chrono::seconds(20));
        while (server->counters().timeouts.value() == 0 && !deadline.passed()) {
            BOOST_REQUIRE(base::sleep_until(Deadline::after(milliseconds(5))));
        }
        (void)written;  // the server may have closed before all was sent
        (void)flushed;
        BOOST_TEST(server->counters().timeouts.value() == 1U);
        BOOST_TEST(server->counters().queries.value() < 1000U);
    });
}

BOOST_AUTO_TEST_CASE(who_reads_an_octet_now_and_then_is_slow_too) {
    test_support::run_in_fiber([](base::Loop& loop) {
        auto wanted = tcp_options();
        wanted.slow = milliseconds(100);
        const auto server = dns::TcpServer::create(loop, wanted, echo_of(60000)).take_value();
        const auto stream = connect(loop, *server);
        std::string queries;
        for (int i = 0; i < 300; ++i) {
            queries += framed("abc");
        }
        (void)stream->write(queries);
        (void)stream->flush(Deadline::after(std::chrono::seconds(5)));
        const auto deadline = Deadline::after(std::chrono::seconds(20));
        while (server->counters().timeouts.value() == 0 && !deadline.passed()) {
            if (stream->fill(Deadline::after(milliseconds(5)))) {
                stream->consume(1);
            }
            (void)base::sleep_until(Deadline::after(milliseconds(5)));
        }
        BOOST_TEST(server->counters().timeouts.value() == 1U);
        BOOST_TEST(server->counters().queries.value() < 300U);
    });
}

BOOST_AUTO_TEST_CASE(answers_what_is_at_hand_before_what_takes_long) {
    test_support::run_in_fiber([](base::Loop& loop) {
        std::vector<dns::TcpReply> taken;
        auto wanted = tcp_options();
        wanted.take = [&taken](auto packet, auto&, auto& connection) {
            if (base::as_text(packet) != "slow") {
                return false;
            }
            taken.emplace_back(connection);
            return true;
        };
        const auto server = dns::TcpServer::create(loop, wanted, echo_of(3)).take_value();
        const auto stream = connect(loop, *server);
        // Half a query behind it: what is in the making must not wait for the rest.
        BOOST_REQUIRE(stream->write(framed("slow") + framed("abc") + std::string("\0", 1)));
        BOOST_TEST(read_message(*stream) == "abc");
        BOOST_REQUIRE(taken.size() == 1U);
        BOOST_REQUIRE(taken[0].send(base::as_bytes("first"), Deadline::after(milliseconds(1))));
        BOOST_REQUIRE(taken[0].send(base::as_bytes("second"), Deadline::after(milliseconds(1))));
        BOOST_TEST(read_message(*stream) == "first");
        BOOST_TEST(read_message(*stream) == "second");
        taken.clear();
        BOOST_REQUIRE(stream->write(std::string("\3def", 4)));
        BOOST_TEST(read_message(*stream) == "def");
        BOOST_TEST(server->counters().queries.value() == 3U);
    });
}

BOOST_AUTO_TEST_CASE(reads_no_more_while_too_much_is_in_the_making) {
    test_support::run_in_fiber([](base::Loop& loop) {
        std::vector<dns::TcpReply> taken;
        auto wanted = tcp_options();
        wanted.taken_max = 2;
        wanted.take = [&taken](auto, auto&, auto& connection) {
            taken.emplace_back(connection);
            return true;
        };
        const auto server = dns::TcpServer::create(loop, wanted, echo_of(3)).take_value();
        const auto stream = connect(loop, *server);
        base::StreamLimits large;
        large.output_high_water = 40'000'000;
        stream->set_limits(large);
        BOOST_REQUIRE(stream->write(framed("a") + framed("b") + framed("c")));
        BOOST_REQUIRE(stream->flush(Deadline::after(milliseconds(500))));
        const auto deadline = Deadline::after(std::chrono::seconds(10));
        while (taken.size() < 2 && !deadline.passed()) {
            BOOST_REQUIRE(base::fiber_yield());
        }
        BOOST_REQUIRE(base::sleep_until(Deadline::after(milliseconds(20))));
        BOOST_TEST(taken.size() == 2U);
        // What comes meanwhile stays with the kernel and the client.
        (void)stream->write(std::string(30'000'000, '\0'));
        BOOST_TEST(!stream->flush(Deadline::after(milliseconds(500))));
        taken.pop_back();
        while (taken.size() < 2 && !deadline.passed()) {
            BOOST_REQUIRE(base::fiber_yield());
        }
        BOOST_TEST(taken.size() == 2U);
        taken.clear();
    });
}

BOOST_AUTO_TEST_CASE(a_client_that_has_said_all_still_gets_its_answer) {
    test_support::run_in_fiber([](base::Loop& loop) {
        std::vector<dns::TcpReply> taken;
        auto wanted = tcp_options();
        wanted.take = [&taken](auto, auto&, auto& connection) {
            taken.emplace_back(connection);
            return true;
        };
        const auto server = dns::TcpServer::create(loop, wanted, echo_of(3)).take_value();
        const auto stream = connect(loop, *server);
        BOOST_REQUIRE(stream->write(framed("abc")));
        BOOST_REQUIRE(stream->flush(Deadline::after(milliseconds(500))));
        BOOST_REQUIRE(stream->shutdown_write());
        const auto deadline = Deadline::after(std::chrono::seconds(10));
        while (taken.empty() && !deadline.passed()) {
            BOOST_REQUIRE(base::fiber_yield());
        }
        BOOST_REQUIRE(base::sleep_until(Deadline::after(milliseconds(20))));
        BOOST_REQUIRE(taken[0].send(base::as_bytes("late"), deadline));
        taken.clear();
        BOOST_TEST(read_message(*stream) == "late");
        BOOST_TEST(read_message(*stream).empty());
    });
}

BOOST_AUTO_TEST_CASE(who_makes_an_answer_waits_for_the_reader_and_hears_of_its_end) {
    test_support::run_in_fiber([](base::Loop& loop) {
        std::vector<dns::TcpReply> taken;
        auto wanted = tcp_options();
        wanted.slow = milliseconds(100);
        wanted.take = [&taken](auto, auto&, auto& connection) {
            taken.emplace_back(connection);
            return true;
        };
        const auto server = dns::TcpServer::create(loop, wanted, echo_of(3)).take_value();
        const auto stream = connect(loop, *server);
        BOOST_REQUIRE(stream->write(framed("abc")));
        BOOST_REQUIRE(stream->flush(Deadline::after(milliseconds(500))));
        const auto deadline = Deadline::after(std::chrono::seconds(20));
        while (taken.empty() && !deadline.passed()) {
            BOOST_REQUIRE(base::fiber_yield());
        }
        // A transfer of 65 MB that nobody reads.
        const std::string piece(65000, 'x');
        base::Status sent = base::Done{};
        int pieces = 0;
        while (sent && pieces < 1000) {
            sent = taken[0].send(base::as_bytes(piece), deadline);
            ++pieces;
        }
        BOOST_REQUIRE(!sent);
        BOOST_TEST((sent.error().code == base::Errc::Closed));
        BOOST_TEST(server->counters().timeouts.value() == 1U);
    });
}

BOOST_AUTO_TEST_CASE(at_the_cap_the_longest_idle_makes_room) {
    test_support::run_in_fiber([](base::Loop& loop) {
        auto wanted = tcp_options();
        wanted.connections_max = 3;
        const auto server = dns::TcpServer::create(loop, wanted, echo_of(3)).take_value();
        std::vector<std::unique_ptr<base::SocketStream>> streams;
        const auto ask = [](base::Stream& stream) {
            return stream.write(framed("abc")) && read_message(stream) == "abc";
        };
        for (int i = 0; i < 3; ++i) {
            streams.push_back(connect(loop, *server));
            BOOST_TEST(ask(*streams.back()));
        }
        BOOST_TEST(ask(*streams[0]));
        // Half a query is no activity.
        BOOST_REQUIRE(streams[1]->write(std::string_view("\0\3a", 3)));
        BOOST_REQUIRE(streams[1]->flush(Deadline::after(milliseconds(500))));
        BOOST_TEST(ask(*streams[2]));
        streams.push_back(connect(loop, *server));
        BOOST_TEST(ask(*streams[3]));
        BOOST_TEST(read_message(*streams[1]).empty());
        BOOST_TEST(ask(*streams[0]));
        BOOST_TEST(ask(*streams[2]));
        BOOST_TEST(server->counters().replaced.value() == 1U);
        BOOST_TEST(server->counters().refused_total.value() == 0U);
        BOOST_TEST(server->counters().timeouts.value() == 0U);
    });
}

BOOST_AUTO_TEST_CASE(other_limits_are_for_connections_that_come) {
    test_support::run_in_fiber([](base::Loop& loop) {
        const auto server = dns::TcpServer::create(loop, tcp_options(), echo_of(3)).take_value();
        const auto ask = [](base::Stream& stream) {
            return stream.write(framed("abc")) && read_message(stream) == "abc";
        };
        const auto first = connect(loop, *server);
        const auto second = connect(loop, *server);
        BOOST_TEST(ask(*first));
        BOOST_TEST(ask(*second));
        auto fewer = tcp_options();
        fewer.connections_per_client_max = 1;
        server->set_limits(fewer);
        BOOST_TEST(ask(*first));
        BOOST_TEST(ask(*second));
        const auto third = connect(loop, *server);
        BOOST_TEST(!ask(*third));
        BOOST_TEST(server->counters().refused_client.value() == 1U);
    });
}

BOOST_AUTO_TEST_CASE(a_client_of_ipv6_is_its_network) {
    const auto text_of = [](std::string_view address) {
        return dns::tcp_client(base::IpAddress::parse(address).take_value()).to_text();
    };
    BOOST_TEST(text_of("192.0.2.1") == "192.0.2.1");
    BOOST_TEST(text_of("2001:db8:1:2:3:4:5:6") == "2001:db8:1:2::");
    BOOST_TEST(text_of("::1") == "::");
}

BOOST_AUTO_TEST_CASE(bounds_connections_in_all_and_per_client) {
    test_support::run_in_fiber([](base::Loop& loop) {
        // Each owes an answer once it was asked "keep", and so is not idle.
        std::vector<dns::TcpReply> taken;
        auto wanted = tcp_options();
        wanted.connections_max = 5;
        wanted.connections_per_client_max = 3;
        wanted.take = [&taken](auto packet, auto&, auto& connection) {
            if (base::as_text(packet) == "keep") {
                taken.emplace_back(connection);
            }
            return base::as_text(packet) == "keep";
        };
        const auto server = dns::TcpServer::create(loop, wanted, echo_of(3)).take_value();
        std::vector<std::unique_ptr<base::SocketStream>> streams;
        const auto source = base::IpAddress::parse("127.0.0.2").take_value();
        const auto ask = [&](bool other) {
            auto stream = base::SocketStream::connect(loop,
                                                      server->bound()[0],
                                                      Deadline::after(std::chrono::seconds(5)),
                                                      {},
                                                      other ? &source : nullptr)
                              .take_value();
            const bool sent = bool(stream->write(framed("keep") + framed("abc")));
            const bool answered = sent && read_message(*stream) == "abc";
            streams.push_back(std::move(stream));
            return answered;
        };
        for (int i = 0; i < 3; ++i) {
            BOOST_TEST(ask(false));
        }
        BOOST_TEST(!ask(false));
        BOOST_TEST(ask(true));
        BOOST_TEST(ask(true));
        BOOST_TEST(!ask(true));
        BOOST_TEST(server->counters().refused_client.value() == 1U);
        BOOST_TEST(server->counters().refused_total.value() == 1U);
        // A place that is given up is free again.
        taken.clear();
        streams.clear();
        const auto deadline = Deadline::after(std::chrono::seconds(10));
        bool again = false;
        while (!again && !deadline.passed()) {
            again = ask(false);
        }
        BOOST_TEST(again);
        taken.clear();
    });
}

BOOST_AUTO_TEST_SUITE_END()
