#include "dns/udp_server.h"

#include <thread>

#include <boost/test/unit_test.hpp>

#include "base/clock.h"
#include "dns/udp_socket.h"
#include "test/unit/dns/udp_client.h"
#include "test/unit/dns/world.h"

using dns::RrType;
using dns_test::QueryBuilder;

namespace {

base::Endpoint local(const char* text) {
    return base::Endpoint::parse(text).take_value();
}

struct Server {
    explicit Server(std::vector<base::Endpoint> endpoints, unsigned threads = 2) {
        holder.publish(
            dns_test::snapshot({dns_test::zone_source("example.test", {"www A 192.0.2.1"})}));
        server = dns::UdpServer::create(holder, {std::move(endpoints), threads}).take_value();
    }

    dns_test::PacketText ask(const base::Endpoint& endpoint, const QueryBuilder& query) {
        dns_test::UdpClient client(endpoint);
        client.send(query.bytes());
        const auto reply = client.receive();
        return reply ? dns_test::read_packet(*reply) : dns_test::PacketText{};
    }

    dns::SnapshotHolder holder;
    std::unique_ptr<dns::UdpServer> server;
};

std::uint64_t total(const std::vector<const dns::UdpCounters*>& counters,
                    dns::Counter dns::UdpCounters::*which) {
    std::uint64_t sum = 0;
    for (const auto* one : counters) {
        sum += (one->*which).value();
    }
    return sum;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(dns_udp_server)

BOOST_AUTO_TEST_CASE(answers_on_every_endpoint_from_every_thread) {
    Server server({local("127.0.0.1:0"), local("[::1]:0")});
    for (int i = 0; i < 50; ++i) {
        for (const base::Endpoint& endpoint : server.server->bound()) {
            const auto packet =
                server.ask(endpoint, QueryBuilder().question("www.example.test", RrType::A));
            BOOST_REQUIRE(packet.answer.size() == 1U);
        }
    }
    // Counted after the answer has left, so perhaps after it was received here.
    const base::Deadline deadline = base::Deadline::after(std::chrono::seconds(10));
    while (total(server.server->counters(), &dns::UdpCounters::sent) < 100U && !deadline.passed()) {
        std::this_thread::yield();
    }
    BOOST_TEST(total(server.server->counters(), &dns::UdpCounters::sent) == 100U);
}

BOOST_AUTO_TEST_CASE(answers_bursts) {
    Server server({local("127.0.0.1:0")}, 1);
    dns_test::UdpClient client(server.server->bound()[0]);
    const auto query = QueryBuilder().question("www.example.test", RrType::A);
    for (int i = 0; i < 100; ++i) {
        client.send(query.bytes());
    }
    for (int i = 0; i < 100; ++i) {
        BOOST_REQUIRE(client.receive().has_value());
    }
}

BOOST_AUTO_TEST_CASE(does_not_answer_responses_and_scraps) {
    Server server({local("127.0.0.1:0")});
    dns_test::UdpClient client(server.server->bound()[0]);
    client.send(QueryBuilder().question("www.example.test", RrType::A).flags(0x8000).bytes());
    client.send(std::vector<std::byte>(5));
    client.send(QueryBuilder().question("www.example.test", RrType::A).bytes());
    BOOST_TEST(client.receive().has_value());
    BOOST_TEST(!client.receive(50).has_value());
}

BOOST_AUTO_TEST_CASE(cuts_no_long_query_into_a_good_one) {
    Server server({local("127.0.0.1:0")});
    dns_test::UdpClient client(server.server->bound()[0]);
    const auto query =
        QueryBuilder().question("www.example.test", RrType::A).raw(std::string(4000, 'x'));
    client.send(query.bytes());
    BOOST_TEST(dns_test::read_packet(client.receive().value()).rcode == 1U);
}

BOOST_AUTO_TEST_CASE(answers_from_the_address_that_was_asked) {
    Server server({local("0.0.0.0:0")});
    const base::Endpoint asked(base::IpAddress::parse("127.9.8.7").take_value(),
                               server.server->bound()[0].port());
    // A connected socket takes nothing from another address.
    BOOST_TEST(
        server.ask(asked, QueryBuilder().question("www.example.test", RrType::A)).answer.size() ==
        1U);
}

BOOST_AUTO_TEST_CASE(answers_from_a_new_snapshot_once_it_is_published) {
    Server server({local("127.0.0.1:0")});
    const auto query = QueryBuilder().question("new.example.test", RrType::A);
    BOOST_TEST(server.ask(server.server->bound()[0], query).rcode == 3U);
    server.holder.publish(
        dns_test::snapshot({dns_test::zone_source("example.test", {"new A 192.0.2.2"})}));
    BOOST_TEST(server.ask(server.server->bound()[0], query).rcode == 0U);
}

BOOST_AUTO_TEST_CASE(takes_other_settings_between_two_batches_and_loses_no_query) {
    Server server({local("127.0.0.1:0")});
    const auto query = QueryBuilder()
                           .question("www.example.test", RrType::A)
                           .opt(1232, 0, std::string_view("\0\3\0\0", 4));
    for (int turn = 0; turn < 20; ++turn) {
        dns::AnswerPolicy policy;
        policy.nsid = "turn" + std::to_string(turn);
        server.server->set_answers(policy);
        dns_test::UdpClient client(server.server->bound()[0]);
        for (int i = 0; i < 50; ++i) {
            client.send(query.bytes());
        }
        for (int i = 0; i < 50; ++i) {
            const auto reply = client.receive();
            BOOST_REQUIRE(reply);
            const std::string_view text(reinterpret_cast<const char*>(reply->data()),
                                        reply->size());
            BOOST_REQUIRE(text.ends_with(policy.nsid));
        }
    }
}

BOOST_AUTO_TEST_CASE(says_that_an_address_is_taken) {
    const auto holder = std::make_unique<dns::SnapshotHolder>();
    const auto socket = dns::bind_udp(local("127.0.0.1:0"), base::PortUse::Exclusive);
    BOOST_REQUIRE(socket);
    const auto server = dns::UdpServer::create(*holder, {{socket.value().bound}, 1});
    BOOST_REQUIRE(!server);
    BOOST_TEST((server.error().code == base::Errc::Exists));
}

BOOST_AUTO_TEST_CASE(knows_the_family_of_a_client) {
    sockaddr_storage storage{};
    (void)local("192.0.2.7:53").to_sockaddr(storage);
    const dns::Client v4 = dns::udp_client(storage);
    BOOST_TEST((v4.family == dns::Family::V4));
    BOOST_TEST((v4.address[0] == std::byte{192} && v4.address[3] == std::byte{7}));
    (void)local("[2001:db8::7]:53").to_sockaddr(storage);
    const dns::Client v6 = dns::udp_client(storage);
    BOOST_TEST((v6.family == dns::Family::V6));
    BOOST_TEST((v6.address[0] == std::byte{0x20} && v6.address[15] == std::byte{7}));
}

BOOST_AUTO_TEST_SUITE_END()
