#include "dns/directory/directory_file.h"

#include <random>
#include <string>

#include <boost/test/unit_test.hpp>

#include "base/hash.h"
#include "dns/directory/byte_format.h"
#include "test/unit/dns/directory/world.h"

namespace {

// A body of any content under a good checksum.
std::string with_good_frame(std::string_view file, std::string body) {
    dns::ByteWriter out;
    out.raw(file.substr(0, 9));
    out.u32(base::crc32c(base::as_bytes(body)));
    out.u64(body.size());
    out.raw(body);
    return out.take();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(dns_directory_file)

BOOST_AUTO_TEST_CASE(transfers_come_back_and_earlier_files_have_none) {
    auto directory = dns_test::directory();
    const std::string earlier = dns::encode_directory(directory);
    directory.transfer.catalog = "catalog.invalid";
    directory.transfer.keys = {{"key.test", "hmac-sha256", std::string("\0\1\2", 3)}};
    dns::transfer::PeerConfig peer;
    peer.name = "ns3";
    peer.networks = {base::Network::parse("192.0.2.0/24").take_value()};
    peer.key = "key.test";
    peer.notify = {base::Endpoint::parse("[2001:db8::3]:53").take_value()};
    peer.zones = dns::transfer::PeerZones::Listed;
    peer.domains = {"mail.test"};
    peer.gets_catalog = true;
    directory.transfer.peers = {peer};
    const auto read = dns::decode_directory(dns::encode_directory(directory));
    BOOST_REQUIRE(read);
    BOOST_TEST((read.value() == directory));
    // Without the parts at the end, as files were before there were policies of pools (two of them,
    // two domains, one override), probes, signatures, and transfers.
    const std::string_view steering("\0\0\0\0\xff\xff\0\0\0\0", 10);
    const std::string none(13 + 4 + 4, '\0');
    std::string_view body = std::string_view(earlier).substr(21);
    BOOST_REQUIRE(body.ends_with(steering));
    body.remove_suffix(steering.size());
    BOOST_TEST((dns::decode_directory(with_good_frame(earlier, std::string(body))).take_value() ==
                dns_test::directory()));
    BOOST_REQUIRE(body.ends_with(none));
    for (const std::size_t size : {none.size(), std::size_t{4}}) {
        const auto old = dns::decode_directory(
            with_good_frame(earlier, std::string(body.substr(0, body.size() - size))));
        BOOST_REQUIRE(old);
        BOOST_TEST((old.value().transfer == dns::transfer::TransferConfig{}));
        BOOST_TEST(old.value().probes.empty());
    }
}

BOOST_AUTO_TEST_CASE(a_directory_comes_back_as_it_was) {
    auto directory = dns_test::directory();
    directory.domains[0].form = dns::steering::PolicyForm::Paired;
    directory.domains[1].policy = dns::steering::Policy::Rotate;
    directory.domains[1].form = dns::steering::PolicyForm::Strict;
    directory.pools = {{{dns::steering::Policy::Static, dns::steering::PolicyForm::Paired},
                        {dns::steering::Policy::Rotate, dns::steering::PolicyForm::Strict}}};
    directory.overrides[0].pattern = "mx*";
    const auto read = dns::decode_directory(dns::encode_directory(directory));
    BOOST_REQUIRE(read);
    BOOST_TEST((read.value() == directory));
    BOOST_TEST((dns::decode_directory(dns::encode_directory({})).value() == dns::Directory{}));
}

BOOST_AUTO_TEST_CASE(health_comes_back_as_it_was) {
    dns::SavedPoolHealth health;
    health.saved_us = 1'795'345'200'000'000;
    health.mail = {{{1}, true, "", 0.5}, {{2}, false, "smtp:25: connection refused", 3}};
    health.access = {{{7}, false, "4 probes lost", 0}};
    const auto read = dns::decode_health(dns::encode_health(health));
    BOOST_REQUIRE(read);
    BOOST_TEST((read.value() == health));
    BOOST_TEST(!dns::decode_health(dns::encode_trims({})));
    const std::string bytes = dns::encode_health(health);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
        BOOST_TEST(!dns::decode_health(std::string_view(bytes).substr(0, size)));
    }
}

BOOST_AUTO_TEST_CASE(probes_come_back_as_they_were) {
    dns::Directory directory = dns_test::directory();
    dns::ProbeConfig pool;
    pool.pool = dns::PoolName::Access;
    pool.interval_s = 2.5;
    pool.fall = 0;
    dns::ProbeConfig server;
    server.server = dns::steering::ServerId{2};
    server.jitter = 0;
    server.deadline_s = 0.5;
    server.rise = 3;
    server.dwell_s = 60;
    server.flap_max_s = 1;
    server.flap_half_life_s = 2;
    server.checks = {{dns::probe::ProbeKind::Http, 8080, "/load"},
                     {dns::probe::ProbeKind::Agent, 7777, ""}};
    directory.probes = {pool, server};
    const auto read = dns::decode_directory(dns::encode_directory(directory));
    BOOST_REQUIRE(read);
    BOOST_TEST((read.value() == directory));
}

BOOST_AUTO_TEST_CASE(trims_come_back_as_they_were) {
    dns::SavedTrims trims;
    trims.mail = {{{1}, -0.25}, {{2}, 0.5}};
    const auto read = dns::decode_trims(dns::encode_trims(trims));
    BOOST_REQUIRE(read);
    BOOST_REQUIRE(read.value().mail.size() == 2U);
    BOOST_TEST(read.value().mail[0].z == -0.25);
    BOOST_TEST(read.value().access.empty());
}

BOOST_AUTO_TEST_CASE(one_kind_is_not_taken_for_another) {
    BOOST_TEST(!dns::decode_trims(dns::encode_directory(dns_test::directory())));
    BOOST_TEST(!dns::decode_directory(dns::encode_trims({})));
}

BOOST_AUTO_TEST_CASE(every_flipped_bit_and_every_cut_is_noticed) {
    const std::string good = dns::encode_directory(dns_test::directory());
    for (std::size_t at = 0; at < good.size(); ++at) {
        std::string bad = good;
        bad[at] = static_cast<char>(bad[at] ^ 0x10);
        BOOST_REQUIRE(!dns::decode_directory(bad));
        BOOST_REQUIRE(!dns::decode_directory(good.substr(0, at)));
    }
    BOOST_TEST(!dns::decode_directory(good + "x"));
}

BOOST_AUTO_TEST_CASE(a_malformed_body_under_a_good_checksum_is_survived) {
    const unsigned seed = 20261122;
    BOOST_TEST_MESSAGE("seed " << seed);
    std::mt19937 random(seed);
    const std::string directory = dns::encode_directory(dns_test::directory());
    const std::string trims = dns::encode_trims({{{{1}, -0.25}, {{2}, 0.5}}, {{{1}, 0.125}}});
    for (int round = 0; round < 3000; ++round) {
        for (const std::string& file : {directory, trims}) {
            std::string body = file.substr(21);
            body[random() % body.size()] = static_cast<char>(random());
            body.resize(body.size() - random() % 3);
            const std::string forged = with_good_frame(file, body);
            (void)dns::decode_directory(forged);
            (void)dns::decode_trims(forged);
        }
    }
}

BOOST_AUTO_TEST_SUITE_END()
