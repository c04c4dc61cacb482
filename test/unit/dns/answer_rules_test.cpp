// Rules of RFCs that answer_test.cpp has no case for: the corners that servers get wrong. Which
// test shows which rule: test/conformance/DNS_CHECKLIST.md.

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "dns/answer.h"
#include "dns/ldns_door.h"
#include "test/unit/dns/world.h"

using dns::RrType;
using dns_test::Asker;
using dns_test::PacketText;
using dns_test::QueryBuilder;

namespace {

using Lines = std::vector<std::string>;

constexpr unsigned kNoError = 0;
constexpr unsigned kFormErr = 1;
constexpr unsigned kNxDomain = 3;
constexpr unsigned kNotImp = 4;
constexpr unsigned kRefused = 5;

const std::string kSoa =
    "example.test. 60 SOA ns1.hosts.test. hostmaster.hosts.test. 2026112201 7200 900 1209600 60";

struct DataCase {
    const char* type;
    const char* data;
};

// One of each kind of data that our own code, ldns or both read in some way of their own.
constexpr DataCase kData[] = {
    {"SVCB", "1 svc.example.test. alpn=h2 port=8443"},
    {"HTTPS", "0 www.example.test."},
    {"CAA", "0 issue \"ca.example.net\""},
    {"TLSA", "3 1 1 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"},
    {"SMIMEA", "3 0 0 aabb"},
    {"SSHFP", "4 2 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"},
    {"OPENPGPKEY", "AQIDBA=="},
    {"NAPTR", "10 20 \"s\" \"SIP+D2U\" \"\" _sip._udp.example.test."},
    {"URI", "10 1 \"https://www.example.test/\""},
    {"LOC", "52 22 23.000 N 4 53 32.000 E -2.00m 0.00m 10000m 10m"},
    {"CERT", "PKIX 1 8 AQIDBA=="},
    {"PTR", "www.example.test."},
    {"HINFO", "\"a\" \"b\""},
    {"RP", "admin.example.test. text.example.test."},
    {"EUI48", "00-00-5e-00-53-2a"},
    {"TYPE65280", "\\# 3 abcdef"},
    {"TYPE300", "\\# 0"},
    {"TYPE99", "\\# 4 03616263"},
};

std::vector<dns::ZoneSource> zones() {
    Lines lines = {"*.wild TXT \"any\"",
                   "a.deep.wild A 192.0.2.1",
                   "sub.wild NS ns.elsewhere.test.",
                   "*.b.star TXT \"lower\"",
                   "*.star TXT \"upper\"",
                   "x.*.middle TXT \"below a star\"",
                   "child NS ns.elsewhere.test.",
                   "*.child A 192.0.2.2",
                   "self CNAME self",
                   "*.spin CNAME x.spin",
                   "*.grow CNAME x.y.grow",
                   "dl DNAME x.dl",
                   "d1 DNAME d2",
                   "d2 DNAME d1",
                   "dw DNAME wild",
                   "dup DNAME up",
                   "up A 192.0.2.3",
                   "one.two.three.up TXT \"deep\"",
                   "big TXT \"" + std::string(200, 'x') + "\"",
                   "www A 192.0.2.4"};
    std::size_t number = 0;
    for (const DataCase& c : kData) {
        lines.push_back("t" + std::to_string(number++) + " " + c.type + " " + c.data);
    }
    std::vector<dns::ZoneSource> result = {dns_test::zone_source("example.test", lines)};
    auto mail =
        dns_test::zone_source("mail.test", {"* A 192.0.2.70", "* MX 5 www", "www A 192.0.2.1"});
    mail.steers_mail = true;
    mail.steers_access = true;
    result.push_back(mail);
    auto brief = dns_test::zone_source("brief.test", {});
    brief.soa.ttl = 20;
    brief.soa.minimum = 3600;
    result.push_back(brief);
    return result;
}

struct World {
    dns_test::Pool mail = dns_test::pool(dns::PoolKind::Mail, {1, 1});
    dns_test::Pool access = dns_test::pool(dns::PoolKind::Access, {1, 1});
    std::unique_ptr<const dns::Snapshot> snapshot = dns_test::snapshot(zones(), &mail, &access);
    Asker asker{*snapshot};
};

void check(const PacketText& packet,
           unsigned rcode,
           const Lines& answer,
           const Lines& authority = {}) {
    BOOST_TEST(packet.parsed);
    BOOST_TEST(packet.rcode == rcode);
    BOOST_TEST(packet.answer == answer, boost::test_tools::per_element());
    BOOST_TEST(packet.authority == authority, boost::test_tools::per_element());
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(dns_answer_rules, World)

BOOST_AUTO_TEST_CASE(a_wildcard_ends_where_a_name_stands) {
    // RFC 4592 2.2.2 and 3.3.1: "deep" exists, though it has nothing.
    check(asker.ask("deep.wild.example.test", RrType::Txt), kNoError, {}, {kSoa});
    check(asker.ask("x.deep.wild.example.test", RrType::Txt), kNxDomain, {}, {kSoa});
    check(asker.ask("x.a.deep.wild.example.test", RrType::Txt), kNxDomain, {}, {kSoa});
    check(asker.ask("deeper.wild.example.test", RrType::Txt),
          kNoError,
          {"deeper.wild.example.test. 300 TXT \"any\""});
}

BOOST_AUTO_TEST_CASE(the_closest_wildcard_alone_counts) {
    check(asker.ask("q.b.star.example.test", RrType::Txt),
          kNoError,
          {"q.b.star.example.test. 300 TXT \"lower\""});
    check(asker.ask("q.b.star.example.test", RrType::A), kNoError, {}, {kSoa});
    check(asker.ask("b.star.example.test", RrType::Txt), kNoError, {}, {kSoa});
    check(asker.ask("c.star.example.test", RrType::Txt),
          kNoError,
          {"c.star.example.test. 300 TXT \"upper\""});
}

BOOST_AUTO_TEST_CASE(a_star_that_is_not_the_first_label_is_a_label) {
    // RFC 4592 2.1.1: and the name "*.middle" above it is a wildcard without data.
    check(asker.ask("x.*.middle.example.test", RrType::Txt),
          kNoError,
          {"x.*.middle.example.test. 300 TXT \"below a star\""});
    check(asker.ask("x.y.middle.example.test", RrType::Txt), kNoError, {}, {kSoa});
    check(asker.ask("y.middle.example.test", RrType::Txt), kNoError, {}, {kSoa});
}

BOOST_AUTO_TEST_CASE(a_delegation_is_stronger_than_a_wildcard) {
    for (const char* name :
         {"x.child.example.test", "child.example.test", "*.child.example.test"}) {
        const PacketText packet = asker.ask(name, RrType::A);
        check(packet, kNoError, {}, {"child.example.test. 300 NS ns.elsewhere.test."});
        BOOST_TEST(!packet.authoritative);
    }
    check(asker.ask("x.sub.wild.example.test", RrType::Txt),
          kNoError,
          {},
          {"sub.wild.example.test. 300 NS ns.elsewhere.test."});
    check(asker.ask("child.example.test", RrType::Any),
          kNoError,
          {},
          {"child.example.test. 300 NS ns.elsewhere.test."});
}

BOOST_AUTO_TEST_CASE(every_loop_ends) {
    for (const dns::Transport transport : {dns::Transport::Udp, dns::Transport::Tcp}) {
        asker.client.transport = transport;
        for (const char* name : {"self.example.test",
                                 "x.spin.example.test",
                                 "q.spin.example.test",
                                 "q.grow.example.test",
                                 "a.dl.example.test",
                                 "a.d1.example.test",
                                 "a.b.c.d2.example.test"}) {
            BOOST_TEST_CONTEXT(name) {
                const PacketText packet = asker.ask(name, RrType::A);
                BOOST_TEST(packet.parsed);
                BOOST_TEST(packet.rcode == kNoError);
                BOOST_TEST(!packet.answer.empty());
                BOOST_TEST(packet.answer.size() <= 2 * dns::kChainMax);
                check(asker.ask("www.example.test", RrType::A),
                      kNoError,
                      {"www.example.test. 300 A 192.0.2.4"});
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(a_loop_of_long_names_is_well_formed) {
    // Over TCP it grows past 4096 octets, where pointers into images end.
    asker.client.transport = dns::Transport::Tcp;
    const std::string label(60, 'l');
    for (std::size_t octets = 1; octets <= 54; ++octets) {
        const std::string name =
            label + "." + label + "." + label + "." + std::string(octets, 'm') + ".d1.example.test";
        const PacketText packet = asker.ask(name, RrType::Mx);
        BOOST_REQUIRE(packet.parsed);
        BOOST_REQUIRE(!packet.answer.empty());
    }
}

BOOST_AUTO_TEST_CASE(a_dname_leads_to_wildcards_and_to_names_far_below) {
    check(asker.ask("q.dw.example.test", RrType::Txt),
          kNoError,
          {"dw.example.test. 300 DNAME wild.example.test.",
           "q.dw.example.test. 300 CNAME q.wild.example.test.",
           "q.wild.example.test. 300 TXT \"any\""});
    check(asker.ask("one.two.three.dup.example.test", RrType::Txt),
          kNoError,
          {"dup.example.test. 300 DNAME up.example.test.",
           "one.two.three.dup.example.test. 300 CNAME one.two.three.up.example.test.",
           "one.two.three.up.example.test. 300 TXT \"deep\""});
    // An empty non-terminal at its end is no data, not no name (RFC 8020).
    check(asker.ask("two.three.dup.example.test", RrType::Txt),
          kNoError,
          {"dup.example.test. 300 DNAME up.example.test.",
           "two.three.dup.example.test. 300 CNAME two.three.up.example.test."},
          {kSoa});
    // Asked for below itself, a DNAME is rewritten like any type (RFC 6672 3.2).
    check(asker.ask("x.dup.example.test", RrType::Dname),
          kNxDomain,
          {"dup.example.test. 300 DNAME up.example.test.",
           "x.dup.example.test. 300 CNAME x.up.example.test."},
          {kSoa});
}

BOOST_AUTO_TEST_CASE(any_is_minimal_wherever_it_leads) {
    check(asker.ask("q.wild.example.test", RrType::Any),
          kNoError,
          {"q.wild.example.test. 3600 HINFO \"RFC8482\" \"\""});
    check(asker.ask("up.example.test", RrType::Any),
          kNoError,
          {"up.example.test. 3600 HINFO \"RFC8482\" \"\""});
    check(asker.ask("up.dw.example.test", RrType::Any),
          kNoError,
          {"dw.example.test. 300 DNAME wild.example.test.",
           "up.dw.example.test. 300 CNAME up.wild.example.test.",
           "up.wild.example.test. 3600 HINFO \"RFC8482\" \"\""});
    asker.client.transport = dns::Transport::Tcp;
    BOOST_TEST(asker.ask("mail.test", RrType::Any).answer.size() == 1U);
}

BOOST_AUTO_TEST_CASE(the_negative_ttl_is_the_lower_of_two) {
    // RFC 2308 3: here the TTL of the SOA.
    check(asker.ask("no.brief.test", RrType::A),
          kNxDomain,
          {},
          {"brief.test. 20 SOA ns1.hosts.test. hostmaster.hosts.test. 2026112201 7200 900 1209600 "
           "3600"});
    BOOST_TEST(asker.ask("brief.test", RrType::Soa).answer.at(0).starts_with("brief.test. 20 SOA"));
}

BOOST_AUTO_TEST_CASE(a_wildcard_stands_back_behind_steered_names) {
    BOOST_TEST(asker.ask("imap.mail.test", RrType::A).answer.size() == 2U);
    check(asker.ask("imap.mail.test", RrType::Mx),
          kNoError,
          {},
          {"mail.test. 60 SOA ns1.hosts.test. hostmaster.hosts.test. 2026112201 7200 900 1209600 "
           "60"});
    check(asker.ask("else.mail.test", RrType::Mx),
          kNoError,
          {"else.mail.test. 300 MX 5 www.mail.test."});
    BOOST_TEST(asker.ask("mail.test", RrType::Mx).answer.size() == 2U);
    // The internal view's names are nobody's, wildcard or not.
    BOOST_TEST(asker.ask("x._account.mail.test", RrType::A).rcode == kRefused);
}

BOOST_AUTO_TEST_CASE(every_other_opcode_is_not_implemented) {
    for (unsigned opcode = 1; opcode <= 15; ++opcode) {
        const auto query = QueryBuilder()
                               .question("www.example.test", RrType::A)
                               .flags(static_cast<std::uint16_t>(opcode << 11));
        const auto reply = asker.raw(query.bytes());
        BOOST_REQUIRE(reply.size() >= dns::kHeaderSize);
        BOOST_TEST((dns::load_u16(reply.data() + 2) & 0x0fU) == kNotImp);
        BOOST_TEST((dns::load_u16(reply.data() + 2) >> 11 & 15U) == opcode);
        BOOST_TEST(dns::load_u16(reply.data() + 6) == 0U);
    }
}

BOOST_AUTO_TEST_CASE(no_flag_of_a_query_changes_its_answer) {
    const auto expected = asker.raw(QueryBuilder().question("www.example.test", RrType::A).bytes());
    for (const unsigned flag : {0x0400U, 0x0200U, 0x0080U, 0x0040U, 0x0020U, 0x0010U, 0x000fU}) {
        const auto reply = asker.raw(QueryBuilder()
                                         .question("www.example.test", RrType::A)
                                         .flags(static_cast<std::uint16_t>(flag))
                                         .bytes());
        BOOST_TEST((reply == expected), "flag " << flag);
    }
    // Unknown flags of EDNS neither (RFC 6891 6.1.4), nor unknown options.
    const PacketText odd =
        asker.ask(QueryBuilder()
                      .question("www.example.test", RrType::A)
                      .opt(1232, 0, std::string_view("\xff\xee\0\2xy", 6), 0x7fff));
    check(odd, kNoError, {"www.example.test. 300 A 192.0.2.4"});
    BOOST_TEST(!odd.dnssec_ok);
    BOOST_TEST(odd.additional.empty());
}

BOOST_AUTO_TEST_CASE(other_classes_are_refused) {
    for (const unsigned rr_class : {0U, 2U, 3U, 4U, 254U, 255U, 256U, 65535U}) {
        check(asker.ask(QueryBuilder().question(
                  "www.example.test", 1, static_cast<std::uint16_t>(rr_class))),
              kRefused,
              {});
    }
}

BOOST_AUTO_TEST_CASE(every_type_gets_an_answer_of_its_kind) {
    // RFC 8906 3.1.2: an unknown type is no data.
    const std::set<unsigned> malformed = {41, 128};
    const std::set<unsigned> refused = {249, 250, 251, 252, 253, 254};
    for (unsigned type = 0; type <= 65535; type += type < 300 ? 1 : 997) {
        const PacketText packet = asker.ask(
            QueryBuilder().question("www.example.test", static_cast<std::uint16_t>(type)));
        BOOST_TEST_CONTEXT("type " << type) {
            BOOST_TEST(packet.parsed);
            if (malformed.contains(type)) {
                BOOST_TEST(packet.rcode == kFormErr);
            } else if (packet.rcode == kRefused) {
                BOOST_TEST(refused.contains(type));
            } else {
                BOOST_TEST(packet.rcode == kNoError);
                const bool found = type == 1 || type == 255;
                BOOST_TEST(packet.answer.size() == (found ? 1U : 0U));
                BOOST_TEST(packet.authority.size() == (found ? 0U : 1U));
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(data_of_every_kind_comes_as_it_was_written) {
    std::size_t number = 0;
    for (const DataCase& c : kData) {
        const std::string owner = "t" + std::to_string(number++) + ".example.test";
        BOOST_TEST_CONTEXT(c.type) {
            const auto type = dns::record_type(c.type).take_value();
            const auto wanted = dns::record_data(type, c.data, dns::Name()).take_value();
            const auto reply = asker.raw(QueryBuilder().question(owner, type).bytes());
            BOOST_REQUIRE(dns::load_u16(reply.data() + 6) == 1U);
            // Not compressed (RFC 3597 4), but for types of RFC 1035: the data ends the message.
            BOOST_REQUIRE(reply.size() > wanted.size());
            const bool old = std::string_view(c.type) == "PTR";
            const std::string tail(
                reinterpret_cast<const char*>(reply.data()) + reply.size() - wanted.size(),
                wanted.size());
            BOOST_TEST((old || tail == wanted));
            BOOST_TEST(dns_test::read_packet(reply).parsed);
        }
    }
}

BOOST_AUTO_TEST_CASE(what_is_malformed_has_nothing_of_the_question) {
    for (const auto& query :
         {QueryBuilder(),
          QueryBuilder().question("www.example.test", RrType::A).question("a.test", RrType::A),
          QueryBuilder().question("www.example.test", RrType::A).counts(65535, 0, 0, 0)}) {
        const auto reply = asker.raw(query.bytes());
        BOOST_REQUIRE(reply.size() == dns::kHeaderSize);
        BOOST_TEST((dns::load_u16(reply.data() + 2) & 0x0fU) == kFormErr);
        BOOST_TEST(dns::load_u16(reply.data() + 4) == 0U);
    }
}

BOOST_AUTO_TEST_CASE(a_chain_keeps_the_case_of_its_question_only) {
    const PacketText packet = asker.ask("Q.dW.eXAMPLE.tEST", RrType::Txt);
    BOOST_TEST(packet.question == "Q.dW.eXAMPLE.tEST. TXT");
    BOOST_TEST(packet.answer.size() == 3U);
    BOOST_TEST(packet.answer.at(2) == "q.wild.example.test. 300 TXT \"any\"");
}

BOOST_AUTO_TEST_SUITE_END()
