#include "dns/dnssec/signature_cache.h"

#include <boost/test/unit_test.hpp>

#include "test/unit/dns/dnssec/text.h"

using namespace dns::dnssec;  // NOLINT(google-build-using-namespace): what is tested

BOOST_AUTO_TEST_SUITE(dns_dnssec_signature_cache)

BOOST_AUTO_TEST_CASE(a_signature_is_known_by_key_and_records) {
    const PublicKey one = dnssec_test::public_half(dnssec_test::p256_key());
    const PublicKey other = dnssec_test::public_half(dnssec_test::ed25519_key());
    SignatureCache cache;
    cache.keep(SignatureCache::mark_of(one, "records"), {"data", {1, 2}});
    BOOST_REQUIRE(cache.find(SignatureCache::mark_of(one, "records")) != nullptr);
    BOOST_TEST(cache.find(SignatureCache::mark_of(one, "records"))->data == "data");
    BOOST_TEST(cache.find(SignatureCache::mark_of(one, "record")) == nullptr);
    BOOST_TEST(cache.find(SignatureCache::mark_of(other, "records")) == nullptr);
    cache.keep(SignatureCache::mark_of(one, "records"), {"newer", {1, 3}});
    BOOST_TEST(cache.find(SignatureCache::mark_of(one, "records"))->data == "newer");
    BOOST_TEST(cache.signatures().size() == 1U);
}

BOOST_AUTO_TEST_SUITE_END()
