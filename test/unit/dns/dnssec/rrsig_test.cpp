#include "dns/dnssec/rrsig.h"

#include <boost/test/unit_test.hpp>

#include "dns/dnssec/canonical.h"
#include "test/unit/dns/dnssec/text.h"

using namespace dns::dnssec;  // NOLINT(google-build-using-namespace): what is tested
using dnssec_test::data;
using dnssec_test::name;

namespace {

constexpr std::int64_t kNow = 1'800'000'000;
constexpr Validity kValidity{kNow - 3600, kNow + 86400};

}  // namespace

BOOST_AUTO_TEST_SUITE(dns_dnssec_rrsig)

BOOST_AUTO_TEST_CASE(the_signature_of_rfc_6605_holds) {
    const std::string rrsig = data(
        "RRSIG",
        "A 13 3 3600 20100909100439 20100812100439 55648 example.net. "
        "qx6wLYqmh+l9oCKTN6qIc+bw6ya+KJ8oMz0YP107epXAyGmt+3SNruPFKG7tZoLBLlUzGGus7ZwmwWep666VCw==");
    const dns::RecordSet set{3600, {data("A", "192.0.2.1")}};
    const PublicKey key = dnssec_test::public_half(dnssec_test::p256_key());
    constexpr std::int64_t kThen = 1'281'700'000;
    BOOST_TEST(verify_set(key, name("WWW.example.net"), set, rrsig, kThen));
    BOOST_TEST(!verify_set(key, name("ww.example.net"), set, rrsig, kThen));
    BOOST_TEST(!verify_set(key, name("www.example.net"), set, rrsig, kThen + 86400 * 40));
    BOOST_TEST(
        !verify_set(key, name("www.example.net"), {3600, {data("A", "192.0.2.2")}}, rrsig, kThen));
}

// RFC 8080 6.1: its signature is over a Labels field of 3, where example.com has 2.
BOOST_AUTO_TEST_CASE(the_signature_of_rfc_8080_is_made_octet_by_octet) {
    std::string message =
        data("RRSIG", "MX 15 3 3600 20150819220000 20150729220000 3613 example.com. AA==");
    message.pop_back();
    message +=
        canonical_records(name("example.com"), 15, 3600, {data("MX", "10 mail.example.com.")});
    BOOST_TEST(dnssec_test::ed25519_key().sign(message) ==
               dnssec_test::from_base64(
                   "Edk+IB9KNNWg0HAjm7FazXyrd5m3Rk8zNZbvNpAcM+eysqcUOMIjWoevFkjH5GaMWeG96GUVZu6ECKO"
                   "QmemHDg=="));
}

BOOST_AUTO_TEST_CASE(a_signed_set_verifies_in_any_order_and_case) {
    for (const SigningKey& signer : {dnssec_test::p256_key(), dnssec_test::ed25519_key()}) {
        const ZoneKey key = zone_key(signer);
        const PublicKey half = dnssec_test::public_half(signer);
        const auto rrsig = sign_set(key,
                                    name("example.test"),
                                    name("example.test"),
                                    15,
                                    {60, {data("MX", "20 B.test."), data("MX", "10 a.test.")}},
                                    kValidity);
        BOOST_REQUIRE(rrsig);
        const dns::RecordSet turned{60, {data("MX", "10 A.test."), data("MX", "20 b.test.")}};
        BOOST_TEST(verify_set(half, name("Example.test"), turned, rrsig.value(), kNow));
        BOOST_TEST(!verify_set(half, name("example.test"), turned, rrsig.value(), kNow + 86401));
        BOOST_TEST(!verify_set(half, name("example.test"), turned, rrsig.value(), kNow - 3601));
        // RFC 4035 5.3.3: what was signed is the original TTL, whatever is left of it.
        dns::RecordSet aged = turned;
        aged.ttl = 7;
        BOOST_TEST(verify_set(half, name("example.test"), aged, rrsig.value(), kNow));
        aged.data.pop_back();
        BOOST_TEST(!verify_set(half, name("example.test"), aged, rrsig.value(), kNow));
    }
}

BOOST_AUTO_TEST_CASE(a_wildcard_s_signature_holds_for_names_made_from_it) {
    const ZoneKey key = zone_key(dnssec_test::ed25519_key());
    const PublicKey half = key.half;
    const dns::RecordSet set{60, {data("TXT", "x")}};
    const auto rrsig =
        sign_set(key, name("example.test"), name("*.a.example.test"), 16, set, kValidity);
    BOOST_TEST(parse_rrsig(rrsig.value()).value().labels == 3);
    BOOST_TEST(verify_set(half, name("*.a.example.test"), set, rrsig.value(), kNow));
    BOOST_TEST(verify_set(half, name("b.c.a.example.test"), set, rrsig.value(), kNow));
    BOOST_TEST(!verify_set(half, name("b.example.test"), set, rrsig.value(), kNow));
}

BOOST_AUTO_TEST_CASE(zones_end_at_different_moments_within_the_policy) {
    const ValidityPolicy policy;
    const Validity one = validity_at(kNow, name("one.test"), policy);
    const Validity two = validity_at(kNow, name("two.test"), policy);
    BOOST_TEST(one.expiration_s != two.expiration_s);
    BOOST_TEST((validity_at(kNow, name("one.test"), policy) == one));
    for (const Validity& made : {one, two}) {
        BOOST_TEST(made.inception_s == kNow - 3600);
        BOOST_TEST(made.expiration_s <= kNow + policy.lifetime_s);
        BOOST_TEST(made.expiration_s > kNow + policy.lifetime_s - policy.jitter_s);
        BOOST_TEST(refresh_at_s(made, policy) > kNow);
        BOOST_TEST(refresh_at_s(made, policy) == made.expiration_s - policy.refresh_left_s);
    }
}

BOOST_AUTO_TEST_CASE(a_ttl_ends_with_the_signature) {
    BOOST_TEST(ttl_left(300, kValidity, kNow) == 300U);
    BOOST_TEST(ttl_left(300, kValidity, kValidity.expiration_s - 20) == 20U);
    BOOST_TEST(ttl_left(300, kValidity, kValidity.expiration_s) == 0U);
}

BOOST_AUTO_TEST_CASE(cut_rrsig_data_is_refused) {
    const std::string whole = sign_set(zone_key(dnssec_test::ed25519_key()),
                                       name("example.test"),
                                       name("example.test"),
                                       16,
                                       {60, {data("TXT", "x")}},
                                       kValidity)
                                  .take_value();
    for (std::size_t size = 0; size < 18 + name("example.test").size(); ++size) {
        BOOST_TEST(!parse_rrsig(whole.substr(0, size)));
    }
    BOOST_TEST(parse_rrsig(whole).value().signature.size() == kSignatureSize);
}

BOOST_AUTO_TEST_SUITE_END()
