// What answer() gives to a query with DO of a signed zone: RFC 4035 3.1.

#include <sstream>

#include <boost/test/unit_test.hpp>

#include "dns/answer.h"
#include "dns/dnssec/zone_signatures.h"
#include "test/unit/dns/dnssec/text.h"
#include "test/unit/dns/world.h"

using namespace dns::dnssec;  // NOLINT(google-build-using-namespace): what is tested
using dnssec_test::name;

namespace {

std::unique_ptr<const dns::Snapshot> signed_world() {
    ZoneSigning signing;
    signing.zone_keys = {zone_key(dnssec_test::ed25519_key())};
    signing.published = {dnssec_test::public_half(dnssec_test::ed25519_key())};
    signing.validity = {1'800'000'000, 1'801'000'000};
    signing.serial = dns_test::kSerial;
    const dns::Zone plain = dns::build_zone(dns_test::zone_source("z.test",
                                                                  {"www A 192.0.2.1",
                                                                   "mail MX 10 www",
                                                                   "alias CNAME www",
                                                                   "a.b.c TXT deep",
                                                                   "*.w CNAME www",
                                                                   "d DNAME www",
                                                                   "cut NS ns.cut",
                                                                   "ns.cut A 192.0.2.2"}))
                                .take_value();
    const SignedZone all = sign_zone(plain, signing).take_value();
    dns::Zone whole = plain;
    whole.names[whole.apex].merge(key_sets(whole.apex, signing));
    auto image = std::make_shared<const dns::ZoneImage>(dns::compile_zone(whole).take_value());
    dns::Snapshot::Source source;
    source.id = 1;
    source.signatures = {
        std::make_shared<const ZoneSignatures>(ZoneSignatures::build(*image, all).take_value())};
    source.names =
        std::make_shared<const dns::NameTable>(dns::NameTable::Zones{std::move(image)}, 7);
    source.zones.resize(1);
    source.serials = {dns_test::kSerial};
    return dns::Snapshot::create(std::move(source)).take_value();
}

// Records as "owner TYPE", of RRSIG with the type that they cover, parted by commas.
std::string shape(const std::vector<std::string>& records) {
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

struct Case {
    const char* name;
    dns::RrType type;
    unsigned rcode;
    const char* answer;
    const char* authority;
    const char* additional;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(dns_dnssec_signed_answer)

BOOST_AUTO_TEST_CASE(answers_carry_signatures_and_denials) {
    using dns::RrType;
    constexpr auto kTxt = RrType::Txt;
    const Case cases[] = {
        {"www.z.test", RrType::A, 0, "www. A, www. RRSIG A", "", ""},
        {"mail.z.test", RrType::Mx, 0, "mail. MX, mail. RRSIG MX", "", ""},
        {"z.test", RrType::Soa, 0, " SOA,  RRSIG SOA", "", ""},
        {"z.test", static_cast<RrType>(48), 0, " DNSKEY,  RRSIG DNSKEY", "", ""},
        {"www.z.test", RrType::Nsec, 0, "www. NSEC, www. RRSIG NSEC", "", ""},
        {"www.z.test", RrType::Any, 0, "www. A, www. RRSIG A", "", ""},
        {"alias.z.test",
         RrType::A,
         0,
         "alias. CNAME, alias. RRSIG CNAME, www. A, www. RRSIG A",
         "",
         ""},
        {"www.z.test", kTxt, 0, "", " SOA,  RRSIG SOA, www. NSEC, www. RRSIG NSEC", ""},
        {"b.c.z.test", kTxt, 0, "", " SOA,  RRSIG SOA, alias. NSEC, alias. RRSIG NSEC", ""},
        {"none.z.test",
         kTxt,
         3,
         "",
         " SOA,  RRSIG SOA, mail. NSEC, mail. RRSIG NSEC,  NSEC,  RRSIG NSEC",
         ""},
        {"0.z.test", kTxt, 3, "", " SOA,  RRSIG SOA,  NSEC,  RRSIG NSEC", ""},
        {"x.w.z.test",
         RrType::A,
         0,
         "x.w. CNAME, x.w. RRSIG CNAME, www. A, www. RRSIG A",
         "*.w. NSEC, *.w. RRSIG NSEC",
         ""},
        {"x.d.z.test",
         RrType::A,
         3,
         "d. DNAME, d. RRSIG DNAME, x.d. CNAME",
         " SOA,  RRSIG SOA, www. NSEC, www. RRSIG NSEC",
         ""},
        {"a.cut.z.test", RrType::A, 0, "", "cut. NS, cut. NSEC, cut. RRSIG NSEC", "ns.cut. A"},
        {"cut.z.test", RrType::Ds, 0, "", " SOA,  RRSIG SOA, cut. NSEC, cut. RRSIG NSEC", ""},
    };
    const auto world = signed_world();
    dns_test::Asker asker(*world);
    for (const Case& line : cases) {
        BOOST_TEST_CONTEXT(line.name) {
            const auto packet = asker.ask(
                dns_test::QueryBuilder().question(line.name, line.type).opt(1232, 0, {}, 0x8000));
            BOOST_TEST(packet.rcode == line.rcode);
            BOOST_TEST(!packet.truncated);
            BOOST_TEST(shape(packet.answer) == line.answer);
            BOOST_TEST(shape(packet.authority) == line.authority);
            BOOST_TEST(shape(packet.additional) == line.additional);
            for (const auto& plain : {asker.ask(line.name, line.type)}) {
                for (const auto& section : {plain.answer, plain.authority, plain.additional}) {
                    BOOST_TEST((shape(section).find("RRSIG") == std::string::npos ||
                                line.type == RrType::Nsec));
                }
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(what_does_not_fit_is_cut_whole) {
    const std::string label(60, 'n');
    const std::string long_name = label + "." + label + "." + label + ".z.test";
    const auto world = signed_world();
    dns_test::Asker asker(*world);
    const auto packet = asker.ask(
        dns_test::QueryBuilder().question(long_name, dns::RrType::A).opt(512, 0, {}, 0x8000));
    BOOST_TEST(packet.truncated);
    BOOST_TEST(packet.authority.empty());
    asker.client.transport = dns::Transport::Tcp;
    BOOST_TEST(!asker
                    .ask(dns_test::QueryBuilder()
                             .question(long_name, dns::RrType::A)
                             .opt(512, 0, {}, 0x8000))
                    .truncated);
}

BOOST_AUTO_TEST_SUITE_END()
