#include "dns/transfer/transfer_answer.h"

#include <boost/test/unit_test.hpp>

#include "base/clock.h"
#include "base/hash.h"
#include "dns/limits.h"
#include "dns/name_table.h"
#include "dns/transfer/transfer_keeper.h"
#include "test/unit/dns/packet_text.h"
#include "test/unit/dns/parts.h"
#include "test/unit/dns/transfer/secondary.h"
#include "test/unit/dns/world.h"

namespace {

using dns::transfer::TransferConfig;
using Packet = std::vector<std::byte>;

constexpr std::uint64_t kNow = 1700000000;

TransferConfig config() {
    TransferConfig config;
    config.catalog = "catalog.invalid";
    config.keys = {{"key.test", "hmac-sha256", "0123456789abcdef"},
                   {"other.test", "hmac-sha512", "0123456789abcdef"}};
    dns::transfer::PeerConfig by_key;
    by_key.name = "by-key";
    by_key.key = "key.test";
    by_key.gets_catalog = true;
    dns::transfer::PeerConfig by_network;
    by_network.name = "by-network";
    by_network.networks = {base::Network::parse("192.0.2.0/24").take_value()};
    dns::transfer::PeerConfig listed;
    listed.name = "listed";
    listed.key = "other.test";
    listed.zones = dns::transfer::PeerZones::Listed;
    listed.domains = {"elsewhere.test"};
    config.peers = {by_key, by_network, listed};
    return config;
}

// example.test, served and transferable, with a catalog.
struct World {
    World() {
        auto rights = dns::transfer::TransferRights::create(config()).take_value();
        dns::transfer::ZoneOffer offer;
        offer.domain_id = 42;
        offer.serial = dns_test::kSerial;
        offer.fixed = dns_test::fixed({"www A 192.0.2.1"});
        view = keeper.update(rights, {offer}, kNow).take_value();
        auto zone = dns::build_zone(dns_test::zone_source("example.test", {"www A 192.0.2.1"}))
                        .take_value();
        dns::NameTable::Zones images = {
            std::make_shared<const dns::ZoneImage>(dns::compile_zone(zone).take_value())};
        dns::Snapshot::Source source;
        source.id = 1;
        source.names = std::make_shared<const dns::NameTable>(std::move(images), 7);
        dns_test::steer_all(source, 1, dns_test::kSerial);
        source.transfer = view;
        snapshot = dns::Snapshot::create(std::move(source)).take_value();
    }

    // What a client at `address` is answered; as answer() would, but at kNow.
    Packet ask(const Packet& packet,
               dns::Transport transport = dns::Transport::Udp,
               std::uint8_t network = 10) {
        dns::Client client;
        client.transport = transport;
        client.address = {std::byte{192}, std::byte{0}, std::byte{network}, std::byte{1}};
        Packet out(transport == dns::Transport::Udp ? dns::kUdpResponseMax : dns::kMessageMax);
        const auto size =
            dns::transfer::answer_special(*snapshot, packet, client, state, kNow, out);
        out.resize(size ? *size : dns::answer_plain(*snapshot, packet, client, state, out));
        return out;
    }

    bool starts(const Packet& packet, const char* from) {
        return dns::transfer::start_transfer(
                   view, packet, base::IpAddress::parse(from).take_value(), [] { return kNow; })
                   .stream != nullptr;
    }

    dns::transfer::TransferKeeper keeper;
    dns::transfer::SharedView view;
    std::unique_ptr<const dns::Snapshot> snapshot;
    dns::ThreadState state{0};
};

Packet sign(Packet packet, const char* name, dns::Mac* mac = nullptr, std::uint64_t now = kNow) {
    const dns::TsigKey key{
        dns::Name::from_text(name).take_value(),
        dns::HmacKey(std::string_view(name) == "other.test" ? dns::HmacAlgorithm::Sha512
                                                            : dns::HmacAlgorithm::Sha256,
                     base::as_bytes("0123456789abcdef"))};
    const std::size_t size = packet.size();
    packet.resize(size + dns::tsig_record_size(key));
    dns::TsigSigner signer(key);
    packet.resize(signer.sign(packet, size, now));
    if (mac != nullptr) {
        *mac = signer.mac();
    }
    return packet;
}

Packet query(std::string_view name, dns::RrType type) {
    return dns_test::QueryBuilder().question(name, type).opt().bytes();
}

unsigned rcode(const Packet& packet) {
    return dns::load_u16(packet.data() + 2) & 15U;
}

BOOST_AUTO_TEST_SUITE(transfer_answer)

BOOST_AUTO_TEST_CASE(signed_queries_are_answered_as_others_and_signed) {
    World world;
    dns::Mac mac;
    const Packet reply =
        world.ask(sign(query("www.example.test", dns::RrType::A), "key.test", &mac));
    const dns::TsigKey key{
        dns::Name::from_text("key.test").take_value(),
        dns::HmacKey(dns::HmacAlgorithm::Sha256, base::as_bytes("0123456789abcdef"))};
    BOOST_TEST((dns::verify_tsig_answer(key, mac.bytes(), reply, kNow) == dns::TsigVerdict::Good));
    BOOST_TEST(rcode(reply) == 0U);
    BOOST_TEST(dns::load_u16(reply.data() + 6) == 1U);
    BOOST_TEST(dns::load_u16(reply.data() + 10) == 2U);  // OPT and TSIG
}

BOOST_AUTO_TEST_CASE(badly_signed_queries_are_not_answered) {
    World world;
    const Packet good = query("www.example.test", dns::RrType::A);
    BOOST_TEST(rcode(world.ask(sign(good, "nobody.test"))) == 9U);
    BOOST_TEST(rcode(world.ask(sign(good, "key.test", nullptr, kNow - 1000))) == 9U);
    Packet broken = sign(good, "key.test");
    broken[14] ^= std::byte{1};
    BOOST_TEST(rcode(world.ask(broken)) == 9U);
}

BOOST_AUTO_TEST_CASE(transfers_need_the_right) {
    World world;
    const Packet axfr = dns_test::transfer_query("example.test");
    BOOST_TEST(world.starts(axfr, "192.0.2.77"));
    BOOST_TEST(!world.starts(axfr, "198.51.100.1"));
    BOOST_TEST(world.starts(sign(axfr, "key.test"), "198.51.100.1"));
    BOOST_TEST(!world.starts(sign(axfr, "other.test"), "198.51.100.1"));
    BOOST_TEST(!world.starts(sign(axfr, "key.test", nullptr, kNow - 301), "198.51.100.1"));
    BOOST_TEST(!world.starts(sign(axfr, "nobody.test"), "192.0.2.77"));
    BOOST_TEST(!world.starts(dns_test::transfer_query("elsewhere.test"), "192.0.2.77"));
    BOOST_TEST(!world.starts(dns_test::transfer_query("www.example.test"), "192.0.2.77"));
    BOOST_TEST(rcode(world.ask(axfr, dns::Transport::Tcp)) == 5U);
}

BOOST_AUTO_TEST_CASE(the_catalog_is_for_those_who_get_it) {
    World world;
    const Packet axfr = dns_test::transfer_query("catalog.invalid");
    BOOST_TEST(!world.starts(axfr, "192.0.2.77"));
    BOOST_TEST(world.starts(sign(axfr, "key.test"), "198.51.100.1"));
    const Packet soa = query("catalog.invalid", dns::RrType::Soa);
    BOOST_TEST(rcode(world.ask(soa)) == 5U);
    const Packet reply = world.ask(sign(soa, "key.test"));
    BOOST_TEST(rcode(reply) == 0U);
    BOOST_TEST(dns::load_u16(reply.data() + 6) == 1U);
    BOOST_TEST(rcode(world.ask(sign(query("catalog.invalid", dns::RrType::Ns), "key.test"))) == 5U);
}

BOOST_AUTO_TEST_CASE(ixfr_over_udp_is_the_soa_alone) {
    World world;
    const Packet reply =
        world.ask(dns_test::transfer_query("example.test", 7), dns::Transport::Udp, 2);
    const auto text = dns_test::read_packet(reply);
    BOOST_REQUIRE(text.answer.size() == 1U);
    BOOST_TEST(text.answer[0].find("SOA") != std::string::npos);
    BOOST_TEST(text.answer[0].find(" 2026112201 ") != std::string::npos);
    BOOST_TEST(text.authoritative);
    BOOST_TEST(rcode(world.ask(dns_test::transfer_query("example.test", 7))) == 5U);
    BOOST_TEST(rcode(world.ask(dns_test::transfer_query("example.test"), dns::Transport::Udp, 2)) ==
               5U);
}

BOOST_AUTO_TEST_CASE(a_catalog_lists_the_zones_and_moves_with_them) {
    World world;
    const dns::transfer::SharedZone first =
        *world.view->find(dns::Name::from_text("catalog.invalid").take_value().wire());
    BOOST_TEST(first->serial == kNow);
    std::vector<std::string> records;
    const Packet packet = dns_test::transfer_query("catalog.invalid");
    dns::transfer::ZoneStream stream(
        dns_test::request_of(packet), first, std::nullopt, nullptr, nullptr);
    records = dns_test::records_of(stream);
    BOOST_REQUIRE(records.size() == 5U);
    BOOST_TEST(records[1] == "catalog.invalid. 0 NS invalid.");
    BOOST_TEST(records[2] == "version.catalog.invalid. 0 TXT \"2\"");
    BOOST_TEST(records[3] == "d42.zones.catalog.invalid. 0 PTR example.test.");
    const auto rights = dns::transfer::TransferRights::create(config()).take_value();
    const auto later = world.keeper.update(rights, {}, kNow).take_value();
    const auto second = *later->find(first->apex().wire());
    BOOST_TEST(second->serial == kNow + 1);
    BOOST_TEST(second->fixed->records.count() == 2U);
}

BOOST_AUTO_TEST_CASE(no_version_is_made_for_a_name_server_that_ends) {
    World world;
    const auto rights = dns::transfer::TransferRights::create(config()).take_value();
    dns::transfer::ZoneOffer offer;
    offer.serial = 2;
    offer.fixed = dns_test::fixed({});
    std::stop_source ending;
    ending.request_stop();
    const auto given_up = world.keeper.update(rights, {offer}, kNow, {}, ending.get_token());
    BOOST_REQUIRE(!given_up);
    BOOST_TEST((given_up.error().code == base::Errc::Cancelled));
}

BOOST_AUTO_TEST_CASE(a_view_lists_what_moved_since_the_one_before) {
    World world;
    BOOST_TEST(!world.view->moved().all);
    BOOST_TEST(world.view->moved().zones.size() == 2U);  // and the catalog
    const auto rights = dns::transfer::TransferRights::create(config()).take_value();
    std::vector<dns::transfer::ZoneOffer> offers;
    for (std::int64_t i = 1; i <= 1200; ++i) {
        auto content = std::make_shared<dns::transfer::FixedContent>(*dns_test::fixed({}));
        content->apex = dns::Name::from_text("z" + std::to_string(i) + ".test").take_value();
        dns::transfer::ZoneOffer offer;
        offer.domain_id = i;
        offer.serial = 1;
        offer.fixed = std::move(content);
        offers.push_back(std::move(offer));
    }
    const auto many = world.keeper.update(rights, offers, kNow).take_value();
    BOOST_TEST(many->moved().all);
    BOOST_TEST(many->moved().zones.empty());
    offers[7].serial = 2;
    const auto one = world.keeper.update(rights, offers, kNow).take_value();
    BOOST_TEST(!one->moved().all);
    BOOST_REQUIRE(one->moved().zones.size() == 1U);
    BOOST_TEST((one->moved().zones[0]->apex() == offers[7].fixed->apex));
    BOOST_TEST(world.keeper.update(rights, offers, kNow).take_value()->moved().zones.empty());
}

BOOST_AUTO_TEST_CASE(a_configuration_that_makes_no_sense_is_refused) {
    TransferConfig bad = config();
    bad.peers[0].key = "missing.test";
    BOOST_TEST(!dns::transfer::TransferRights::create(bad));
    bad = config();
    bad.keys[0].secret = "short";
    BOOST_TEST(!dns::transfer::TransferRights::create(bad));
    bad = config();
    bad.keys[0].algorithm = "hmac-md5";
    BOOST_TEST(!dns::transfer::TransferRights::create(bad));
    bad = config();
    bad.peers[1].networks.clear();
    BOOST_TEST(!dns::transfer::TransferRights::create(bad));
    bad = config();
    bad.keys[0].name = std::string(60, 'a') + "." + std::string(60, 'b');
    BOOST_TEST(!dns::transfer::TransferRights::create(bad));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
