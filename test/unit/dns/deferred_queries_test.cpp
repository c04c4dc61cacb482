#include "dns/deferred_queries.h"

#include <algorithm>
#include <deque>
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "base/fiber.h"
#include "dns/udp_server.h"
#include "test/support/loop_runner.h"
#include "test/unit/dns/udp_client.h"
#include "test/unit/dns/update/signed_update.h"
#include "test/unit/dns/world.h"

using dns::DeferReason;
using dns::RrType;
using dns_test::QueryBuilder;
using dns_test::signed_update;

namespace {

struct Taken {
    std::vector<std::byte> packet;
    base::Endpoint peer;
    dns::DeferredReply reply;
};

// A server of which the loop takes updates, and keeps them until a test answers.
struct Server {
    explicit Server(base::Loop& loop, const char* endpoint = "127.0.0.1:0", std::size_t slots = 8) {
        holder.publish(dns_test::snapshot_with_key());
        deferred = dns::DeferredQueries::create(loop, slots).take_value();
        deferred->set_handler(
            DeferReason::Update, [this](auto packet, const auto& peer, auto reply) {
                taken.push_back({{packet.begin(), packet.end()}, peer, std::move(reply)});
                arrived.notify();
            });
        dns::UdpServer::Options options;
        options.endpoints = {base::Endpoint::parse(endpoint).take_value()};
        options.deferred = deferred.get();
        server = dns::UdpServer::create(holder, std::move(options)).take_value();
    }

    // The oldest that was not asked for yet.
    Taken take() {
        const base::Deadline deadline = base::Deadline::after(std::chrono::seconds(10));
        while (taken.empty() && !deadline.passed()) {
            (void)arrived.wait(deadline);  // the deadline is seen above
        }
        BOOST_REQUIRE(!taken.empty());
        Taken first = std::move(taken.front());
        taken.pop_front();
        return first;
    }

    dns::SnapshotHolder holder;
    std::unique_ptr<dns::DeferredQueries> deferred;
    std::deque<Taken> taken;
    base::FiberEvent arrived;
    std::unique_ptr<dns::UdpServer> server;
};

std::vector<std::byte> octets(std::string_view text) {
    const auto bytes = std::as_bytes(std::span(text));
    return {bytes.begin(), bytes.end()};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(dns_deferred_queries)

BOOST_AUTO_TEST_CASE(hands_a_query_to_the_loop_which_answers_later) {
    test_support::run_in_fiber([](base::Loop& loop) {
        Server server(loop);
        dns_test::UdpClient client(server.server->bound()[0]);
        const std::vector<std::byte> packet = signed_update();
        client.send(packet);
        Taken taken = server.take();
        BOOST_TEST((taken.packet == packet));
        BOOST_TEST(taken.peer.address().to_text() == "127.0.0.1");
        BOOST_TEST(!client.receive(20).has_value());
        // Others are answered meanwhile.
        client.send(QueryBuilder().question("www.example.test", RrType::A).bytes());
        BOOST_TEST(dns_test::read_packet(client.receive().value()).answer.size() == 1U);
        BOOST_TEST(taken.reply.send(octets("twelve octets")));
        BOOST_TEST((client.receive().value() == octets("twelve octets")));
        BOOST_TEST(!taken.reply.send(octets("again")));
        BOOST_TEST(server.server->counters()[0]->deferred.value() == 1U);
    });
}

BOOST_AUTO_TEST_CASE(answers_from_the_address_that_was_asked) {
    test_support::run_in_fiber([](base::Loop& loop) {
        Server server(loop, "0.0.0.0:0");
        // A connected socket takes nothing from another address.
        dns_test::UdpClient client(base::Endpoint(base::IpAddress::parse("127.9.8.7").take_value(),
                                                  server.server->bound()[0].port()));
        client.send(signed_update());
        BOOST_TEST(server.take().reply.send(octets("from there")));
        BOOST_TEST((client.receive().value() == octets("from there")));
    });
}

BOOST_AUTO_TEST_CASE(says_at_once_that_the_ring_is_full_and_goes_on_when_it_is_not) {
    test_support::run_in_fiber([](base::Loop& loop) {
        Server server(loop, "127.0.0.1:0", 4);
        dns_test::UdpClient client(server.server->bound()[0]);
        // The loop is this thread, and takes nothing while it is here.
        for (int i = 0; i < 5; ++i) {
            client.send(signed_update());
        }
        const auto full = client.receive().value();
        BOOST_TEST(dns_test::read_packet(full).rcode == 2U);
        for (int i = 0; i < 4; ++i) {
            (void)server.take();
        }
        client.send(signed_update());
        BOOST_TEST(server.take().reply.send(octets("room again")));
        BOOST_TEST((client.receive().value() == octets("room again")));
    });
}

BOOST_AUTO_TEST_CASE(not_ready_is_servfail_with_extended_error_14) {
    const auto query = QueryBuilder().question("www.example.test", RrType::A).opt();
    std::vector<std::byte> out(dns::kUdpResponseMax);
    out.resize(dns::answer_not_ready(query.bytes(), out));
    BOOST_TEST(dns_test::read_packet(out).rcode == 2U);
    // Option 15 of two octets (RFC 8914 2).
    const auto error = octets(std::string_view("\0\x0f\0\x02\0\x0e", 6));
    BOOST_TEST((std::ranges::search(out, error).begin() != out.end()));
    BOOST_TEST(dns::answer_not_ready(QueryBuilder().flags(0x8000).bytes(), out) == 0U);
}

BOOST_AUTO_TEST_CASE(loses_none_that_come_while_the_loop_takes_others) {
    test_support::run_in_fiber([](base::Loop& loop) {
        Server server(loop, "127.0.0.1:0", 2);
        dns_test::UdpClient client(server.server->bound()[0]);
        for (int i = 0; i < 2000; ++i) {
            client.send(signed_update());
            (void)server.take();  // a wake-up that is lost would end in its deadline
        }
    });
}

BOOST_AUTO_TEST_CASE(defers_nothing_that_nobody_takes) {
    test_support::run_in_fiber([](base::Loop& loop) {
        const auto holder = std::make_unique<dns::SnapshotHolder>();
        holder->publish(dns_test::snapshot_with_key());
        const auto deferred = dns::DeferredQueries::create(loop).take_value();
        dns::UdpServer::Options options;
        options.endpoints = {base::Endpoint::parse("127.0.0.1:0").take_value()};
        options.deferred = deferred.get();
        const auto server = dns::UdpServer::create(*holder, std::move(options)).take_value();
        dns_test::UdpClient client(server->bound()[0]);
        client.send(signed_update());
        BOOST_TEST(dns_test::read_packet(client.receive().value()).rcode == 2U);
    });
}

BOOST_AUTO_TEST_CASE(a_reply_that_outlives_its_server_sends_nothing) {
    test_support::run_in_fiber([](base::Loop& loop) {
        Server server(loop);
        dns_test::UdpClient client(server.server->bound()[0]);
        client.send(signed_update());
        Taken taken = server.take();
        server.server.reset();
        server.deferred.reset();
        // Sockets that take the numbers of those that were closed.
        std::vector<dns::UdpSocket> others;
        for (int i = 0; i < 8; ++i) {
            others.push_back(dns::bind_udp(base::Endpoint::parse("127.0.0.1:0").take_value(),
                                           base::PortUse::Exclusive)
                                 .take_value());
        }
        BOOST_TEST(!taken.reply.send(octets("too late")));
    });
}

BOOST_AUTO_TEST_SUITE_END()
