#include "dns/control/denial_signer.h"

#include <atomic>
#include <cstring>
#include <thread>

#include "test/unit/dns/dnssec/signed_world.h"

namespace {

using namespace signed_test;  // NOLINT(google-build-using-namespace): what it signs

struct Signing {
    Signing() {
        signer_id = world.sealed.seal.signatures->signer();
        zone = world.sealed.seal.variants.get();
        holder.publish(std::move(world.snapshot));
        signer = dns::DenialSigner::create(holder, {}, [this] { ++batches; }).take_value();
    }

    void ask(const char* owner, const void* of) {
        const dns::Name text = name(owner);
        DenialAsk wanted;
        wanted.zone = of;
        wanted.signer = signer_id;
        wanted.size = static_cast<std::uint8_t>(text.size());
        std::memcpy(wanted.name.data(), text.wire().data(), text.size());
        BOOST_REQUIRE(signer->cache().ask(wanted));
    }

    static void wait_for(const dns::Counter& counter, std::uint64_t value) {
        const auto end = base::Deadline::after(std::chrono::seconds(15));
        while (counter.value() < value && !end.passed()) {
            std::this_thread::yield();
        }
        BOOST_REQUIRE(counter.value() == value);
    }

    World world{nullptr, Denial::Compact};
    std::uint64_t signer_id = 0;
    const ZoneVariants* zone = nullptr;
    dns::SnapshotHolder holder;
    std::atomic<int> batches{0};
    std::unique_ptr<dns::DenialSigner> signer;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(dns_control_denial_signer)

BOOST_AUTO_TEST_CASE(signs_once_what_is_asked_for) {
    Signing signing;
    signing.ask("none.z.test", signing.zone);
    Signing::wait_for(signing.signer->counters().made, 1);
    DenialSignatures found;
    BOOST_REQUIRE(signing.signer->cache().find(
        signing.signer_id, name("none.z.test").wire(), base::wall_us() / 1'000'000, found));
    BOOST_TEST(found.count == 1U);
    BOOST_TEST(found.all[0].algorithm == 15U);
    signing.ask("none.z.test", signing.zone);
    Signing::wait_for(signing.signer->counters().stale, 1);
    BOOST_TEST(signing.signer->counters().made.value() == 1U);
}

BOOST_AUTO_TEST_CASE(what_another_snapshot_was_asked_for_is_stale) {
    Signing signing;
    signing.ask("none.z.test", &signing);
    Signing::wait_for(signing.signer->counters().stale, 1);
    DenialSignatures found;
    BOOST_TEST(!signing.signer->cache().find(
        signing.signer_id, name("none.z.test").wire(), base::wall_us() / 1'000'000, found));
}

BOOST_AUTO_TEST_SUITE_END()
