#include "test/unit/dns/warm_world.h"

#include <stdexcept>

#include "test/unit/dns/dnssec/text.h"
#include "test/unit/dns/parts.h"
#include "test/unit/dns/world.h"

namespace dns_test {
namespace {

using dns::RrType;

constexpr std::uint16_t kDo = 0x8000;
constexpr std::size_t kNames = 1000;
constexpr std::size_t kSignedNames = 20;  // signing is slow under valgrind

template <typename T>
T must(base::Result<T> result) {
    if (!result) {
        throw std::runtime_error(result.error().detail);
    }
    return std::move(result).take_value();
}

dns::ZoneSource zone(const std::string& name, std::size_t names) {
    std::vector<std::string> lines = {"alias CNAME host1",
                                      "*.wild TXT any",
                                      "d DNAME host1",
                                      "cut NS ns.cut",
                                      "ns.cut A 192.0.2.2"};
    for (const char* const host : {"mx1", "mx2", "mx3"}) {
        lines.push_back("fixed MX 10 " + std::string(host) + ".hosts.test.");
    }
    for (std::size_t i = 0; i < names; ++i) {
        lines.push_back("host" + std::to_string(i) + " A 192.0.2.1");
    }
    dns::ZoneSource source = zone_source(name, lines);
    source.steers_mail = true;
    return source;
}

// A zone with its key records, compiled.
struct ToSign {
    ToSign(const std::string& name, dns::dnssec::Denial denial)
        : plan(std::make_shared<dns::dnssec::ZoneSigning>()),
          written(must(dns::build_zone(zone(name, kSignedNames)))) {
        plan->zone_keys = {dns::dnssec::zone_key(dnssec_test::p256_key())};
        plan->published = {dnssec_test::public_half(dnssec_test::p256_key())};
        plan->denial = denial;
        dns::Zone whole = written;
        must(dns::add_key_sets(whole, *plan));
        image = std::make_shared<const dns::ZoneImage>(must(dns::compile_zone(whole)));
    }

    std::shared_ptr<dns::dnssec::ZoneSigning> plan;
    dns::Zone written;
    std::shared_ptr<const dns::ZoneImage> image;
};

std::vector<WarmQuery> all_queries() {
    const std::string cookie("\0\12\0\10clientpt", 12);
    const auto plain = [](const char* name, RrType type) {
        return QueryBuilder().question(name, type).opt().bytes();
    };
    const auto with_do = [](const char* name, RrType type) {
        return QueryBuilder().question(name, type).opt(1232, 0, {}, kDo).bytes();
    };
    return {
        {"static", plain("host7.plain.test", RrType::A), 0, 1},
        {"static-without-edns",
         QueryBuilder().question("host7.plain.test", RrType::A).bytes(),
         0,
         1},
        {"static-with-cookie",
         QueryBuilder().question("host7.plain.test", RrType::A).opt(1232, 0, cookie).bytes(),
         0,
         1},
        {"fixed-mx", plain("fixed.plain.test", RrType::Mx), 0, 3},
        {"steered", plain("plain.test", RrType::Mx), 0, 3},
        {"nxdomain", plain("absent.plain.test", RrType::A), 3, 0},
        {"nodata", plain("host7.plain.test", RrType::Txt), 0, 0},
        {"alias", plain("alias.plain.test", RrType::A), 0, 2},
        {"wildcard", plain("x.wild.plain.test", RrType::Txt), 0, 1},
        {"dname", plain("x.d.plain.test", RrType::Cname), 0, 2},
        {"referral", plain("x.cut.plain.test", RrType::A), 0, 0},
        {"soa", plain("plain.test", RrType::Soa), 0, 1},
        {"refused", plain("elsewhere.test", RrType::A), 5, 0},
        {"signed", with_do("host7.signed.test", RrType::A), 0, 2},
        {"signed-steered", with_do("signed.test", RrType::Mx), 0, 4},
        {"signed-soa", with_do("signed.test", RrType::Soa), 0, 2},
        {"signed-nodata", with_do("host7.signed.test", RrType::Txt), 0, 0},
        {"signed-nxdomain", with_do("absent.signed.test", RrType::A), 3, 0},
        {"hashed-nodata", with_do("host7.hashed.test", RrType::Txt), 0, 0},
        {"hashed-nxdomain", with_do("absent.hashed.test", RrType::A), 3, 0},
    };
}

}  // namespace

dns::AnswerPolicy warm_policy() {
    dns::AnswerPolicy policy;
    policy.cookies = true;
    policy.rate_limits.answers_per_second = 1'000'000;
    policy.rate_limits.errors_per_second = 1'000'000;
    policy.nsid = "ns1";
    return policy;
}

WarmWorld::WarmWorld(std::int64_t now_s) : now_s_(now_s), queries_(all_queries()) {
    const Pool mail = pool(dns::PoolKind::Mail, {4, 2, 1});
    const ToSign nsec("signed.test", dns::dnssec::Denial::Nsec);
    const ToSign nsec3("hashed.test", dns::dnssec::Denial::Nsec3);
    const auto compiled = [](const dns::ZoneSource& source) {
        return std::make_shared<const dns::ZoneImage>(
            must(dns::compile_zone(must(dns::build_zone(source)))));
    };
    const dns::NameTable::Zones zones = {compiled(zone_source("hosts.test",
                                                              {"ns1 A 192.0.2.61",
                                                               "ns2 A 192.0.2.62",
                                                               "mx1 A 192.0.2.1",
                                                               "mx2 A 192.0.2.2",
                                                               "mx3 A 192.0.2.3"})),
                                         compiled(zone("plain.test", kNames)),
                                         nsec.image,
                                         nsec3.image};
    dns::Snapshot::Source source;
    source.id = 1;
    source.key = {1, 2};
    source.names = std::make_shared<const dns::NameTable>(zones, 7);
    dns::Snapshot::ZoneSets sets;
    sets.mail = must(dns::SteeredSet::build(mail.source(0), *source.names));
    dns::dnssec::SignatureCache cache;
    sealed_.resize(2);
    std::vector<dns::Snapshot::ZoneSeal> all_seals(sealed_.size());
    for (const ToSign* const zone : {&nsec, &nsec3}) {
        sealed_.push_back(must(dns::seal_zone(
            {zone->written, *zone->image, sets, zone->plan, kSerial, now_s, {}}, cache, nullptr)));
        all_seals.push_back(sealed_.back().seal);
    }
    steer_all(source, zones.size(), kSerial, std::move(sets));
    source.seals = seals(std::move(all_seals));
    snapshot_ = must(dns::Snapshot::create(std::move(source)));
}

void WarmWorld::warm_up(const dns::Client& client) {
    const auto asks = must(dns::dnssec::AskQueue::create());
    dns::ThreadState state(0, warm_policy());
    state.guard.set_time({static_cast<std::uint32_t>(now_s_), 0});
    state.asks = asks.get();
    std::vector<std::byte> out(dns::kUdpResponseMax);
    for (bool asked = true; asked;) {
        asked = false;
        for (const WarmQuery& query : queries_) {
            (void)dns::answer(*snapshot_, query.packet, client, state, out);
            while (const auto ask = asks->pop()) {
                sign(*ask);
                asked = true;
            }
        }
    }
}

void WarmWorld::sign(const dns::dnssec::Ask& ask) {
    const dns::dnssec::ZoneVariants& zone = *sealed_[ask.index].seal.variants;
    const auto* const wanted =
        snapshot_->parts(ask.index).mail->find_variant(dns::SteeredKind::Mx, ask.content);
    if (wanted == nullptr) {
        throw std::runtime_error("what is asked for is no variant");
    }
    dns::dnssec::SignedVariant made =
        must(dns::dnssec::sign_place(zone.source(),
                                     zone.source().places[ask.place],
                                     wanted->records,
                                     {now_s_ - 1000, now_s_ + 100000}));
    made.content = ask.content;
    (void)zone.add(ask.place, made, now_s_);
}

}  // namespace dns_test
