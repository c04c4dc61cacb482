#include "dns/explain/chaos_answer.h"

#include <boost/test/unit_test.hpp>

#include "dns/answer.h"
#include "test/unit/dns/world.h"

namespace {

using dns::RrType;
using dns_test::PacketText;
using dns_test::QueryBuilder;

constexpr std::uint16_t kTxt = 16;
constexpr std::uint16_t kChaos = 3;

// A name server of one zone with these identities, asked from 192.0.2.1.
struct World {
    World() {
        policy.version = "roundtable";
        policy.id = "ns1";
        policy.admins = {base::Network::parse("192.0.2.0/24").take_value()};
        client.address = {std::byte{192}, std::byte{0}, std::byte{2}, std::byte{1}};
    }

    PacketText ask(const QueryBuilder& query) {
        dns::AnswerPolicy answers;
        answers.chaos = policy;
        dns::ThreadState state(0, answers);
        sent.assign(dns::kMessageMax, std::byte{0});
        octets = dns::answer(*snapshot, query.bytes(), client, state, sent);
        return dns_test::read_packet(std::span(sent).first(octets));
    }

    PacketText ask(std::string_view name, std::uint16_t type = kTxt) {
        return ask(QueryBuilder().question(name, type, kChaos).opt());
    }

    std::unique_ptr<const dns::Snapshot> snapshot =
        dns_test::snapshot({dns_test::zone_source("mail.test", {})});
    dns::explain::ChaosPolicy policy;
    dns::Client client;
    std::vector<std::byte> sent;
    std::size_t octets = 0;
};

dns::Query parsed(const QueryBuilder& query) {
    dns::Query made;
    BOOST_CHECK(dns::parse_query(query.bytes(), made) == dns::QueryOutcome::RefusedClass);
    return made;
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(chaos_answer, World)

BOOST_AUTO_TEST_CASE(says_who_it_is_if_it_is_told_to) {
    for (const auto& [name, text] : {std::pair("version.bind", "\"roundtable\""),
                                     std::pair("VERSION.Server", "\"roundtable\""),
                                     std::pair("id.server", "\"ns1\"")}) {
        const PacketText reply = ask(name);
        BOOST_TEST(reply.rcode == 0U, name);
        BOOST_TEST(reply.authoritative);
        BOOST_REQUIRE(reply.answer.size() == 1U);
        BOOST_TEST(reply.answer[0].find(text) != std::string::npos, reply.answer[0]);
        const std::size_t record = dns::kHeaderSize + std::string_view(name).size() + 2 + 4;
        BOOST_TEST(dns::load_u16(sent.data() + record + 4) == kChaos);
    }
    BOOST_TEST(ask("hostname.bind").rcode == 5U, "nobody said what it is");
    policy.version.clear();
    BOOST_TEST(ask("version.bind").rcode == 5U);
}

BOOST_AUTO_TEST_CASE(other_names_and_types_and_classes_are_refused) {
    BOOST_TEST(ask("version.bind", 1).rcode == 5U);
    BOOST_TEST(ask("authors.bind").rcode == 5U);
    BOOST_TEST(ask("mail.test").rcode == 5U);
    BOOST_TEST(ask(QueryBuilder().question("version.bind", kTxt, 4)).rcode == 5U);
    BOOST_TEST(ask(QueryBuilder().question("version.bind", kTxt, 1)).rcode == 5U);
}

BOOST_AUTO_TEST_CASE(an_explanation_is_for_tcp_and_for_admins) {
    const QueryBuilder query = QueryBuilder().question("explain.mail.test", kTxt, kChaos);
    PacketText reply = ask(query);
    BOOST_TEST(reply.rcode == 0U);
    BOOST_TEST(reply.truncated);
    BOOST_TEST(reply.answer.empty());
    BOOST_TEST(octets <= query.bytes().size(), "nothing to be amplified");
    client.address[2] = std::byte{3};
    reply = ask(query);
    BOOST_TEST(reply.rcode == 5U);
    BOOST_TEST(!reply.truncated);
    client.family = dns::Family::V6;
    BOOST_TEST(ask(query).rcode == 5U);
    policy.admins = {base::Network::parse("::/0").take_value()};
    BOOST_TEST(ask(query).truncated);
}

BOOST_AUTO_TEST_CASE(lines_are_a_record_each) {
    const QueryBuilder asked = QueryBuilder().question("Explain.mail.test", kTxt, kChaos).opt();
    std::vector<std::byte> out(dns::kMessageMax);
    const std::string wide = "\xc3\xa9";
    std::string longer(251, 'a');
    longer += wide + wide;  // 255 octets
    std::string longest = std::string(251, 'b') + wide + wide + "x";
    const std::size_t size =
        dns::explain::reply_lines(parsed(asked), asked.bytes(), {"one", "", longer, longest}, out);
    const PacketText reply = dns_test::read_packet(std::span(out).first(size));
    BOOST_TEST(reply.rcode == 0U);
    BOOST_TEST(!reply.truncated);
    BOOST_REQUIRE(reply.answer.size() == 4U);
    BOOST_TEST(reply.answer[0].find("\"one\"") != std::string::npos);
    BOOST_TEST(reply.answer[1].find("\"\"") != std::string::npos);
    BOOST_TEST(reply.answer[2].find("...") == std::string::npos);
    BOOST_TEST(reply.answer[3].find("bbb...\"") != std::string::npos, "not within a character");
}

BOOST_AUTO_TEST_CASE(what_does_not_fit_is_said_to_be_left_out) {
    const QueryBuilder asked = QueryBuilder().question("explain.mail.test", kTxt, kChaos).opt();
    std::vector<std::byte> out(dns::kMessageMax);
    for (std::size_t length = 180; length < 255; ++length) {
        const std::vector<std::string> lines(1000, std::string(length, 'x'));
        const std::size_t size =
            dns::explain::reply_lines(parsed(asked), asked.bytes(), lines, out);
        const PacketText reply = dns_test::read_packet(std::span(out).first(size));
        BOOST_TEST(reply.answer.size() > 200U);
        BOOST_TEST(reply.answer.back().find("and more: ask at the explain socket") !=
                   std::string::npos);
        BOOST_TEST(!reply.truncated);
    }
}

BOOST_AUTO_TEST_CASE(a_long_text_is_one_record_of_many_strings) {
    const QueryBuilder asked = QueryBuilder().question("steering-json", kTxt, kChaos).opt();
    std::vector<std::byte> out(dns::kMessageMax);
    std::size_t size = 0;
    const std::string text(60'000, 'j');
    BOOST_REQUIRE(dns::explain::reply_text(parsed(asked), asked.bytes(), text, out, size));
    BOOST_TEST(size > text.size());
    BOOST_TEST(dns_test::read_packet(std::span(out).first(size)).answer.size() == 1U);
    BOOST_TEST(!dns::explain::reply_text(
        parsed(asked), asked.bytes(), std::string(65'500, 'j'), out, size));
}

BOOST_AUTO_TEST_SUITE_END()
