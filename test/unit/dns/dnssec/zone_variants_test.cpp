#include "dns/dnssec/zone_variants.h"

#include <boost/test/unit_test.hpp>

#include "test/unit/dns/dnssec/text.h"

using namespace dns::dnssec;  // NOLINT(google-build-using-namespace): what is tested
using dnssec_test::data;
using dnssec_test::name;

namespace {

constexpr std::int64_t kNow = 1'800'000'000;

ZoneVariants::Source source_of(const SigningKey& key, std::uint32_t ttl = 300) {
    auto plan = std::make_shared<ZoneSigning>();
    plan->zone_keys = {zone_key(key)};
    ZoneVariants::Source source;
    source.apex = name("z.test");
    source.plan = std::move(plan);
    source.soa = {ttl, {data("SOA", "ns.z.test. host.z.test. 1 2 3 4 5")}};
    source.negative_ttl = 5;
    source.places = {{name("z.test"), 6, dns::SteeredKind::None, {}},
                     {name("z.test"), 15, dns::SteeredKind::Mx, {}}};
    return source;
}

SignedVariant variant(std::uint64_t content, std::int64_t until_s = kNow + 1000) {
    SignedVariant made;
    made.content = content;
    made.validity = {kNow - 1, until_s};
    return made;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(dns_dnssec_zone_variants)

BOOST_AUTO_TEST_CASE(lists_are_replaced_and_the_old_one_is_handed_out) {
    const ZoneVariants zone(source_of(dnssec_test::ed25519_key()), nullptr, kNow);
    BOOST_TEST(zone.list(1).empty());
    const auto first = zone.add(1, variant(7), kNow);
    BOOST_TEST(first->empty());
    const auto second = zone.add(1, variant(8), kNow);
    BOOST_TEST(second->size() == 1U);
    BOOST_REQUIRE(zone.list(1).size() == 2U);
    BOOST_TEST(zone.list(1)[0].content == 8U);
    BOOST_TEST(zone.list(0).empty());
}

BOOST_AUTO_TEST_CASE(one_asks_for_all) {
    const ZoneVariants zone(source_of(dnssec_test::ed25519_key()), nullptr, kNow);
    BOOST_TEST(zone.ask(1, 7));
    BOOST_TEST(!zone.ask(1, 7));
    BOOST_TEST(zone.ask(1, 8));
    zone.forget_asking(1);
    BOOST_TEST(zone.ask(1, 8));
    BOOST_TEST(zone.ask(0, 8), "each place by itself");
}

BOOST_AUTO_TEST_CASE(the_next_takes_over_what_is_still_good) {
    const ZoneVariants zone(source_of(dnssec_test::ed25519_key()), nullptr, kNow);
    (void)zone.add(1, variant(7), kNow);
    (void)zone.add(1, variant(8, kNow + 10), kNow);
    (void)zone.add(0, variant(soa_content(3)), kNow);
    const ZoneVariants next(source_of(dnssec_test::ed25519_key()), &zone, kNow + 100);
    BOOST_REQUIRE(next.list(1).size() == 1U);
    BOOST_TEST(next.list(1)[0].content == 7U);
    BOOST_TEST(next.list(0).size() == 1U);
    const ZoneVariants other_soa(source_of(dnssec_test::ed25519_key(), 301), &zone, kNow);
    BOOST_TEST(other_soa.list(0).empty());
    BOOST_TEST(other_soa.list(1).size() == 2U);
    const ZoneVariants other_key(source_of(dnssec_test::p256_key()), &zone, kNow);
    BOOST_TEST(other_key.list(1).empty());
}

BOOST_AUTO_TEST_CASE(a_place_is_signed_with_the_zone_s_keys) {
    const SigningKey key = dnssec_test::p256_key();
    const ZoneVariants zone(source_of(key), nullptr, kNow);
    const dns::RecordSet set{60, {data("MX", "10 a.test."), data("MX", "20 b.test.")}};
    const SignedVariant made =
        sign_place(zone.source(), zone.source().places[1], set, {kNow, kNow + 9}).take_value();
    BOOST_TEST(made.images->set().header().records == 2);
    const auto octets = made.images->signatures().octets().subspan(12);
    BOOST_TEST(verify_set(
        dnssec_test::public_half(key), name("z.test"), set, base::as_text(octets), kNow));
    const SignedVariant soa =
        sign_place(zone.source(), zone.source().places[0], zone.source().soa, {kNow, kNow + 9})
            .take_value();
    BOOST_TEST(soa.images->negative().header().records == 2);
    BOOST_TEST(soa.images->set().header().records == 2);
    ZoneVariants::Source keyless = source_of(key);
    auto plan = std::make_shared<ZoneSigning>();
    plan->zone_keys = {zone_key(dnssec_test::public_half(key))};
    keyless.plan = std::move(plan);
    BOOST_TEST(
        (sign_place(keyless, keyless.places[1], set, {}).error().code == base::Errc::Unavailable));
}

BOOST_AUTO_TEST_SUITE_END()
