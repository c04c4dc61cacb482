#include "dns/directory/signing_file.h"

#include <boost/test/unit_test.hpp>

#include "dns/directory/directory_file.h"
#include "test/unit/dns/dnssec/text.h"

namespace {

constexpr std::int64_t kNow = 1'800'000'000;

std::vector<dns::dnssec::StoredKeys> keys() {
    dns::dnssec::StoredKeys zone;
    zone.domain_id = 3;
    zone.domain = "mail.test";
    zone.revision = 9;
    zone.denial = dns::dnssec::Denial::Nsec3;
    zone.keys.wish = dns::dnssec::Wish::Removing;
    zone.keys.wish_since_s = 5;
    zone.times = {1, 2, 3, 4};
    dns::dnssec::KeyRecord key;
    key.id = 12;
    key.key = dnssec_test::public_half(dnssec_test::p256_key());
    key.state = dns::dnssec::KeyState::Retired;
    key.since_s = 77;
    key.ds_seen_s = 78;
    zone.keys.keys = {key};
    dns::dnssec::StoredKeys bare;
    bare.domain = "z.test";
    return {zone, bare};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(dns_directory_signing_file)

BOOST_AUTO_TEST_CASE(keys_come_back_without_their_private_halves) {
    dns::Directory directory;
    directory.signing = keys();
    directory.secrets =
        std::make_shared<const dns::dnssec::Secrets>(dns::dnssec::Secrets{{12, "PRIVATE-HALF"}});
    const std::string bytes = dns::encode_directory(directory);
    BOOST_TEST(bytes.find("PRIVATE-HALF") == std::string::npos);
    const dns::Directory read = dns::decode_directory(bytes).take_value();
    BOOST_TEST((read.signing == directory.signing));
    BOOST_TEST(read.secrets == nullptr);
}

BOOST_AUTO_TEST_CASE(signatures_that_end_soon_are_in_no_file) {
    dns::SignatureCaches caches;
    dns::dnssec::SignatureCache& cache = caches["z.test"];
    cache.keep({std::byte{1}}, {"long", {kNow, kNow + dns::kSignatureLeftMinS}});
    cache.keep({std::byte{2}}, {"short", {kNow, kNow + dns::kSignatureLeftMinS - 1}});
    cache.set_serial(41);
    caches["empty.test"];
    const std::string bytes = dns::encode_signatures(caches, kNow);
    const auto read = dns::decode_signatures(bytes, kNow).take_value();
    BOOST_TEST(read.size() == 2U);
    BOOST_TEST(read.at("z.test").serial() == 41U);
    BOOST_REQUIRE(read.at("z.test").signatures().size() == 1U);
    BOOST_TEST(read.at("z.test").signatures().begin()->second.data == "long");
    BOOST_TEST(dns::decode_signatures(bytes, kNow + 1).value().at("z.test").signatures().empty());
}

BOOST_AUTO_TEST_CASE(a_file_that_is_cut_is_none) {
    dns::SignatureCaches caches;
    caches["z.test"].keep({std::byte{1}}, {"data", {kNow, kNow + 999'999}});
    const std::string bytes = dns::encode_signatures(caches, kNow);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
        BOOST_TEST(!dns::decode_signatures(bytes.substr(0, size), kNow));
    }
    dns::Directory directory;
    directory.signing = keys();
    BOOST_TEST(!dns::decode_signatures(dns::encode_directory(directory), kNow));
}

BOOST_AUTO_TEST_SUITE_END()
