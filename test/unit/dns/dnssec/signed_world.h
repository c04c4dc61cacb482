#pragma once

// A zone that is signed, in a snapshot, with what it takes to ask it.

#include <cstdint>
#include <memory>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "dns/answer.h"
#include "dns/zone_sealer.h"
#include "test/unit/dns/dnssec/text.h"
#include "test/unit/dns/parts.h"
#include "test/unit/dns/world.h"

namespace signed_test {

using namespace dns::dnssec;  // NOLINT(google-build-using-namespace): what is tested
using dnssec_test::name;

inline constexpr std::int64_t kNow = 1'800'000'000;

// A zone that is signed, and what is needed to seal it again.
struct World {
    explicit World(const dns_test::Pool* pool = nullptr, Denial denial = Denial::Nsec) {
        auto plan = std::make_shared<ZoneSigning>();
        plan->zone_keys = {zone_key(dnssec_test::ed25519_key())};
        plan->published = {dnssec_test::public_half(dnssec_test::ed25519_key())};
        plan->denial = denial;
        dns::ZoneSource written = dns_test::zone_source("z.test",
                                                        {"www A 192.0.2.1",
                                                         "mail MX 10 www",
                                                         "alias CNAME www",
                                                         "a.b.c TXT deep",
                                                         "*.v TXT wild",
                                                         "*.w CNAME www",
                                                         "d DNAME www",
                                                         "cut NS ns.cut",
                                                         "ns.cut A 192.0.2.2"});
        written.steers_mail = pool != nullptr;
        const dns::Zone zone = dns::build_zone(written).take_value();
        dns::Zone whole = zone;
        BOOST_REQUIRE(dns::add_key_sets(whole, *plan));
        auto image = std::make_shared<const dns::ZoneImage>(dns::compile_zone(whole).take_value());
        auto names = std::make_shared<const dns::NameTable>(dns::NameTable::Zones{image}, 7);
        dns::Snapshot::Source source;
        source.id = 1;
        dns_test::steer_all(source, 1, dns_test::kSerial);
        if (pool != nullptr) {
            source.groups[0].mail = dns::SteeredSet::build(pool->source(), *names).take_value();
        }
        SignatureCache cache;
        sealed =
            dns::seal_zone(
                {zone, *image, source.groups[0], plan, dns_test::kSerial, kNow, {}}, cache, nullptr)
                .take_value();
        source.seals = dns_test::seals({sealed.seal});
        source.names = std::move(names);
        snapshot = dns::Snapshot::create(std::move(source)).take_value();
    }

    dns::Sealed sealed;
    std::unique_ptr<const dns::Snapshot> snapshot;
};

// Asks at a moment.
struct AskerAt : dns_test::Asker {
    AskerAt(const World& world, std::int64_t now_s) : Asker(*world.snapshot) {
        state().guard.set_time({static_cast<std::uint32_t>(now_s), 0});
    }
};

inline dns_test::QueryBuilder with_do(std::string_view owner, dns::RrType type) {
    return dns_test::QueryBuilder().question(owner, type).opt(1232, 0, {}, 0x8000);
}

// Records as "owner TYPE", of RRSIG with the type that they cover, parted by commas.
inline std::string shape(const std::vector<std::string>& records) {
    std::string out;
    for (const std::string& record : records) {
        std::istringstream words(record);
        std::string owner;
        std::string ttl;
        std::string type;
        std::string covered;
        words >> owner >> ttl >> type >> covered;
        out += (out.empty() ? "" : ", ") + owner.substr(0, owner.find("z.test.")) + " " + type;
        out += type == "RRSIG" ? " " + covered : "";
    }
    return out;
}

}  // namespace signed_test
