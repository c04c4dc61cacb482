#include "dns/control/signature_waits.h"

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "base/clock.h"
#include "base/fiber.h"
#include "dns/control/variant_signer.h"
#include "dns/udp_server.h"
#include "test/support/loop_runner.h"
#include "test/unit/dns/control/steered_zone.h"
#include "test/unit/dns/udp_client.h"

using namespace dns::dnssec;  // NOLINT(google-build-using-namespace): what is waited for

namespace {

// A signed zone whose anchor names a server that was taken out: nothing that is signed may be
// served.
std::unique_ptr<const dns::Snapshot> unsigned_snapshot() {
    dns_test::Pool pool = dns_test::pool(dns::PoolKind::Mail, {4, 2, 1});
    pool.input.servers[0].forced = dns::steering::ForcedState::Down;
    return dns_test::SteeredZone(pool).snapshot;
}

std::vector<std::byte> with_do() {
    return dns_test::QueryBuilder()
        .question("z.test", dns::RrType::Mx)
        .opt(1232, 0, {}, 0x8000)
        .bytes();
}

// As the name server wires it.
struct Server {
    explicit Server(base::Loop& loop) : reader(published(holder)), waits(loop, reader, {}) {
        signer = dns::VariantSigner::create(holder, {}, [this, poster = loop.poster()] {
                     (void)poster.post([this] { waits.on_signed(); });
                 }).take_value();
        deferred = dns::DeferredQueries::create(loop).take_value();
        deferred->set_handler(dns::DeferReason::Signature,
                              [this](auto packet, const auto& peer, auto reply) {
                                  waits.take(packet, peer, std::move(reply));
                              });
        dns::UdpServer::Options options;
        options.endpoints = {base::Endpoint::parse("127.0.0.1:0").take_value()};
        options.deferred = deferred.get();
        server = dns::UdpServer::create(holder, std::move(options)).take_value();
    }

    static dns::SnapshotHolder& published(dns::SnapshotHolder& holder) {
        holder.publish(unsigned_snapshot());
        return holder;
    }

    // The loop goes on meanwhile.
    std::optional<std::vector<std::byte>> reply_to(const std::vector<std::byte>& query) {
        dns_test::UdpClient client(server->bound()[0]);
        client.send(query);
        const auto end = base::Deadline::after(std::chrono::seconds(10));
        while (!end.passed()) {
            if (auto reply = client.receive(1)) {
                return reply;
            }
            (void)base::sleep_until(base::Deadline::after(std::chrono::milliseconds(1)));
        }
        return std::nullopt;
    }

    dns::SnapshotHolder holder;
    dns::SnapshotReader reader;
    dns::SignatureWaits waits;
    std::unique_ptr<dns::VariantSigner> signer;
    std::unique_ptr<dns::DeferredQueries> deferred;
    std::unique_ptr<dns::UdpServer> server;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(dns_control_signature_waits)

BOOST_AUTO_TEST_CASE(an_answer_leaves_when_it_is_signed) {
    test_support::run_in_fiber([](base::Loop& loop) {
        Server server(loop);
        server.waits.set_asks(&server.signer->queue());
        const auto reply = server.reply_to(with_do());
        BOOST_REQUIRE(reply.has_value());
        const auto text = dns_test::read_packet(*reply);
        BOOST_TEST(!text.truncated);
        BOOST_TEST(text.answer.size() == 3U);
        BOOST_TEST(text.answer.back().find(" RRSIG MX ") != std::string::npos);
        BOOST_TEST(server.waits.counters().in_time.value() == 1U);
        BOOST_TEST(server.waits.waiting() == 0U);
        // The next one finds it signed, on the UDP thread.
        BOOST_TEST(!dns_test::read_packet(server.reply_to(with_do()).value()).truncated);
        BOOST_TEST(server.waits.counters().in_time.value() == 1U);
    });
}

BOOST_AUTO_TEST_CASE(who_waited_in_vain_comes_by_tcp) {
    test_support::run_in_fiber([](base::Loop& loop) {
        Server server(loop);  // nobody asks the signer
        const auto before = base::monotonic_now();
        const auto reply = server.reply_to(with_do());
        BOOST_REQUIRE(reply.has_value());
        BOOST_TEST(dns_test::read_packet(*reply).truncated);
        BOOST_TEST((base::monotonic_now() - before >= kVariantWaitMax));
        BOOST_TEST(server.waits.counters().late.value() == 1U);
        BOOST_TEST(server.waits.waiting() == 0U);
    });
}

BOOST_AUTO_TEST_CASE(only_so_many_wait) {
    test_support::run_in_fiber([](base::Loop& loop) {
        Server server(loop);
        const auto nowhere = std::make_shared<dns::DeferredSource>(-1, -1, 8);
        const dns::DeferredDatagram datagram{};
        const auto query = with_do();
        const auto peer = base::Endpoint::parse("127.0.0.1:53").take_value();
        for (std::size_t i = 0; i <= dns::kSignatureWaits; ++i) {
            server.waits.take(query, peer, dns::DeferredReply(nowhere, datagram));
        }
        BOOST_TEST(server.waits.waiting() == dns::kSignatureWaits);
        BOOST_TEST(server.waits.counters().full.value() == 1U);
        const auto end = base::Deadline::after(std::chrono::seconds(10));
        while (server.waits.waiting() != 0 && !end.passed()) {
            (void)base::sleep_until(base::Deadline::after(std::chrono::milliseconds(5)));
        }
        BOOST_TEST(server.waits.counters().late.value() == dns::kSignatureWaits);
    });
}

BOOST_AUTO_TEST_SUITE_END()
