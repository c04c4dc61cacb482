#include <boost/test/unit_test.hpp>

#include "base/random.h"
#include "base/resolver.h"
#include "test/unit/base/dns_wire.h"

using base::DnsRcode;
using base::DnsReply;
using base::DnsType;
using base::Errc;
using namespace dns_wire;

namespace {

DnsReply parsed(const std::string& message, std::string_view name, DnsType type) {
    auto result = base::parse_dns_reply(message, 7, name, type);
    BOOST_REQUIRE_MESSAGE(bool(result), (result ? std::string() : result.error().detail));
    return result.value().reply;
}

bool refused(const std::string& message, std::string_view name, DnsType type) {
    auto result = base::parse_dns_reply(message, 7, name, type);
    return !result && result.error().code == Errc::Invalid;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(dns_message)

BOOST_AUTO_TEST_CASE(queries_are_encoded) {
    auto query = base::encode_dns_query(0x1234, "Example.ORG.", DnsType::Mx, true);
    BOOST_REQUIRE(query);
    BOOST_TEST(query.value() == u16(0x1234) + u16(0x0100) + u16(1) + u16(0) + u16(0) + u16(1) +
                                    wire("Example.ORG") + u16(15) + u16(1) + '\0' + u16(41) +
                                    u16(1232) + u32(0) + u16(0));
    BOOST_TEST(bool(base::encode_dns_query(1, ".", DnsType::A, false)));
    auto escaped = base::encode_dns_query(1, "a\\.b\\065.x", DnsType::A, false);
    BOOST_REQUIRE(escaped);
    BOOST_TEST(escaped.value().substr(12, 8) == std::string("\4a.bA\1x\0", 8));
}

BOOST_AUTO_TEST_CASE(what_is_no_name_is_refused) {
    const std::string label63(63, 'a');
    const std::string name255 = label63 + "." + label63 + "." + label63 + "." + label63.substr(2);
    BOOST_TEST(bool(base::encode_dns_query(1, name255, DnsType::A, true)));
    for (const std::string& name : {std::string(),
                                    std::string(".."),
                                    std::string(".a"),
                                    std::string("a..b"),
                                    label63 + "a",
                                    name255 + "a",
                                    std::string("a\\"),
                                    std::string("a\\25"),
                                    std::string("a\\256")}) {
        BOOST_TEST(!base::encode_dns_query(1, name, DnsType::A, true), name);
    }
}

BOOST_AUTO_TEST_CASE(addresses_texts_and_exchanges_are_read) {
    const DnsReply a = parsed(reply(7,
                                    0x0420,
                                    "Mx.example",
                                    DnsType::A,
                                    2,
                                    record(kPointer, 1, 300, std::string("\xC0\0\x02\x01", 4)) +
                                        record(kPointer, 1, 60, std::string("\xC0\0\x02\x02", 4))),
                              "mX.exAmple",
                              DnsType::A);
    BOOST_REQUIRE(a.addresses.size() == 2U);
    BOOST_TEST(a.addresses[0].to_text() == "192.0.2.1");
    BOOST_TEST(a.ttl == 60U);
    BOOST_TEST(a.authoritative);
    BOOST_TEST(a.authenticated);
    const DnsReply txt =
        parsed(reply(7, 0, "t.example", DnsType::Txt, 1, record(kPointer, 16, 5, "\3abc\2de")),
               "t.example",
               DnsType::Txt);
    BOOST_TEST(txt.texts.at(0) == "abcde");
    const DnsReply mx = parsed(reply(7,
                                     0,
                                     "e.example",
                                     DnsType::Mx,
                                     2,
                                     record(kPointer, 15, 5, u16(10) + "\2mX" + kPointer) +
                                         record(kPointer, 15, 5, u16(0) + std::string(1, '\0'))),
                               "e.example",
                               DnsType::Mx);
    BOOST_REQUIRE(mx.exchanges.size() == 2U);
    BOOST_TEST(mx.exchanges[0].preference == 10);
    BOOST_TEST(mx.exchanges[0].host == "mx.e.example");
    BOOST_TEST(mx.exchanges[1].host == "");
    const DnsReply ptr = parsed(reply(7,
                                      0,
                                      "1.in-addr.arpa",
                                      DnsType::Ptr,
                                      1,
                                      record(kPointer, 12, 5, "\4a b.\1c" + std::string(1, '\0'))),
                                "1.in-addr.arpa",
                                DnsType::Ptr);
    BOOST_TEST(ptr.names.at(0) == "a\\032b\\046.c");
}

BOOST_AUTO_TEST_CASE(delegations_are_read) {
    const std::string ds = record(kPointer, 43, 60, u16(12345) + "\x0d\x02" + std::string(32, 'd'));
    const DnsReply found =
        parsed(reply(7, 0x0400, "z.example", DnsType::Ds, 1, ds), "z.example", DnsType::Ds);
    BOOST_REQUIRE(found.delegations.size() == 1U);
    BOOST_TEST((found.delegations[0] == base::DnsDs{12345, 13, 2, std::string(32, 'd')}));
    BOOST_TEST(refused(reply(7, 0, "z.example", DnsType::Ds, 1, record(kPointer, 43, 60, "abc")),
                       "z.example",
                       DnsType::Ds));
    const DnsReply none =
        parsed(reply(7, 0x0400, "z.example", DnsType::Ds, 0, ""), "z.example", DnsType::Ds);
    BOOST_TEST(none.delegations.empty());
    const DnsReply servers =
        parsed(reply(7, 0, "z.example", DnsType::Ns, 1, record(kPointer, 2, 60, "\2Ns" + kPointer)),
               "z.example",
               DnsType::Ns);
    BOOST_TEST(servers.names.at(0) == "ns.z.example");
}

BOOST_AUTO_TEST_CASE(aliases_are_followed_and_strangers_ignored) {
    const std::string answers = record(wire("b.example"), 1, 300, std::string("\x7F\0\0\1", 4)) +
                                record(wire("evil.example"), 1, 1, std::string("\x7F\0\0\2", 4)) +
                                record(kPointer, 5, 20, wire("B.example"));
    const DnsReply found =
        parsed(reply(7, 0, "a.example", DnsType::A, 3, answers), "a.example", DnsType::A);
    BOOST_REQUIRE(found.addresses.size() == 1U);
    BOOST_TEST(found.addresses[0].to_text() == "127.0.0.1");
    BOOST_TEST(found.ttl == 20U);
    // A loop of aliases ends.
    const std::string loop = record(kPointer, 5, 20, wire("b.example")) +
                             record(wire("b.example"), 5, 20, wire("a.example"));
    BOOST_TEST(parsed(reply(7, 0, "a.example", DnsType::A, 2, loop), "a.example", DnsType::A)
                   .addresses.empty());
}

BOOST_AUTO_TEST_CASE(only_a_reply_to_the_query_counts) {
    const std::string good = reply(7, 3, "a.example", DnsType::A, 0, "");
    BOOST_CHECK(parsed(good, "a.example", DnsType::A).rcode == DnsRcode::NxDomain);
    BOOST_TEST(refused(good, "b.example", DnsType::A));
    BOOST_TEST(refused(good, "a.example", DnsType::Txt));
    BOOST_TEST(refused(reply(8, 3, "a.example", DnsType::A, 0, ""), "a.example", DnsType::A));
    BOOST_TEST(refused(reply(7, 0x0800, "a.example", DnsType::A, 0, ""), "a.example", DnsType::A));
    std::string query = good;
    query[2] = 0;  // QR
    BOOST_TEST(refused(query, "a.example", DnsType::A));
}

BOOST_AUTO_TEST_CASE(no_cut_and_no_flipped_bit_breaks_the_parser) {
    const std::string good =
        reply(7,
              0,
              "a.example",
              DnsType::Mx,
              3,
              record(kPointer, 15, 5, u16(10) + "\2mx" + kPointer) +
                  record(kPointer, 5, 5, wire("b.example")) +
                  record(wire("b.example"), 15, 5, u16(5) + wire("x.example")));
    for (std::size_t cut = 0; cut < good.size(); ++cut) {
        BOOST_TEST(refused(good.substr(0, cut), "a.example", DnsType::Mx));
    }
    for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
        std::string bad = good;
        bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << bit % 8));
        (void)base::parse_dns_reply(bad, 7, "a.example", DnsType::Mx);
    }
    for (int round = 0; round < 2000; ++round) {
        std::string noise = good;
        for (int i = 0; i < 4; ++i) {
            noise[12 + base::random_below(noise.size() - 12)] =
                static_cast<char>(base::random_below(256));
        }
        (void)base::parse_dns_reply(noise, 7, "a.example", DnsType::Mx);
    }
}

BOOST_AUTO_TEST_CASE(pointers_that_lead_nowhere_are_refused) {
    for (const std::string& data : {std::string("\xC0\x0C"),  // fine, but see the record before
                                    std::string("\xC0\xFF"),
                                    std::string("\xC0"),
                                    std::string("\1a\xC0\x2B"),
                                    std::string("\x40"),
                                    std::string("\x80")}) {
        const std::string message =
            reply(7, 0, "a.example", DnsType::Ptr, 1, record(kPointer, 12, 5, data));
        BOOST_TEST(refused(message, "a.example", DnsType::Ptr) == (data != "\xC0\x0C"));
    }
}

BOOST_AUTO_TEST_CASE(reverse_names_are_made) {
    BOOST_TEST(base::reverse_name(base::IpAddress::parse("192.0.2.1").value()) ==
               "1.2.0.192.in-addr.arpa");
    BOOST_TEST(base::reverse_name(base::IpAddress::parse("2001:db8::1f").value()) ==
               "f.1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa");
}

BOOST_AUTO_TEST_SUITE_END()
