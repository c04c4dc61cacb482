#include "dns/dnssec/zone_signer.h"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <boost/test/unit_test.hpp>
#include <unistd.h>

#include "base/clock.h"
#include "test/unit/dns/dnssec/text.h"
#include "test/unit/dns/world.h"

using namespace dns::dnssec;  // NOLINT(google-build-using-namespace): what is tested
using dnssec_test::data;
using dnssec_test::name;

namespace {

constexpr std::uint32_t kSerial = 2026112601;

// A zone with what signing has to tell apart: wildcard, alias, empty non-terminal, delegations with
// and without DS, glue, types that are not known, a steered MX.
dns::Zone make_zone() {
    dns::ZoneSource source =
        dns_test::zone_source("Example.test",
                              {"@ TXT \"the apex\"",
                               "www A 192.0.2.1",
                               "www A 192.0.2.2",
                               "www AAAA 2001:db8::1",
                               "a.b.c TXT deep",
                               "*.wild MX 10 Mx.Other.test.",
                               "alias CNAME www",
                               "away DNAME other.test.",
                               "x TYPE65280 \\# 3 abcdef",
                               "_imaps._tcp SRV 0 1 993 Www",
                               "secure NS ns.secure",
                               "secure DS 1 13 2 "
                               "b4c8c1fe2e7477127b27115656ad6256f424625bf5c1e2770ce6d6e37df61d17",
                               "ns.secure A 192.0.2.9",
                               "plain NS ns.plain",
                               "ns.plain AAAA 2001:db8::9"});
    source.steers_mail = true;
    return dns::build_zone(source).take_value();
}

ZoneSigning make_signing(std::int64_t now_s, Denial denial = Denial::Nsec) {
    ZoneSigning signing;
    signing.zone_keys = {zone_key(dnssec_test::p256_key())};
    signing.published = {dnssec_test::public_half(dnssec_test::p256_key())};
    signing.delegation_wanted = signing.published;
    signing.denial = denial;
    signing.validity = validity_at(now_s, name("example.test"), {});
    signing.serial = kSerial;
    signing.steered[name("example.test")][15] = {
        60, {data("MX", "10 mx1.other.test."), data("MX", "10 Mx2.other.test.")}};
    return signing;
}

constexpr std::int64_t kNow = 1'800'000'000;

SignedZone sign(Denial denial = Denial::Nsec) {
    return sign_zone(make_zone(), make_signing(kNow, denial)).take_value();
}

// Runs a tool over a zone as text; what it printed if it was not content.
std::string complaint(const std::string& command, const SignedZone& zone) {
    const auto file =
        std::filesystem::temp_directory_path() / ("signed-zone-" + std::to_string(::getpid()));
    std::ofstream(file) << zone_text(zone).value();
    std::FILE* const pipe = ::popen((command + " " + file.string() + " 2>&1").c_str(), "r");
    BOOST_REQUIRE(pipe != nullptr);
    std::string said;
    std::array<char, 512> part{};
    while (std::fgets(part.data(), part.size(), pipe) != nullptr) {
        said += part.data();
    }
    const int status = ::pclose(pipe);
    std::filesystem::remove(file);
    return status == 0 ? "" : "failed: " + said;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(dns_dnssec_zone_signer)

BOOST_AUTO_TEST_CASE(signs_what_is_its_own_and_nothing_else) {
    const SignedZone zone = sign();
    const PublicKey key = dnssec_test::public_half(dnssec_test::p256_key());
    std::size_t signatures = 0;
    for (const auto& [owner, sets] : zone.names) {
        for (const auto& [type, set] : sets) {
            for (const std::string& rrsig : set.signatures) {
                BOOST_TEST(verify_set(key, owner, set.set, rrsig, kNow), owner.to_text());
                ++signatures;
            }
        }
    }
    BOOST_TEST(signatures == 26U);
    const auto count = [&zone](const char* owner, std::uint16_t type) {
        return zone.names.at(name(owner)).at(type).signatures.size();
    };
    BOOST_TEST(count("example.test", 15) == 1U);
    BOOST_TEST(count("secure.example.test", kTypeDs) == 1U);
    BOOST_TEST(count("secure.example.test", kTypeNsec) == 1U);
    BOOST_TEST(count("secure.example.test", 2) == 0U);
    BOOST_TEST(count("ns.secure.example.test", 1) == 0U);
    BOOST_TEST(!zone.names.at(name("ns.secure.example.test")).contains(kTypeNsec));
    BOOST_TEST(!zone.names.contains(name("b.c.example.test")));
}

BOOST_AUTO_TEST_CASE(denial_lists_what_a_name_has) {
    const SignedZone zone = sign();
    const auto nsec = [&zone](const char* owner) {
        return dnssec_test::text("NSEC", zone.names.at(name(owner)).at(kTypeNsec).set.data.front());
    };
    BOOST_TEST(nsec("example.test") ==
               "_imaps._tcp.example.test. NS SOA MX TXT RRSIG NSEC DNSKEY CDS CDNSKEY ");
    BOOST_TEST(nsec("secure.example.test") == "*.wild.example.test. NS DS RRSIG NSEC ");
    BOOST_TEST(nsec("plain.example.test") == "secure.example.test. NS RRSIG NSEC ");
    BOOST_TEST(zone.names.at(name("example.test")).at(kTypeNsec).set.ttl == 60U);
}

BOOST_AUTO_TEST_CASE(compact_zones_deny_each_name_for_itself) {
    const SignedZone zone = sign(Denial::Compact);
    std::string chained;
    for (const auto& [owner, sets] : zone.names) {
        chained += sets.contains(kTypeNsec) ? owner.to_text() + " " : "";
        BOOST_TEST(!sets.contains(kTypeNsec3));
    }
    // The wildcard, and what comes before its parent, which has no record.
    BOOST_TEST(chained == "secure.example.test. *.wild.example.test. ");
    const auto own = [&zone](const char* owner) {
        const SignedSet& set = zone.denials.at(name(owner));
        BOOST_TEST(set.signatures.size() == 1U);
        return dnssec_test::text("NSEC", set.set.data.front());
    };
    BOOST_TEST(own("secure.example.test") == "\\000.secure.example.test. NS DS RRSIG NSEC ");
    BOOST_TEST(own("c.example.test") == "\\000.c.example.test. RRSIG NSEC ");
    BOOST_TEST(!zone.denials.contains(name("ns.secure.example.test")));
}

BOOST_AUTO_TEST_CASE(zones_with_hashes_say_how_they_hash) {
    const SignedZone zone = sign(Denial::Nsec3);
    const SignedSet& set = zone.names.at(name("example.test")).at(kTypeNsec3param);
    BOOST_TEST(set.set.data.front() == nsec3param_data());
    BOOST_TEST(set.signatures.size() == 1U);
    BOOST_TEST(key_sets(zone.apex, make_signing(kNow, Denial::Nsec3)).contains(kTypeNsec3param));
    BOOST_TEST(!key_sets(zone.apex, make_signing(kNow)).contains(kTypeNsec3param));
}

BOOST_AUTO_TEST_CASE(ldns_and_bind_verify_the_zone) {
    // The tools compare with the clock of this machine.
    const std::int64_t now_s = base::wall_us() / 1'000'000;
    for (const Denial denial : {Denial::Nsec, Denial::Nsec3}) {
        for (const SigningKey& signer : {dnssec_test::p256_key(), dnssec_test::ed25519_key()}) {
            ZoneSigning signing = make_signing(now_s, denial);
            signing.zone_keys = {zone_key(signer)};
            signing.published = {dnssec_test::public_half(signer)};
            signing.delegation_wanted = signing.published;
            const SignedZone zone = sign_zone(make_zone(), signing).take_value();
            BOOST_TEST(complaint("ldns-verify-zone", zone) == "");
            BOOST_TEST(complaint("dnssec-verify -z -o example.test", zone) == "");
        }
    }
}

BOOST_AUTO_TEST_CASE(ldns_and_bind_see_what_is_wrong) {
    const std::int64_t now_s = base::wall_us() / 1'000'000;
    const SignedZone good = sign_zone(make_zone(), make_signing(now_s)).take_value();
    SignedZone changed = good;
    changed.names.at(name("www.example.test")).at(1).set.data.pop_back();
    SignedZone torn = good;
    torn.names.at(name("www.example.test")).erase(kTypeNsec);
    const SignedZone late =
        sign_zone(make_zone(), make_signing(now_s - std::int64_t{30} * 86400)).take_value();
    for (const SignedZone& bad : {changed, torn, late}) {
        BOOST_TEST(complaint("ldns-verify-zone", bad) != "");
        BOOST_TEST(complaint("dnssec-verify -z -o example.test", bad) != "");
    }
}

BOOST_AUTO_TEST_CASE(while_keys_change_both_sign_the_keys) {
    ZoneSigning signing = make_signing(kNow);
    const SigningKey next = SigningKey::generate(Algorithm::EcdsaP256);
    signing.key_keys = {zone_key(next)};
    signing.published.push_back(dnssec_test::public_half(next));
    const SignedZone zone = sign_zone(make_zone(), signing).take_value();
    const SignedSets& apex = zone.names.at(name("example.test"));
    BOOST_TEST(apex.at(kTypeDnskey).signatures.size() == 2U);
    BOOST_TEST(apex.at(kTypeDnskey).set.data.size() == 2U);
    BOOST_TEST(apex.at(6).signatures.size() == 1U);
    BOOST_TEST(apex.at(kTypeCds).set.data.size() == 1U);
    signing.delegation_removed = true;
    const SignedZone removed = sign_zone(make_zone(), signing).take_value();
    BOOST_TEST(removed.names.at(name("example.test")).at(kTypeCds).set.data.front() ==
               delete_cds_data());
}

BOOST_AUTO_TEST_CASE(a_serial_moves_with_one_signature) {
    SignedZone zone = sign();
    const ZoneSigning signing = make_signing(kNow);
    BOOST_REQUIRE(sign_serial(zone, signing, kSerial + 1));
    const SignedSet& soa = zone.names.at(name("example.test")).at(6);
    BOOST_TEST(verify_set(
        signing.published.front(), name("example.test"), soa.set, soa.signatures.front(), kNow));
    BOOST_TEST(dnssec_test::text("SOA", soa.set.data.front()).find(std::to_string(kSerial + 1)) !=
               std::string::npos);
}

BOOST_AUTO_TEST_CASE(refuses_what_it_cannot_sign) {
    ZoneSigning signing = make_signing(kNow);
    signing.zone_keys.clear();
    BOOST_TEST(sign_zone(make_zone(), signing).error().detail.find("no key") != std::string::npos);
    const dns::Zone by_hand =
        dns::build_zone(dns_test::zone_source("example.test", {"@ CDS 0 0 0 00"})).take_value();
    BOOST_TEST(sign_zone(by_hand, make_signing(kNow)).error().detail ==
               "example.test. CDS: written as a record and made by the name server");
}

BOOST_AUTO_TEST_SUITE_END()
