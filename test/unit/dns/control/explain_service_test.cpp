#include "dns/control/explain_service.h"

#include <boost/test/unit_test.hpp>

#include "base/hash.h"
#include "base/metrics.h"
#include "base/stream.h"
#include "dns/answer.h"
#include "test/unit/dns/control/control_fixture.h"
#include "test/unit/dns/directory/world.h"
#include "test/unit/dns/packet_text.h"
#include "test/unit/dns/query_builder.h"
#include "test/unit/dns/world.h"

namespace {

using dns::PoolName;
using dns_test::QueryBuilder;

constexpr std::uint16_t kTxt = 16;
constexpr std::uint16_t kChaos = 3;

// A service on a loop, with the directory of the tests; its servers are never reached.
struct World {
    World() {
        directory.overrides.clear();
        for (auto* servers : {&directory.mail_servers, &directory.access_servers}) {
            for (dns::DirectoryServer& server : *servers) {
                server.host.address4 = dns_test::ip("127.0.0.1");
                server.host.address6.reset();
            }
        }
        const dns_test::Pool pool = dns_test::pool(dns::PoolKind::Mail, {1, 2, 3});
        holder.publish(dns_test::snapshot({dns_test::zone_source("mail.test", {})}, &pool));
    }

    // `body` in a fiber of the loop.
    void live(const std::function<void()>& body) {
        loop = base::Loop::create("test").take_value();
        mail.emplace(*loop, PoolName::Mail, [](const auto&) {});
        access.emplace(*loop, PoolName::Access, [](const auto&) {});
        reader.emplace(holder);
        service.emplace(*loop, dns::ExplainService::Parts{"ns1", *mail, *access, *reader});
        BOOST_REQUIRE(service->listen(path()));
        bool done = false;
        BOOST_REQUIRE(base::spawn(*loop, "test", [&] {
            body();
            done = true;
            loop->stop();
        }));
        loop->run();
        BOOST_TEST(done);
        service.reset();
        reader.reset();
        access.reset();
        mail.reset();
        loop.reset();
    }

    void steer() {
        const auto shared = std::make_shared<const dns::Directory>(directory);
        service->take_directory(shared);
        for (dns::SteeringPool* pool : {&*mail, &*access}) {
            service->add_commit(pool->take(shared).take_value());
        }
    }

    [[nodiscard]] std::string path() const { return state.path() + "/explain"; }

    [[nodiscard]] std::unique_ptr<base::SocketStream> connect() {
        auto socket = base::connect_unix(path(), base::Deadline::after(std::chrono::seconds(5)));
        BOOST_REQUIRE(socket);
        return base::SocketStream::adopt(*loop, std::move(socket).take_value()).take_value();
    }

    // All that comes until the other side closes.
    static std::string rest(base::Stream& stream) {
        while (stream.fill(base::Deadline::after(std::chrono::seconds(10)))) {
        }
        return std::string(stream.buffered());
    }

    std::string ask(const std::string& line) {
        const auto stream = connect();
        BOOST_REQUIRE(stream->write(line));
        return rest(*stream);
    }

    dns_test::PacketText dig(const std::string& name) {
        const QueryBuilder query = QueryBuilder().question(name, kTxt, kChaos);
        std::vector<std::byte> out(dns::kMessageMax);
        const std::size_t size =
            service->respond_tcp(query.bytes(), dns_test::ip("127.0.0.1"), out, 0);
        return dns_test::read_packet(std::span(out).first(size));
    }

    dns::Directory directory = dns_test::directory();
    dns_test::StateDir state;
    dns::SnapshotHolder holder;
    std::unique_ptr<base::Loop> loop;
    std::optional<dns::SteeringPool> mail;
    std::optional<dns::SteeringPool> access;
    std::optional<dns::SnapshotReader> reader;
    std::optional<dns::ExplainService> service;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(explain_service, World)

BOOST_AUTO_TEST_CASE(a_line_is_answered_at_the_socket) {
    live([this] {
        BOOST_TEST(ask("text explain mail.test\n") ==
                   "error the name server ns1 has nothing to answer from yet; is the database "
                   "there?\n");
        steer();
        const std::string text = ask("text explain mail.test 192.0.2.1\n");
        BOOST_TEST(text.starts_with("ok\nmail.test on ns1 at "), text);
        BOOST_TEST(text.find("192.0.2.0/24 gets variant") != std::string::npos, text);
        BOOST_TEST(ask("json explain mail.test\n").starts_with("ok\n{\"name_server\":\"ns1\","));
        BOOST_TEST(ask("json steering\n").find("\"commits\":[{\"id\":1,") != std::string::npos);
        BOOST_TEST(ask("text explain none.test\n") ==
                   "error not-found there is no domain none.test\n");
        BOOST_TEST(ask("what?\n").starts_with("error ask 'text explain"));
    });
}

BOOST_AUTO_TEST_CASE(a_line_that_does_not_end_is_not_answered) {
    live([this] { BOOST_TEST(ask(std::string(2000, 'x')).empty()); });
}

BOOST_AUTO_TEST_CASE(a_client_beyond_the_limit_is_closed_unheard) {
    live([this] {
        steer();
        std::vector<std::unique_ptr<base::SocketStream>> idle;
        for (std::size_t i = 0; i < dns::kExplainClients; ++i) {
            idle.push_back(connect());
        }
        BOOST_TEST(ask("text steering\n").empty());
        idle.pop_back();
        BOOST_TEST(
            dns_test::wait_until([this] { return ask("text steering\n").starts_with("ok\n"); }));
    });
}

BOOST_AUTO_TEST_CASE(class_chaos_says_the_same_over_tcp) {
    live([this] {
        BOOST_TEST(dig("explain.mail.test").answer.at(0).find("nothing to answer from") !=
                   std::string::npos);
        steer();
        auto reply = dig("explain.mail.test");
        BOOST_TEST(reply.answer.at(0).find("mail.test on ns1 at") != std::string::npos);
        BOOST_TEST(reply.answer.back().find("127.0.0.0/24 gets variant") != std::string::npos,
                   "that of whoever asks");
        reply = dig("s-c6336401.explain.mail.test");
        BOOST_TEST(reply.answer.back().find("198.51.100.0/24 gets") != std::string::npos);
        BOOST_TEST(dig("s-c63364.explain.mail.test").answer.at(0).find("error: ") !=
                   std::string::npos);
        BOOST_TEST(dig("explain.none.test").answer.at(0).find("there is no domain none.test") !=
                   std::string::npos);
        BOOST_TEST(dig("steering-json").answer.size() == 1U);
    });
}

BOOST_AUTO_TEST_CASE(another_reply_that_is_cut_stays_as_it_is) {
    live([this] {
        steer();
        const QueryBuilder query = QueryBuilder().question("mail.test", dns::RrType::Mx);
        std::vector<std::byte> out(dns::kMessageMax);
        BOOST_TEST(service->respond_tcp(query.bytes(), dns_test::ip("127.0.0.1"), out, 77) == 77U);
    });
}

BOOST_AUTO_TEST_CASE(metrics_are_those_of_the_last_tick) {
    live([this] {
        auto admin =
            base::AdminServer::create(base::Endpoint(base::IpAddress::loopback_v4(), 0), {})
                .take_value();
        service->show_metrics(*admin);
        steer();
        BOOST_TEST(service->tick().empty());
        base::counter("roundtable_explain_service_test_total", "Of this test").add();
        auto stream = base::SocketStream::connect(
                          *loop, admin->bound(), base::Deadline::after(std::chrono::seconds(5)))
                          .take_value();
        BOOST_REQUIRE(stream->write("GET /metrics HTTP/1.0\r\n\r\n"));
        stream->set_limits({std::size_t{1} << 20, std::size_t{1} << 16, std::chrono::seconds(5)});
        const std::string text = rest(*stream);
        BOOST_TEST(text.find("roundtable_dns_steering_weight{pool=\"mail\",server=\"mx2\"} 2\n") !=
                   std::string::npos);
        BOOST_TEST(text.find("\nroundtable_explain_service_test_total 1\n") != std::string::npos,
                   "and those of before");
    });
}

BOOST_AUTO_TEST_CASE(drains_that_are_quiet_are_told_by_a_tick) {
    dns::DirectoryOverride drain;
    drain.entry.id = 9;
    drain.entry.kind = dns::steering::OverrideKind::Drain;
    drain.entry.scope = {"mail", {}, dns::steering::ServerId{1}};
    drain.entry.created_us = 1000;
    directory.overrides = {drain};
    live([this] {
        steer();
        BOOST_TEST((service->tick() == std::vector<std::uint64_t>{9}));
        BOOST_TEST(service->tick().empty());
    });
}

BOOST_AUTO_TEST_SUITE_END()
