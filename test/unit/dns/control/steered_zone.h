#pragma once

// A signed zone that a pool steers, in a snapshot that is ready to be put in force: what the
// signers of a whole name server sign while it is asked.

#include <cstdint>
#include <memory>
#include <utility>

#include <boost/test/unit_test.hpp>

#include "base/clock.h"
#include "dns/snapshot.h"
#include "dns/steered_set.h"
#include "dns/zone_sealer.h"
#include "test/unit/dns/dnssec/text.h"
#include "test/unit/dns/parts.h"
#include "test/unit/dns/world.h"

namespace dns_test {

enum class PrivateKey : bool { AtHand, Missing };

/// z.test, signed at this moment as of the serial before kSerial + 1, which is the one in force.
struct SteeredZone {
    explicit SteeredZone(const Pool& pool, PrivateKey key = PrivateKey::AtHand) {
        namespace dnssec = dns::dnssec;
        auto plan = std::make_shared<dnssec::ZoneSigning>();
        plan->zone_keys = {dnssec::zone_key(dnssec_test::p256_key())};
        plan->published = {dnssec_test::public_half(dnssec_test::p256_key())};
        dns::ZoneSource written = zone_source("z.test", {"www A 192.0.2.1"});
        written.steers_mail = true;
        const dns::Zone zone = dns::build_zone(written).take_value();
        dns::Zone whole = zone;
        BOOST_REQUIRE(dns::add_key_sets(whole, *plan));
        const auto image =
            std::make_shared<const dns::ZoneImage>(dns::compile_zone(whole).take_value());
        auto names = std::make_shared<const dns::NameTable>(dns::NameTable::Zones{image}, 7);
        dns::Snapshot::Source source;
        source.id = 1;
        steer_all(source, 1, kSerial + 1);
        set = dns::SteeredSet::build(pool.source(), *names).take_value();
        source.groups[0].mail = set;
        dnssec::SignatureCache cache;
        const std::int64_t now_s = base::wall_us() / 1'000'000;
        auto sealed =
            dns::seal_zone(
                {zone, *image, source.groups[0], plan, kSerial, now_s, {}}, cache, nullptr)
                .take_value();
        if (key == PrivateKey::Missing) {
            dnssec::ZoneVariants::Source keyless = sealed.seal.variants->source();
            auto bare = std::make_shared<dnssec::ZoneSigning>(*plan);
            bare->zone_keys = {dnssec::zone_key(plan->published.front())};
            keyless.plan = std::move(bare);
            sealed.seal.variants =
                std::make_shared<const dnssec::ZoneVariants>(std::move(keyless), nullptr, 0);
        }
        variants = sealed.seal.variants;
        source.seals = seals({sealed.seal});
        source.names = std::move(names);
        snapshot = dns::Snapshot::create(std::move(source)).take_value();
    }

    std::shared_ptr<const dns::dnssec::ZoneVariants> variants;
    dns::Snapshot::SharedSet set;
    std::unique_ptr<const dns::Snapshot> snapshot;
};

}  // namespace dns_test
