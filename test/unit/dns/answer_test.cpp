#include "dns/answer.h"

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

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
constexpr unsigned kYxDomain = 6;
constexpr unsigned kBadVers = 16;

Lines soa(const std::string& zone) {
    return {zone +
            ". 60 SOA ns1.hosts.test. hostmaster.hosts.test. 2026112201 7200 900 1209600 60"};
}

Lines sorted(Lines lines) {
    std::sort(lines.begin(), lines.end());
    return lines;
}

std::vector<dns::ZoneSource> zones() {
    std::vector<dns::ZoneSource> result;
    result.push_back(
        dns_test::zone_source("example.test",
                              {"www A 192.0.2.1",
                               "www A 192.0.2.2",
                               "www AAAA 2001:db8::1",
                               "@ MX 10 mail",
                               "@ MX 20 mail.elsewhere.test.",
                               "mail A 192.0.2.10",
                               "mail AAAA 2001:db8::10",
                               "_sip._tcp SRV 0 5 5060 mail",
                               "alias CNAME www",
                               "alias2 CNAME alias",
                               "out CNAME www.elsewhere.test.",
                               "dangling CNAME nowhere",
                               "loop1 CNAME loop2",
                               "loop2 CNAME loop1",
                               "a.b.c TXT \"deep\"",
                               "*.wild TXT \"any\"",
                               "*.wild MX 10 mail",
                               "sub.wild A 192.0.2.20",
                               "*.cwild CNAME www",
                               "text TXT \"*.wild\"",
                               "odd TYPE65280 \\# 3 abcdef",
                               "child NS ns.child",
                               "child NS ns.other.test.",
                               "child NS mail",
                               "ns.child A 192.0.2.30",
                               "ns.child AAAA 2001:db8::30",
                               "child DS 1 13 2 "
                               "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
                               "tochild CNAME www.child",
                               "tochildzone CNAME www.inner",
                               "d DNAME target",
                               "x.target A 192.0.2.40",
                               "dout DNAME elsewhere.test.",
                               "todname CNAME x.d"}));
    // A zone inside the other, both ours.
    result.push_back(dns_test::zone_source("inner.example.test", {"www A 192.0.2.50"}));
    auto hosts = dns_test::zone_source("hosts.test",
                                       {"ns1 A 192.0.2.61",
                                        "ns2 A 192.0.2.62",
                                        "mx1 A 192.0.2.1",
                                        "mx1 AAAA 2001:db8::1",
                                        "mx2 A 192.0.2.2",
                                        "access1 A 192.0.2.1"});
    result.push_back(hosts);
    auto mail = dns_test::zone_source("mail.test", {"www A 192.0.2.70"});
    mail.steers_mail = true;
    mail.steers_access = true;
    result.push_back(mail);
    return result;
}

struct World {
    dns_test::Pool mail = dns_test::pool(dns::PoolKind::Mail, {1, 1, 1});
    dns_test::Pool access = dns_test::pool(dns::PoolKind::Access, {1, 1});
    std::unique_ptr<const dns::Snapshot> snapshot = dns_test::snapshot(zones(), &mail, &access);
    Asker asker{*snapshot};
};

void check(const PacketText& packet,
           unsigned rcode,
           const Lines& answer,
           const Lines& authority = {},
           const Lines& additional = {}) {
    BOOST_TEST(packet.parsed);
    BOOST_TEST(packet.response);
    BOOST_TEST(!packet.recursion_available);
    BOOST_TEST(packet.rcode == rcode);
    BOOST_TEST(packet.answer == answer, boost::test_tools::per_element());
    BOOST_TEST(packet.authority == authority, boost::test_tools::per_element());
    BOOST_TEST(packet.additional == additional, boost::test_tools::per_element());
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(dns_answer, World)

BOOST_AUTO_TEST_CASE(answers_an_exact_name) {
    const PacketText packet = asker.ask("www.example.test", RrType::A);
    check(packet,
          kNoError,
          {"www.example.test. 300 A 192.0.2.1", "www.example.test. 300 A 192.0.2.2"});
    BOOST_TEST(packet.authoritative);
    BOOST_TEST(packet.question == "www.example.test. A");
}

BOOST_AUTO_TEST_CASE(brings_back_the_case_of_the_question) {
    const PacketText packet = asker.ask("wWw.ExAmPlE.tEsT", RrType::Aaaa);
    check(packet, kNoError, {"www.example.test. 300 AAAA 2001:db8::1"});
    BOOST_TEST(packet.question == "wWw.ExAmPlE.tEsT. AAAA");
}

BOOST_AUTO_TEST_CASE(adds_addresses_of_targets_that_it_knows) {
    check(asker.ask("example.test", RrType::Mx),
          kNoError,
          {"example.test. 300 MX 10 mail.example.test.",
           "example.test. 300 MX 20 mail.elsewhere.test."},
          {},
          {"mail.example.test. 300 A 192.0.2.10", "mail.example.test. 300 AAAA 2001:db8::10"});
    check(asker.ask("_sip._tcp.example.test", RrType::Srv),
          kNoError,
          {"_sip._tcp.example.test. 300 SRV 0 5 5060 mail.example.test."},
          {},
          {"mail.example.test. 300 A 192.0.2.10", "mail.example.test. 300 AAAA 2001:db8::10"});
    check(asker.ask("hosts.test", RrType::Ns),
          kNoError,
          {"hosts.test. 300 NS ns1.hosts.test.", "hosts.test. 300 NS ns2.hosts.test."},
          {},
          {"ns1.hosts.test. 300 A 192.0.2.61", "ns2.hosts.test. 300 A 192.0.2.62"});
}

BOOST_AUTO_TEST_CASE(answers_the_soa_with_its_own_ttl) {
    check(asker.ask("example.test", RrType::Soa),
          kNoError,
          {"example.test. 3600 SOA ns1.hosts.test. hostmaster.hosts.test. 2026112201 7200 900 "
           "1209600 60"});
}

BOOST_AUTO_TEST_CASE(says_no_data_with_the_negative_ttl) {
    const PacketText packet = asker.ask("www.example.test", RrType::Mx);
    check(packet, kNoError, {}, soa("example.test"));
    BOOST_TEST(packet.authoritative);
}

BOOST_AUTO_TEST_CASE(says_no_such_name) {
    const PacketText packet = asker.ask("nothing.example.test", RrType::A);
    check(packet, kNxDomain, {}, soa("example.test"));
    BOOST_TEST(packet.authoritative);
    check(asker.ask("below.www.example.test", RrType::A), kNxDomain, {}, soa("example.test"));
}

BOOST_AUTO_TEST_CASE(empty_non_terminals_exist) {
    for (const char* name : {"b.c.example.test",
                             "c.example.test",
                             "_tcp.example.test",
                             "wild.example.test",
                             "target.example.test"}) {
        BOOST_TEST_CONTEXT(name) {
            check(asker.ask(name, RrType::A), kNoError, {}, soa("example.test"));
        }
    }
}

BOOST_AUTO_TEST_CASE(wildcards_follow_rfc_4592) {
    check(asker.ask("some.wild.example.test", RrType::Txt),
          kNoError,
          {"some.wild.example.test. 300 TXT \"any\""});
    check(asker.ask("a.b.c.d.wild.example.test", RrType::Txt),
          kNoError,
          {"a.b.c.d.wild.example.test. 300 TXT \"any\""});
    check(asker.ask("some.wild.example.test", RrType::Mx),
          kNoError,
          {"some.wild.example.test. 300 MX 10 mail.example.test."},
          {},
          {"mail.example.test. 300 A 192.0.2.10", "mail.example.test. 300 AAAA 2001:db8::10"});
    // No data at the wildcard.
    check(asker.ask("some.wild.example.test", RrType::A), kNoError, {}, soa("example.test"));
    // A name that exists, and those below it, are not covered.
    check(asker.ask("sub.wild.example.test", RrType::Txt), kNoError, {}, soa("example.test"));
    check(asker.ask("x.sub.wild.example.test", RrType::Txt), kNxDomain, {}, soa("example.test"));
    // Asked for by its own name it is a name like any other.
    check(asker.ask("*.wild.example.test", RrType::Txt),
          kNoError,
          {"*.wild.example.test. 300 TXT \"any\""});
    check(asker.ask("x.*.wild.example.test", RrType::Txt), kNxDomain, {}, soa("example.test"));
    // In record data it means nothing.
    check(asker.ask("text.example.test", RrType::Txt),
          kNoError,
          {"text.example.test. 300 TXT \"*.wild\""});
    // An alias at a wildcard.
    check(asker.ask("q.cwild.example.test", RrType::Aaaa),
          kNoError,
          {"q.cwild.example.test. 300 CNAME www.example.test.",
           "www.example.test. 300 AAAA 2001:db8::1"});
}

BOOST_AUTO_TEST_CASE(follows_aliases_within_the_zone) {
    check(asker.ask("alias2.example.test", RrType::Aaaa),
          kNoError,
          {"alias2.example.test. 300 CNAME alias.example.test.",
           "alias.example.test. 300 CNAME www.example.test.",
           "www.example.test. 300 AAAA 2001:db8::1"});
    check(asker.ask("alias.example.test", RrType::Cname),
          kNoError,
          {"alias.example.test. 300 CNAME www.example.test."});
    check(asker.ask("out.example.test", RrType::A),
          kNoError,
          {"out.example.test. 300 CNAME www.elsewhere.test."});
    check(asker.ask("tochild.example.test", RrType::A),
          kNoError,
          {"tochild.example.test. 300 CNAME www.child.example.test."});
    check(asker.ask("tochildzone.example.test", RrType::A),
          kNoError,
          {"tochildzone.example.test. 300 CNAME www.inner.example.test."});
}

BOOST_AUTO_TEST_CASE(a_chain_ends_with_the_rcode_of_its_last_name) {
    // RFC 6604 2.1.
    check(asker.ask("dangling.example.test", RrType::A),
          kNxDomain,
          {"dangling.example.test. 300 CNAME nowhere.example.test."},
          soa("example.test"));
    check(asker.ask("alias.example.test", RrType::Txt),
          kNoError,
          {"alias.example.test. 300 CNAME www.example.test."},
          soa("example.test"));
}

BOOST_AUTO_TEST_CASE(a_loop_of_aliases_ends) {
    const PacketText packet = asker.ask("loop1.example.test", RrType::A);
    BOOST_TEST(packet.parsed);
    BOOST_TEST(packet.rcode == kNoError);
    BOOST_TEST(packet.answer.size() <= dns::kChainMax);
}

BOOST_AUTO_TEST_CASE(redirects_below_a_dname) {
    const std::string dname = "d.example.test. 300 DNAME target.example.test.";
    check(asker.ask("x.d.example.test", RrType::A),
          kNoError,
          {dname,
           "x.d.example.test. 300 CNAME x.target.example.test.",
           "x.target.example.test. 300 A 192.0.2.40"});
    check(asker.ask("x.d.example.test", RrType::Cname),
          kNoError,
          {dname, "x.d.example.test. 300 CNAME x.target.example.test."});
    check(asker.ask("no.d.example.test", RrType::A),
          kNxDomain,
          {dname, "no.d.example.test. 300 CNAME no.target.example.test."},
          soa("example.test"));
    // The owner itself is not redirected.
    check(asker.ask("d.example.test", RrType::Dname), kNoError, {dname});
    check(asker.ask("d.example.test", RrType::A), kNoError, {}, soa("example.test"));
    check(asker.ask("y.dout.example.test", RrType::A),
          kNoError,
          {"dout.example.test. 300 DNAME elsewhere.test.",
           "y.dout.example.test. 300 CNAME y.elsewhere.test."});
    check(asker.ask("todname.example.test", RrType::A),
          kNoError,
          {"todname.example.test. 300 CNAME x.d.example.test.",
           dname,
           "x.d.example.test. 300 CNAME x.target.example.test.",
           "x.target.example.test. 300 A 192.0.2.40"});
}

BOOST_AUTO_TEST_CASE(a_redirection_to_too_long_a_name_is_yxdomain) {
    // 239 octets of labels fit before d.example.test, not before target.example.test.
    const std::string long_label(59, 'l');
    const std::string prefix =
        long_label + "." + long_label + "." + long_label + "." + std::string(57, 'm');
    const PacketText packet = asker.ask(prefix + ".d.example.test", RrType::A);
    BOOST_TEST(packet.rcode == kYxDomain);
    BOOST_TEST(packet.answer.size() == 1U);
}

BOOST_AUTO_TEST_CASE(refers_to_a_delegation_with_glue) {
    const Lines authority = {"child.example.test. 300 NS mail.example.test.",
                             "child.example.test. 300 NS ns.child.example.test.",
                             "child.example.test. 300 NS ns.other.test."};
    const Lines glue = {"ns.child.example.test. 300 A 192.0.2.30",
                        "ns.child.example.test. 300 AAAA 2001:db8::30",
                        "mail.example.test. 300 A 192.0.2.10",
                        "mail.example.test. 300 AAAA 2001:db8::10"};
    for (const char* name : {"child.example.test",
                             "www.child.example.test",
                             "ns.child.example.test",
                             "a.b.child.example.test"}) {
        BOOST_TEST_CONTEXT(name) {
            PacketText packet = asker.ask(name, RrType::A);
            packet.authority = sorted(packet.authority);
            check(packet, kNoError, {}, authority, glue);
            BOOST_TEST(!packet.authoritative);
        }
    }
    const PacketText ns = asker.ask("child.example.test", RrType::Ns);
    BOOST_TEST(ns.authority.size() == 3U);
    BOOST_TEST(!ns.authoritative);
}

BOOST_AUTO_TEST_CASE(the_ds_stands_above_the_cut) {
    const PacketText packet = asker.ask("child.example.test", RrType::Ds);
    BOOST_TEST(packet.answer.size() == 1U);
    BOOST_TEST(packet.authoritative);
    BOOST_TEST(asker.ask("www.child.example.test", RrType::Ds).authority.size() == 3U);
    // Ours on both sides: the outer zone denies it.
    check(asker.ask("inner.example.test", RrType::Ds), kNoError, {}, soa("example.test"));
    check(asker.ask("example.test", RrType::Ds), kNoError, {}, soa("example.test"));
}

BOOST_AUTO_TEST_CASE(an_inner_zone_has_its_own_names) {
    check(asker.ask("www.inner.example.test", RrType::A),
          kNoError,
          {"www.inner.example.test. 300 A 192.0.2.50"});
    check(asker.ask("no.inner.example.test", RrType::A), kNxDomain, {}, soa("inner.example.test"));
}

BOOST_AUTO_TEST_CASE(serves_unknown_types_as_they_are) {
    check(asker.ask(QueryBuilder().question("odd.example.test", 65280).opt()),
          kNoError,
          {"odd.example.test. 300 TYPE65280 \\# 3 abcdef"});
    check(asker.ask(QueryBuilder().question("www.example.test", 65281).opt()),
          kNoError,
          {},
          soa("example.test"));
}

BOOST_AUTO_TEST_CASE(any_gets_a_minimal_answer) {
    check(asker.ask("www.example.test", RrType::Any),
          kNoError,
          {"www.example.test. 3600 HINFO \"RFC8482\" \"\""});
    check(asker.ask("alias.example.test", RrType::Any),
          kNoError,
          {"alias.example.test. 300 CNAME www.example.test."});
    check(asker.ask("b.c.example.test", RrType::Any), kNoError, {}, soa("example.test"));
    check(asker.ask("nothing.example.test", RrType::Any), kNxDomain, {}, soa("example.test"));
    check(
        asker.ask("mail.test", RrType::Any), kNoError, {"mail.test. 3600 HINFO \"RFC8482\" \"\""});
}

BOOST_AUTO_TEST_CASE(refuses_what_is_not_its_own) {
    const PacketText packet = asker.ask("www.elsewhere.test", RrType::A);
    check(packet, kRefused, {});
    BOOST_TEST(!packet.authoritative);
    check(asker.ask("test", RrType::Ns), kRefused, {});
    check(asker.ask(".", RrType::Ns), kRefused, {});
    check(asker.ask(QueryBuilder().question("version.bind", 16, 3)), kRefused, {});
    check(asker.ask("example.test", RrType::Axfr), kRefused, {});
}

BOOST_AUTO_TEST_CASE(refuses_the_internal_view_in_public) {
    const std::string digest(56, 'a');
    for (const char* name :
         {"_account.mail.test", "x._account.example.test", "_account.example.test"}) {
        check(asker.ask(name, RrType::Txt), kRefused, {});
    }
    check(asker.ask(digest + "._account.mail.test", RrType::Any), kRefused, {});
    BOOST_TEST(asker.state()
                   .counters.answers[static_cast<std::size_t>(dns::AnswerKind::InternalName)]
                   .value() == 4U);
}

BOOST_AUTO_TEST_CASE(answers_bad_packets_with_their_rcode) {
    check(asker.ask(QueryBuilder().question("example.test", RrType::A).flags(0x2100)), kNotImp, {});
    check(asker.ask(QueryBuilder().question("example.test", RrType::A).raw("x")), kFormErr, {});
    const PacketText version =
        asker.ask(QueryBuilder().question("example.test", RrType::A).opt(1232, 1));
    check(version, kBadVers, {});
    BOOST_TEST(version.has_opt);
    check(
        asker.ask(
            QueryBuilder().question("example.test", RrType::A).question("example.test", RrType::A)),
        kFormErr,
        {});
    const auto response = QueryBuilder().question("example.test", RrType::A).flags(0x8000);
    BOOST_TEST(asker.raw(response.bytes()).empty());
    BOOST_TEST(asker.raw({}).empty());
}

BOOST_AUTO_TEST_CASE(copies_id_and_rd_and_clears_the_other_flags) {
    const auto query = QueryBuilder().question("www.example.test", RrType::A).flags(0x07f0);
    const auto bytes = asker.raw(query.bytes());
    BOOST_TEST(dns::load_u16(bytes.data()) == 0x1234);
    BOOST_TEST(dns::load_u16(bytes.data() + 2) == 0x8500);
}

BOOST_AUTO_TEST_CASE(speaks_edns_only_to_those_who_do) {
    const PacketText with =
        asker.ask(QueryBuilder().question("www.example.test", RrType::A).opt(4096, 0, {}, 0x8000));
    BOOST_TEST(with.has_opt);
    BOOST_TEST(with.dnssec_ok);
    BOOST_TEST(with.udp_size == 1232U);
    const PacketText without = asker.ask(QueryBuilder().question("www.example.test", RrType::A));
    BOOST_TEST(!without.has_opt);
    BOOST_TEST(asker.ask(QueryBuilder().question("elsewhere.test", RrType::A).opt()).has_opt);
}

BOOST_AUTO_TEST_CASE(steers_the_mx_of_a_mail_domain) {
    const PacketText packet = asker.ask("mail.test", RrType::Mx);
    BOOST_TEST(sorted(packet.answer) == (Lines{"mail.test. 60 MX 10 mx1.hosts.test.",
                                               "mail.test. 60 MX 10 mx2.hosts.test.",
                                               "mail.test. 60 MX 10 mx3.hosts.test."}),
               boost::test_tools::per_element());
    BOOST_TEST(sorted(packet.additional) == (Lines{"mx1.hosts.test. 300 A 192.0.2.1",
                                                   "mx1.hosts.test. 300 AAAA 2001:db8::1",
                                                   "mx2.hosts.test. 300 A 192.0.2.2"}),
               boost::test_tools::per_element());
    BOOST_TEST(packet.authoritative);
}

BOOST_AUTO_TEST_CASE(rotates_the_records_of_a_steered_answer) {
    std::vector<std::string> first;
    for (int i = 0; i < 6; ++i) {
        first.push_back(asker.ask("mail.test", RrType::Mx).answer.front());
    }
    const std::vector<std::string> once(first.begin(), first.begin() + 3);
    BOOST_TEST(sorted(once) == (Lines{"mail.test. 60 MX 10 mx1.hosts.test.",
                                      "mail.test. 60 MX 10 mx2.hosts.test.",
                                      "mail.test. 60 MX 10 mx3.hosts.test."}),
               boost::test_tools::per_element());
    BOOST_TEST(std::equal(once.begin(), once.end(), first.begin() + 3));
}

BOOST_AUTO_TEST_CASE(steers_the_access_names) {
    for (const char* name : {"imap.mail.test", "pop.mail.test"}) {
        BOOST_TEST(sorted(asker.ask(name, RrType::A).answer) ==
                       (Lines{std::string(name) + ". 60 A 192.0.2.1",
                              std::string(name) + ". 60 A 192.0.2.2"}),
                   boost::test_tools::per_element());
        BOOST_TEST(asker.ask(name, RrType::Aaaa).answer.size() == 2U);
        check(asker.ask(name, RrType::Mx), kNoError, {}, soa("mail.test"));
    }
    const PacketText srv = asker.ask("_imap._tcp.mail.test", RrType::Srv);
    BOOST_TEST(sorted(srv.answer) ==
                   (Lines{"_imap._tcp.mail.test. 60 SRV 10 100 143 access1.hosts.test.",
                          "_imap._tcp.mail.test. 60 SRV 10 100 143 access2.hosts.test."}),
               boost::test_tools::per_element());
    BOOST_TEST(srv.additional == Lines{"access1.hosts.test. 300 A 192.0.2.1"},
               boost::test_tools::per_element());
    BOOST_TEST(asker.ask("_pop3._tcp.mail.test", RrType::Srv).answer.front().find(" 110 ") !=
               std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_name_may_be_in_no_zone_but_have_a_parent_there) {
    check(asker.ask("a.b.c.d.e.f.nowhere.example.test", RrType::A),
          kNxDomain,
          {},
          soa("example.test"));
}

BOOST_AUTO_TEST_CASE(random_changes_of_queries_are_survived_and_answered_well_formed) {
    const unsigned seed = 20261122;
    BOOST_TEST_MESSAGE("seed " << seed);
    std::mt19937 random(seed);
    const auto original = QueryBuilder().question("todname.example.test", RrType::A).opt().bytes();
    for (int round = 0; round < 20000; ++round) {
        auto bytes = original;
        for (int change = 0; change < 2; ++change) {
            bytes[random() % bytes.size()] = static_cast<std::byte>(random() & 0xff);
        }
        const auto reply = asker.raw(bytes);
        if (!reply.empty()) {
            BOOST_REQUIRE(reply.size() >= dns::kHeaderSize);
            BOOST_REQUIRE(reply.size() <= dns::kUdpResponseMax);
        }
    }
}

BOOST_AUTO_TEST_SUITE_END()
