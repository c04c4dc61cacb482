#include "dns/zone_sealer.h"

#include <boost/test/unit_test.hpp>

#include "test/unit/dns/dnssec/text.h"
#include "test/unit/dns/world.h"

using namespace dns::dnssec;  // NOLINT(google-build-using-namespace): what is tested

namespace {

constexpr std::int64_t kNow = 1'800'000'000;

struct Sealing {
    explicit Sealing(const std::vector<std::string>& lines, bool steered = true) {
        auto made = std::make_shared<ZoneSigning>();
        made->zone_keys = {zone_key(dnssec_test::p256_key())};
        made->published = {dnssec_test::public_half(dnssec_test::p256_key())};
        plan = std::move(made);
        dns::ZoneSource source = dns_test::zone_source("z.test", lines);
        source.steers_mail = steered;
        zone = dns::build_zone(source).take_value();
        dns::Zone whole = zone;
        BOOST_REQUIRE(dns::add_key_sets(whole, *plan));
        image = std::make_shared<const dns::ZoneImage>(dns::compile_zone(whole).take_value());
        names = std::make_shared<const dns::NameTable>(dns::NameTable::Zones{image}, 7);
    }

    void steer(const dns_test::Pool& pool) {
        sets.mail = dns::SteeredSet::build(pool.source(), *names).take_value();
    }

    base::Result<dns::Sealed> seal(SignatureCache& cache,
                                   std::int64_t now_s = kNow,
                                   const ZoneVariants* before = nullptr) {
        return dns::seal_zone({zone, *image, sets, plan, serial, now_s, {}}, cache, before);
    }

    std::shared_ptr<const ZoneSigning> plan;
    dns::Zone zone;
    std::shared_ptr<const dns::ZoneImage> image;
    std::shared_ptr<const dns::NameTable> names;
    dns::Snapshot::ZoneSets sets;
    std::uint32_t serial = 5;
};

std::size_t reused(const SignatureCache& before, const SignatureCache& after) {
    std::size_t count = 0;
    for (const auto& [mark, signature] : after.signatures()) {
        const KeptSignature* const kept = before.find(mark);
        count += kept != nullptr && kept->data == signature.data ? 1U : 0U;
    }
    return count;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(dns_zone_sealer)

BOOST_AUTO_TEST_CASE(a_zone_is_signed_with_the_anchors_of_its_steered_sets) {
    Sealing world({"www A 192.0.2.1"});
    const dns_test::Pool pool = dns_test::pool(dns::PoolKind::Mail, {4, 2, 1});
    world.steer(pool);
    SignatureCache cache;
    const dns::Sealed sealed = world.seal(cache).take_value();
    const ZoneVariants& variants = *sealed.seal.variants;
    BOOST_TEST(variants.places() == 2U);
    BOOST_TEST(variants.anchor(1).content == world.sets.mail->anchor(dns::SteeredKind::Mx).content);
    BOOST_TEST(variants.anchor(1).hosts.count() == 3U);
    BOOST_TEST(variants.anchor(1).images->set().header().records == 3);
    BOOST_TEST(dns::has_anchors_of(variants, world.sets));
    const SignedSets& apex = sealed.zone.names.at(dnssec_test::name("z.test"));
    BOOST_TEST(apex.at(15).signatures.size() == 1U);
    BOOST_TEST(dnssec_test::text("NSEC", apex.at(kTypeNsec).set.data.front()).find(" MX ") !=
               std::string::npos);
    BOOST_TEST(sealed.resign_at_s > kNow);

    // Probes and overrides leave the anchors alone; other servers do not.
    dns_test::Pool drained = pool;
    drained.input.servers[1].forced = dns::steering::ForcedState::Drained;
    world.steer(drained);
    BOOST_TEST(dns::has_anchors_of(variants, world.sets));
    world.steer(dns_test::pool(dns::PoolKind::Mail, {4, 2, 1, 1}));
    BOOST_TEST(!dns::has_anchors_of(variants, world.sets));
}

BOOST_AUTO_TEST_CASE(what_did_not_change_keeps_its_signatures) {
    Sealing world({"www A 192.0.2.1", "mail TXT one"}, false);
    SignatureCache cache;
    BOOST_REQUIRE(world.seal(cache));
    const SignatureCache first = cache;
    BOOST_REQUIRE(world.seal(cache, kNow + 60));
    BOOST_TEST(reused(first, cache) == first.signatures().size());
    Sealing edited({"www A 192.0.2.1", "mail TXT two"}, false);
    BOOST_REQUIRE(edited.seal(cache, kNow + 60));
    BOOST_TEST(cache.signatures().size() == first.signatures().size());
    BOOST_TEST(reused(first, cache) == first.signatures().size() - 1);
    // When they are about to end all are made anew.
    const ValidityPolicy policy;
    const std::int64_t late_s = kNow + policy.lifetime_s - policy.refresh_left_s;
    const auto again = world.seal(cache, late_s).take_value();
    BOOST_TEST(reused(first, cache) == 0U);
    BOOST_TEST(again.resign_at_s > late_s);
}

BOOST_AUTO_TEST_CASE(without_a_private_key_what_is_there_serves_on) {
    Sealing world({"www A 192.0.2.1"}, false);
    SignatureCache cache;
    BOOST_REQUIRE(world.seal(cache));
    auto keyless = std::make_shared<ZoneSigning>(*world.plan);
    keyless->zone_keys = {zone_key(keyless->published.front())};
    world.plan = std::move(keyless);
    const ValidityPolicy policy;
    const std::int64_t late_s = kNow + policy.lifetime_s - policy.refresh_left_s;
    const auto held = world.seal(cache, late_s);
    BOOST_REQUIRE(held);
    BOOST_TEST(held.value().seal.variants->anchor(0).content == soa_content(5));
    world.serial = 6;
    const auto moved = world.seal(cache, late_s);
    BOOST_REQUIRE(moved);
    BOOST_TEST(moved.value().seal.variants->anchor(0).content == soa_content(5));
    Sealing edited({"www A 192.0.2.2"}, false);
    edited.plan = world.plan;
    BOOST_TEST((edited.seal(cache).error().code == base::Errc::Unavailable));
}

BOOST_AUTO_TEST_CASE(what_the_name_server_makes_is_not_written_by_hand) {
    dns::Zone zone =
        dns::build_zone(dns_test::zone_source("z.test", {"@ CDS 0 0 0 00"})).take_value();
    ZoneSigning keyed;
    keyed.published = {dnssec_test::public_half(dnssec_test::p256_key())};
    keyed.delegation_wanted = keyed.published;
    BOOST_TEST(dns::add_key_sets(zone, keyed).error().detail ==
               "z.test. CDS: made by the name server in a zone that is signed");
}

BOOST_AUTO_TEST_SUITE_END()
