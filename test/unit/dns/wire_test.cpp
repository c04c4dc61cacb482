#include "dns/wire.h"

#include <random>
#include <set>
#include <string>

#include <boost/test/unit_test.hpp>

#include "test/unit/dns/query_builder.h"

using dns::parse_query;
using dns::Query;
using dns::QueryOutcome;
using dns::RrType;
using dns_test::QueryBuilder;

namespace {

struct Case {
    const char* what;
    QueryBuilder packet;
    QueryOutcome expected;
};

QueryBuilder plain() {
    return QueryBuilder().question("example.com", RrType::Mx);
}

std::string labels(int count) {
    std::string text;
    for (int i = 0; i < count; ++i) {
        text += "a.";
    }
    text.pop_back();
    return text;
}

}  // namespace

namespace dns {
std::ostream& operator<<(std::ostream& out, QueryOutcome outcome) {
    return out << outcome_name(outcome);
}
}  // namespace dns

BOOST_AUTO_TEST_SUITE(dns_wire)

BOOST_AUTO_TEST_CASE(every_kind_of_bad_packet_has_its_name) {
    const std::string tsig("\0\0\xfa\0\xff\0\0\0\0\0\0", 11);
    const std::string sig0("\0\0\x18\0\xff\0\0\0\0\0\0", 11);
    const std::string other("\0\0\x01\0\x01\0\0\0\0\0\0", 11);
    const Case cases[] = {
        {"plain", plain(), QueryOutcome::Ok},
        {"with OPT", plain().opt(), QueryOutcome::Ok},
        {"response", plain().flags(0x8000), QueryOutcome::IgnoreResponse},
        {"response of unknown opcode", plain().flags(0xf800), QueryOutcome::IgnoreResponse},
        {"NOTIFY", plain().flags(0x2000), QueryOutcome::NotImpOpcode},
        {"UPDATE", plain().flags(0x2800), QueryOutcome::NotImpOpcode},
        {"opcode 15", plain().flags(0x7800), QueryOutcome::NotImpOpcode},
        {"unknown flags", plain().flags(0x07f0), QueryOutcome::Ok},
        {"no question", QueryBuilder(), QueryOutcome::FormErrCounts},
        {"no question, no cookie", QueryBuilder().opt(), QueryOutcome::FormErrCounts},
        {"no question, a cookie",
         QueryBuilder().opt(1232,
                            0,
                            std::string_view("\0\x0a\0\x08"
                                             "clientck",
                                             12)),
         QueryOutcome::CookieOnly},
        {"no question, an authority",
         QueryBuilder().counts(0, 0, 1, 0),
         QueryOutcome::FormErrCounts},
        {"cookie of 7 octets",
         plain().opt(1232,
                     0,
                     std::string_view("\0\x0a\0\x07"
                                      "clientc",
                                      11)),
         QueryOutcome::FormErrOpt},
        {"two questions", plain().question("example.com", RrType::A), QueryOutcome::FormErrCounts},
        {"answer record", plain().counts(1, 1, 0, 0), QueryOutcome::FormErrCounts},
        {"authority record", plain().counts(1, 0, 1, 0).raw(other), QueryOutcome::FormErrCounts},
        {"three additionals", plain().counts(1, 0, 0, 3), QueryOutcome::FormErrCounts},
        {"root question", QueryBuilder().question(".", RrType::Ns), QueryOutcome::Ok},
        {"compressed name",
         QueryBuilder().raw(std::string_view("\xc0\x0c\0\1\0\1", 6)).counts(1, 0, 0, 0),
         QueryOutcome::FormErrName},
        {"extended label",
         QueryBuilder().raw(std::string_view("\x41x\0\0\1\0\1", 7)).counts(1, 0, 0, 0),
         QueryOutcome::FormErrName},
        {"label beyond the end",
         QueryBuilder().raw("\5abc").counts(1, 0, 0, 0),
         QueryOutcome::FormErrName},
        {"name without its root",
         QueryBuilder().raw("\3abc").counts(1, 0, 0, 0),
         QueryOutcome::FormErrName},
        {"nothing after the header", QueryBuilder().counts(1, 0, 0, 0), QueryOutcome::FormErrName},
        {"127 labels", QueryBuilder().question(labels(127), RrType::A), QueryOutcome::Ok},
        {"128 labels", QueryBuilder().question(labels(128), RrType::A), QueryOutcome::FormErrName},
        {"type cut off",
         QueryBuilder().raw(std::string_view("\1a\0\0", 4)).counts(1, 0, 0, 0),
         QueryOutcome::FormErrQuestion},
        {"type OPT", QueryBuilder().question("a", RrType::Opt), QueryOutcome::FormErrQuestion},
        {"type NXNAME",
         QueryBuilder().question("a", RrType::Nxname),
         QueryOutcome::FormErrQuestion},
        {"AXFR", QueryBuilder().question("a", RrType::Axfr), QueryOutcome::RefusedType},
        {"IXFR with its SOA",
         QueryBuilder().question("a", RrType::Ixfr).counts(1, 0, 1, 0).raw(other),
         QueryOutcome::RefusedType},
        {"TKEY", QueryBuilder().question("a", RrType::Tkey), QueryOutcome::RefusedType},
        {"ANY", QueryBuilder().question("a", RrType::Any), QueryOutcome::Ok},
        {"unknown type", QueryBuilder().question("a", 65280), QueryOutcome::Ok},
        {"class CH", QueryBuilder().question("version.bind", 16, 3), QueryOutcome::RefusedClass},
        {"class ANY", QueryBuilder().question("a", 1, 255), QueryOutcome::RefusedClass},
        {"TSIG", plain().raw(tsig).count(10), QueryOutcome::RefusedSignature},
        {"SIG(0)", plain().raw(sig0).count(10), QueryOutcome::RefusedSignature},
        {"OPT and TSIG", plain().opt().raw(tsig).count(10), QueryOutcome::RefusedSignature},
        {"another record", plain().raw(other).count(10), QueryOutcome::FormErrAdditional},
        {"additional missing", plain().count(10), QueryOutcome::FormErrAdditional},
        {"OPT cut off",
         plain().raw(std::string_view("\0\0\x29\4", 4)).count(10),
         QueryOutcome::FormErrAdditional},
        {"OPT longer than the packet",
         plain().raw(std::string_view("\0\0\x29\4\xd0\0\0\0\0\0\5", 11)).count(10),
         QueryOutcome::FormErrAdditional},
        {"OPT with a name",
         plain().raw(std::string_view("\1a\0\0\x29\4\xd0\0\0\0\0\0\0", 13)).count(10),
         QueryOutcome::FormErrOpt},
        {"option header cut off",
         plain().opt(1232, 0, std::string_view("\0\3\0", 3)),
         QueryOutcome::FormErrOpt},
        {"option longer than OPT",
         plain().opt(1232, 0, std::string_view("\0\3\0\1", 4)),
         QueryOutcome::FormErrOpt},
        {"unknown option",
         plain().opt(1232, 0, std::string_view("\xff\xff\0\2xy", 6)),
         QueryOutcome::Ok},
        {"two OPTs", plain().opt().opt(), QueryOutcome::FormErrTwoOpts},
        {"EDNS version 1", plain().opt(1232, 1), QueryOutcome::BadVersion},
        {"trailing octet", plain().raw("x"), QueryOutcome::FormErrTrailing},
        {"trailing octet after OPT", plain().opt().raw("x"), QueryOutcome::FormErrTrailing},
    };
    // No packet is too short here; of updates answer() says whether they are signed.
    std::set<QueryOutcome> seen = {QueryOutcome::IgnoreShort, QueryOutcome::RefusedUpdate};
    for (const Case& c : cases) {
        Query query;
        BOOST_TEST_CONTEXT(c.what) {
            BOOST_TEST(parse_query(c.packet.bytes(), query) == c.expected);
        }
        seen.insert(c.expected);
    }
    BOOST_TEST(seen.size() == dns::kQueryOutcomes, "every outcome has a case");
}

BOOST_AUTO_TEST_CASE(ignores_packets_without_a_header) {
    const auto bytes = plain().bytes();
    for (std::size_t size = 0; size < dns::kHeaderSize; ++size) {
        Query query;
        BOOST_TEST(parse_query(std::span(bytes).first(size), query) == QueryOutcome::IgnoreShort);
    }
}

BOOST_AUTO_TEST_CASE(lowercases_the_name_and_finds_its_labels) {
    Query query;
    const auto packet =
        QueryBuilder().question("wWw.ExAmPlE", RrType::Aaaa).opt(4096, 0, {}, 0x8000);
    BOOST_TEST(parse_query(packet.bytes(), query) == QueryOutcome::Ok);
    BOOST_TEST(query.id == 0x1234);
    BOOST_TEST((query.type == RrType::Aaaa));
    const std::string_view wire(reinterpret_cast<const char*>(query.name.octets.data()),
                                query.name.size);
    BOOST_TEST(wire == std::string_view("\3www\7example\0", 13));
    BOOST_TEST(query.name.label_count == 2);
    BOOST_TEST(query.name.label_at[0] == 0);
    BOOST_TEST(query.name.label_at[1] == 4);
    BOOST_TEST(query.name.label_at[2] == 12);
    BOOST_TEST(query.has_opt);
    BOOST_TEST(query.dnssec_ok);
    BOOST_TEST(query.udp_size == 4096);
    BOOST_TEST(!query.options.nsid);
}

BOOST_AUTO_TEST_CASE(finds_the_cookie_where_it_stands) {
    Query query;
    const auto packet = plain()
                            .opt(1232,
                                 0,
                                 std::string_view("\0\3\0\0\0\x0a\0\x08"
                                                  "clientck",
                                                  16))
                            .bytes();
    BOOST_TEST(parse_query(packet, query) == QueryOutcome::Ok);
    BOOST_TEST(query.options.nsid);
    BOOST_TEST(query.options.cookie_at == packet.size() - 8);
    BOOST_TEST(query.options.cookie_size == 8U);
}

BOOST_AUTO_TEST_CASE(keeps_the_opt_it_saw_when_something_later_is_wrong) {
    Query query;
    BOOST_TEST(parse_query(plain().opt().raw("x").bytes(), query) == QueryOutcome::FormErrTrailing);
    BOOST_TEST(query.has_question);
    BOOST_TEST(query.has_opt);
}

BOOST_AUTO_TEST_CASE(every_prefix_of_a_packet_is_survived) {
    const auto bytes = plain().opt(1232, 0, std::string_view("\0\3\0\1x", 5)).bytes();
    for (std::size_t size = 0; size < bytes.size(); ++size) {
        // A copy of the exact size, so that a read past the end is seen by the sanitizer.
        const std::vector<std::byte> prefix(bytes.begin(),
                                            bytes.begin() + static_cast<std::ptrdiff_t>(size));
        Query query;
        BOOST_TEST(parse_query(prefix, query) != QueryOutcome::Ok);
    }
}

BOOST_AUTO_TEST_CASE(random_changes_are_survived) {
    const unsigned seed = 20261122;
    BOOST_TEST_MESSAGE("seed " << seed);
    std::mt19937 random(seed);
    const auto original = plain().opt(1232, 0, std::string_view("\0\3\0\1x", 5)).bytes();
    for (int round = 0; round < 20000; ++round) {
        auto bytes = original;
        for (int change = 0; change < 3; ++change) {
            bytes[random() % bytes.size()] = static_cast<std::byte>(random() & 0xff);
        }
        Query query;
        const QueryOutcome outcome = parse_query(bytes, query);
        if (outcome == QueryOutcome::Ok) {
            BOOST_REQUIRE(dns::kHeaderSize + query.question_size() <= bytes.size());
        }
    }
}

BOOST_AUTO_TEST_CASE(each_outcome_is_answered_with_its_rcode) {
    BOOST_TEST(!dns::outcome_action(QueryOutcome::IgnoreShort).answered);
    BOOST_TEST(!dns::outcome_action(QueryOutcome::IgnoreResponse).answered);

    const struct {
        QueryOutcome outcome;
        dns::Rcode rcode;
    } cases[] = {
        {QueryOutcome::Ok, dns::Rcode::NoError},
        {QueryOutcome::NotImpOpcode, dns::Rcode::NotImp},
        {QueryOutcome::FormErrCounts, dns::Rcode::FormErr},
        {QueryOutcome::FormErrTwoOpts, dns::Rcode::FormErr},
        {QueryOutcome::BadVersion, dns::Rcode::BadVers},
        {QueryOutcome::RefusedClass, dns::Rcode::Refused},
        {QueryOutcome::RefusedSignature, dns::Rcode::Refused},
    };

    for (const auto& c : cases) {
        BOOST_TEST(dns::outcome_action(c.outcome).answered);
        BOOST_TEST((dns::outcome_action(c.outcome).rcode == c.rcode));
    }
}

BOOST_AUTO_TEST_SUITE_END()
