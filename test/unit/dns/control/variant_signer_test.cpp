#include "dns/control/variant_signer.h"

#include <atomic>
#include <thread>

#include <boost/test/unit_test.hpp>

#include "base/clock.h"
#include "test/unit/dns/control/steered_zone.h"
#include "test/unit/dns/dnssec/text.h"

using namespace dns::dnssec;  // NOLINT(google-build-using-namespace): what it signs

namespace {

// A signed zone in force, steered by three servers.
struct Signing {
    explicit Signing(dns_test::PrivateKey key = dns_test::PrivateKey::AtHand) {
        dns_test::SteeredZone zone(dns_test::pool(dns::PoolKind::Mail, {4, 2, 1}), key);
        variants = zone.variants;
        set = zone.set;
        holder.publish(std::move(zone.snapshot));
        signer = dns::VariantSigner::create(holder, {}, [this] { ++batches; }).take_value();
    }

    void wait_for(const dns::Counter& counter, std::uint64_t value) {
        const auto end = base::Deadline::after(std::chrono::seconds(15));
        while (counter.value() < value && !end.passed()) {
            std::this_thread::yield();
        }
        BOOST_REQUIRE(counter.value() == value);
    }

    void ask(std::uint32_t place, std::uint64_t content) {
        BOOST_REQUIRE(signer->queue().push({variants.get(), 0, place, content}));
    }

    [[nodiscard]] std::uint64_t row_content() const {
        dns::SteeredSet::Pick pick;
        return set->variant(dns::SteeredKind::Mx, pick).content;
    }

    dns::SnapshotHolder holder;
    std::shared_ptr<const ZoneVariants> variants;
    dns::Snapshot::SharedSet set;
    std::atomic<int> batches{0};
    std::unique_ptr<dns::VariantSigner> signer;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(dns_control_variant_signer)

BOOST_AUTO_TEST_CASE(signs_once_what_is_asked_for) {
    Signing world;
    world.ask(1, world.row_content());
    world.wait_for(world.signer->counters().made, 1);
    BOOST_REQUIRE(world.variants->list(1).size() == 1U);
    const SignedVariant& made = world.variants->list(1)[0];
    BOOST_TEST(made.content == world.row_content());
    BOOST_TEST(made.roster == world.set->out().roster);
    BOOST_TEST(made.hosts.any());
    const dns::SteeredSet::Variant& variant =
        *world.set->find_variant(dns::SteeredKind::Mx, made.content);
    BOOST_TEST(verify_set(dnssec_test::public_half(dnssec_test::p256_key()),
                          dnssec_test::name("z.test"),
                          variant.records,
                          base::as_text(made.images->signatures().octets().subspan(12)),
                          base::wall_us() / 1'000'000));
    world.ask(1, world.row_content());
    world.wait_for(world.signer->counters().stale, 1);
    world.ask(0, soa_content(dns_test::kSerial + 1));
    world.wait_for(world.signer->counters().made, 2);
    BOOST_TEST(world.variants->list(0).at(0).content == soa_content(dns_test::kSerial + 1));
    BOOST_TEST(world.batches.load() == 2);
}

BOOST_AUTO_TEST_CASE(what_nobody_would_serve_is_not_signed) {
    Signing world;
    world.ask(1, 12345);
    world.ask(0, soa_content(dns_test::kSerial + 9));
    world.ask(7, world.row_content());
    BOOST_REQUIRE(world.signer->queue().push({&world, 0, 1, world.row_content()}));
    BOOST_REQUIRE(world.signer->queue().push({world.variants.get(), 9, 1, world.row_content()}));
    world.wait_for(world.signer->counters().stale, 5);
    BOOST_TEST(world.variants->list(0).empty());
    BOOST_TEST(world.variants->list(1).empty());
    BOOST_TEST(world.batches.load() == 0);
}

BOOST_AUTO_TEST_CASE(without_a_private_key_the_next_query_asks_again) {
    Signing world(dns_test::PrivateKey::Missing);
    BOOST_TEST(world.variants->ask(1, world.row_content()));
    world.ask(1, world.row_content());
    world.wait_for(world.signer->counters().failed, 1);
    BOOST_TEST(world.variants->ask(1, world.row_content()));
}

BOOST_AUTO_TEST_SUITE_END()
