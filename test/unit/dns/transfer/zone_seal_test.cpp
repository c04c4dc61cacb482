#include "dns/transfer/zone_seal.h"

#include <boost/test/unit_test.hpp>

#include "test/unit/dns/dnssec/text.h"
#include "test/unit/dns/transfer/secondary.h"

using namespace dns::dnssec;  // NOLINT(google-build-using-namespace): whose signatures are looked
                              // at
using dns::transfer::RecordView;

namespace {

constexpr std::int64_t kNow = 1'800'000'000;

std::shared_ptr<const ZoneVariants> signer() {
    auto plan = std::make_shared<ZoneSigning>();
    plan->zone_keys = {zone_key(dnssec_test::p256_key())};
    ZoneVariants::Source source;
    source.apex = dnssec_test::name("example.test");
    source.plan = std::move(plan);
    return std::make_shared<const ZoneVariants>(std::move(source), nullptr, 0);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(dns_transfer_zone_seal)

BOOST_AUTO_TEST_CASE(a_version_has_its_soa_and_its_canonical_answer_signed) {
    const auto rows = dns_test::fixed({"www A 192.0.2.1"}, true);
    const dns::transfer::SteeredParts parts{dns_test::steered({{1, 10}, {2, 20}}), nullptr};
    const auto seal =
        dns::transfer::seal_version(*signer(), {kNow, kNow + 1000}, 41, *rows, parts).take_value();
    BOOST_TEST(seal->count() == 2U);
    const PublicKey key = dnssec_test::public_half(dnssec_test::p256_key());
    dns::RecordSet soa{rows->soa.ttl, {dns::transfer::soa_data(rows->soa, 41)}};
    dns::RecordSet mail;
    for (const RecordView record :
         dns::transfer::steered_records(rows->apex, rows->steered, parts)) {
        mail.ttl = record.ttl();
        mail.data.emplace_back(record.data());
    }
    std::size_t good = 0;
    for (const RecordView record : *seal) {
        BOOST_TEST(record.type() == kTypeRrsig);
        for (const dns::RecordSet& set : {soa, mail}) {
            good += verify_set(key, rows->apex, set, record.data(), kNow) ? 1U : 0U;
        }
    }
    BOOST_TEST(good == 2U);
}

BOOST_AUTO_TEST_CASE(a_set_that_stays_keeps_its_signature_for_a_day) {
    using dns::transfer::seal_version;
    const auto rows = dns_test::fixed({"www A 192.0.2.1"}, true);
    const dns::transfer::SteeredParts parts{dns_test::steered({{1, 10}, {2, 20}}), nullptr};
    const dns::transfer::SteeredParts others{dns_test::steered({{1, 10}}), nullptr};
    const auto signs = signer();
    const auto first = seal_version(*signs, {kNow, kNow + 1000}, 41, *rows, parts).take_value();
    const auto of_mail = [](const dns::transfer::SharedSeal& seal) {
        for (const RecordView record : *seal) {
            if (parse_rrsig(record.data()).value().covered ==
                static_cast<std::uint16_t>(dns::RrType::Mx)) {
                return std::string(record.data());
            }
        }
        return std::string();
    };
    const auto later = [&](std::int64_t seconds, const dns::transfer::SteeredParts& now) {
        return of_mail(seal_version(*signs,
                                    {kNow + seconds, kNow + seconds + 1000},
                                    42,
                                    *rows,
                                    now,
                                    {rows.get(), &parts, first.get()})
                           .take_value());
    };
    BOOST_TEST((later(dns::transfer::kSealKeptS - 1, parts) == of_mail(first)));
    BOOST_TEST((later(dns::transfer::kSealKeptS, parts) != of_mail(first)));
    BOOST_TEST((later(1, others) != of_mail(first)));
    // Another key: nothing is kept.
    auto plan = std::make_shared<ZoneSigning>();
    plan->zone_keys = {zone_key(SigningKey::generate(Algorithm::EcdsaP256))};
    ZoneVariants::Source source;
    source.apex = dnssec_test::name("example.test");
    source.plan = std::move(plan);
    const ZoneVariants rolled(std::move(source), nullptr, 0);
    const auto other =
        seal_version(
            rolled, {kNow, kNow + 1000}, 42, *rows, parts, {rows.get(), &parts, first.get()})
            .take_value();
    BOOST_TEST((of_mail(other) != of_mail(first)));
}

BOOST_AUTO_TEST_CASE(secondaries_get_the_seal_of_each_version) {
    const auto rows = dns_test::fixed({"www A 192.0.2.1"}, true);
    const auto signs = signer();
    dns::transfer::SharedZone zone;
    dns_test::Secondary secondary;
    for (std::uint32_t serial = 1; serial <= 3; ++serial) {
        const dns::transfer::SteeredParts parts{
            dns_test::steered({{1, 10}, {2, static_cast<std::uint16_t>(serial * 10)}}), nullptr};
        auto seal = dns::transfer::seal_version(*signs, {kNow, kNow + 1000}, serial, *rows, parts)
                        .take_value();
        zone = dns::transfer::next_version(
            zone, serial, dns::transfer::SerialOrigin::Own, rows, parts, std::move(seal));
        (void)secondary.fetch(zone);
        BOOST_TEST(secondary.records.size() == 7U);  // NS, NS, A, MX, MX, RRSIG, RRSIG
    }
}

BOOST_AUTO_TEST_SUITE_END()
