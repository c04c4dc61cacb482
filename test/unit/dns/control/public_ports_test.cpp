#include "dns/control/public_ports.h"

#include <algorithm>
#include <span>
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "base/fiber.h"
#include "base/hash.h"
#include "base/stream.h"
#include "test/support/loop_runner.h"
#include "test/unit/dns/query_builder.h"
#include "test/unit/dns/udp_client.h"
#include "test/unit/dns/world.h"

using dns::PublicPorts;
using dns_test::QueryBuilder;

namespace {

base::Endpoint endpoint(const std::string& text) {
    return base::Endpoint::parse(text).take_value();
}

base::Endpoint at(const char* address, const base::Endpoint& other) {
    return {base::IpAddress::parse(address).take_value(), other.port()};
}

// A port that was free a moment ago, for both.
base::Endpoint free_port(base::Loop& loop, const char* address = "127.0.0.1") {
    return base::Listener::create(loop,
                                  endpoint(std::string(address) + ":0"),
                                  1,
                                  [](base::Fd, const base::Endpoint&) {})
        .take_value()
        ->bound();
}

struct World {
    explicit World(base::Loop& the_loop, const std::vector<base::Endpoint>& wanted)
        : loop(the_loop) {
        holder.publish(
            dns_test::snapshot({dns_test::zone_source("example.test", {"www A 192.0.2.1"})}));
        PublicPorts::Options options;
        options.udp.threads = 2;
        ports = PublicPorts::create(loop, holder, std::move(options), echo, wanted).take_value();
    }

    static std::size_t echo(std::span<const std::byte> packet,
                            const base::Endpoint& /*peer*/,
                            std::span<std::byte> out) {
        std::ranges::copy(packet, out.begin());
        return packet.size();
    }

    static bool answers_udp(const base::Endpoint& server) {
        dns_test::UdpClient client(server);
        client.send(QueryBuilder().question("www.example.test", dns::RrType::A).bytes());
        return client.receive(2000).has_value();
    }

    [[nodiscard]] std::unique_ptr<base::SocketStream> connect(const base::Endpoint& server) const {
        auto stream = base::SocketStream::connect(
            loop, server, base::Deadline::after(std::chrono::seconds(5)));
        return stream ? std::move(stream).take_value() : nullptr;
    }

    static bool answers_tcp(base::Stream& stream) {
        const std::string query("\0\3abc", 5);
        return stream.write(query) && stream.fill(base::Deadline::after(std::chrono::seconds(5))) &&
               (stream.consume(stream.buffered().size()), true);
    }

    [[nodiscard]] bool answers(const base::Endpoint& server) const {
        const auto stream = connect(server);
        return stream != nullptr && answers_tcp(*stream) && answers_udp(server);
    }

    [[nodiscard]] bool is_closed(const base::Endpoint& server) const {
        return connect(server) == nullptr && !answers_udp(server);
    }

    // With those of ports that are open and not in force.
    [[nodiscard]] bool has_counted(const PublicPorts::Change& change, std::uint64_t wanted) const {
        std::uint64_t sum = queries();
        for (const PublicPorts::Port& port : change.opened) {
            sum += positive(port.udp->answer_counters());
        }
        return sum == wanted;
    }

    [[nodiscard]] std::uint64_t queries() const { return positive(ports->answer_counters()); }

    static std::uint64_t positive(const std::vector<const dns::AnswerCounters*>& all) {
        std::uint64_t sum = 0;
        for (const dns::AnswerCounters* counters : all) {
            sum += counters->answers[static_cast<std::size_t>(dns::AnswerKind::Positive)].value();
        }
        return sum;
    }

    base::Loop& loop;
    dns::SnapshotHolder holder;
    std::unique_ptr<PublicPorts> ports;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(dns_public_ports)

BOOST_AUTO_TEST_CASE(a_new_address_answers_before_the_old_one_is_closed) {
    test_support::run_in_fiber([](base::Loop& loop) {
        World world(loop, {endpoint("127.0.0.1:0"), endpoint("[::1]:0")});
        const auto before = world.ports->bound();
        const auto old_connection = world.connect(before[0]);
        BOOST_REQUIRE(World::answers_tcp(*old_connection));
        const base::Endpoint other = free_port(loop);

        auto change = world.ports->open({other, endpoint("[::1]:0")}).take_value();
        BOOST_TEST(
            (world.ports->bound_after(change) == std::vector<base::Endpoint>{other, before[1]}));
        BOOST_TEST((world.ports->bound() == before));
        for (const base::Endpoint& one : {before[0], before[1], other}) {
            BOOST_TEST(world.answers(one), one.to_text());
        }
        // Counted after the answer has left.
        const auto deadline = base::Deadline::after(std::chrono::seconds(10));
        while (!world.has_counted(change, 3) && !deadline.passed()) {
            BOOST_REQUIRE(base::fiber_yield());
        }
        world.ports->take(std::move(change));
        BOOST_TEST(world.queries() == 3U, "what was counted at the old one stays counted");

        BOOST_TEST((world.ports->bound() == std::vector<base::Endpoint>{other, before[1]}));
        BOOST_TEST(world.is_closed(before[0]));
        BOOST_TEST(world.answers(before[1]));
        BOOST_TEST(world.answers(other));
        BOOST_TEST(World::answers_tcp(*old_connection));
        // The same again is no change.
        BOOST_TEST(world.ports->open({other, endpoint("[::1]:0")}).value().opened.empty());
    });
}

BOOST_AUTO_TEST_CASE(all_addresses_or_nothing) {
    test_support::run_in_fiber([](base::Loop& loop) {
        World world(loop, {endpoint("127.0.0.1:0")});
        const auto before = world.ports->bound();
        const auto ignore = [](base::Fd, const base::Endpoint&) {};
        const auto tcp_taken =
            base::Listener::create(loop, endpoint("127.0.0.1:0"), 1, ignore).take_value();
        const auto udp_taken =
            dns::bind_udp(endpoint("127.0.0.1:0"), base::PortUse::Exclusive).take_value();
        for (const base::Endpoint& taken : {tcp_taken->bound(), udp_taken.bound}) {
            const base::Endpoint good = free_port(loop);
            const auto change = world.ports->open({good, taken, before[0]});
            BOOST_REQUIRE(!change);
            BOOST_TEST((change.error().code == base::Errc::Exists));
            BOOST_TEST(change.error().detail.find(taken.to_text()) != std::string::npos);
            BOOST_TEST(world.is_closed(good));
            BOOST_TEST((world.ports->bound() == before));
            BOOST_TEST(world.answers(before[0]));
        }
        const auto twice = world.ports->open({before[0], before[0]});
        BOOST_REQUIRE(!twice);
        BOOST_TEST(twice.error().detail.find("twice") != std::string::npos);
    });
}

BOOST_AUTO_TEST_CASE(an_address_and_all_of_its_port_are_not_exchanged) {
    test_support::run_in_fiber([](base::Loop& loop) {
        World world(loop, {endpoint("0.0.0.0:0")});
        const base::Endpoint own = at("127.0.0.1", world.ports->bound()[0]);
        const auto change = world.ports->open({own});
        BOOST_REQUIRE(!change);
        BOOST_TEST(change.error().detail.find("overlaps 0.0.0.0:0") != std::string::npos,
                   change.error().detail);
        BOOST_TEST(change.error().detail.find("restart") != std::string::npos);
        BOOST_TEST(world.answers(own));
    });
}

BOOST_AUTO_TEST_CASE(later_addresses_have_the_settings_of_now) {
    test_support::run_in_fiber([](base::Loop& loop) {
        World world(loop, {endpoint("127.0.0.1:0")});
        dns::AnswerPolicy policy;
        policy.nsid = "later";
        world.ports->set_answers(policy);
        const base::Endpoint other = free_port(loop);
        world.ports->take(world.ports->open({other}).take_value());
        dns_test::UdpClient client(other);
        client.send(QueryBuilder()
                        .question("www.example.test", dns::RrType::A)
                        .opt(1232, 0, std::string_view("\0\3\0\0", 4))
                        .bytes());
        const auto reply = client.receive();
        BOOST_REQUIRE(reply.has_value());
        BOOST_TEST(base::as_text(*reply).find("later") != std::string_view::npos);
    });
}

BOOST_AUTO_TEST_SUITE_END()
