#include "dns/message.h"

#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "test/unit/dns/world.h"

using dns::RrType;
using dns_test::Asker;
using dns_test::PacketText;
using dns_test::QueryBuilder;

namespace {

constexpr int kBigRecords = 60;

std::vector<dns::ZoneSource> big_zone() {
    std::vector<std::string> lines;
    for (int i = 0; i < kBigRecords; ++i) {
        lines.push_back("big A 192.0.2." + std::to_string(i));
    }
    for (int i = 0; i < 20; ++i) {
        const std::string host = "h" + std::to_string(i);
        lines.push_back("@ MX 10 " + host);
        lines.push_back(host + " A 192.0.2." + std::to_string(i));
        lines.push_back(host + " AAAA 2001:db8::" + std::to_string(i + 1));
        lines.push_back("child NS " + host + ".child");
        lines.push_back(host + ".child A 192.0.2." + std::to_string(i));
        lines.push_back(host + ".child AAAA 2001:db8::" + std::to_string(i + 1));
    }
    lines.push_back("toobig CNAME big");
    return {dns_test::zone_source("example.test", lines)};
}

struct World {
    std::unique_ptr<const dns::Snapshot> snapshot = dns_test::snapshot(big_zone());
    Asker asker{*snapshot};
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(dns_message, World)

BOOST_AUTO_TEST_CASE(truncates_to_nothing_when_the_set_does_not_fit) {
    const PacketText packet = asker.ask(QueryBuilder().question("big.example.test", RrType::A));
    BOOST_TEST(packet.parsed);
    BOOST_TEST(packet.truncated);
    BOOST_TEST(packet.answer.empty());
    BOOST_TEST(packet.size == 12U + 22U);
    BOOST_TEST(asker.state().counters.truncated.value() == 1U);
}

BOOST_AUTO_TEST_CASE(truncates_a_chain_whose_end_does_not_fit) {
    const PacketText packet = asker.ask(QueryBuilder().question("toobig.example.test", RrType::A));
    BOOST_TEST(packet.truncated);
    BOOST_TEST(packet.answer.empty());
}

BOOST_AUTO_TEST_CASE(the_client_s_size_counts_between_512_and_1232) {
    // 60 A records are 960 octets, the whole response with OPT 1005.
    const struct {
        unsigned size;
        bool truncated;
    } cases[] = {
        {0, true}, {511, true}, {1004, true}, {1005, false}, {1232, false}, {65535, false}};

    for (const auto& c : cases) {
        const PacketText packet = asker.ask(QueryBuilder()
                                                .question("big.example.test", RrType::A)
                                                .opt(static_cast<std::uint16_t>(c.size)));
        BOOST_TEST(packet.truncated == c.truncated, "size " << c.size);
        BOOST_TEST(packet.answer.size() == (c.truncated ? 0U : 60U));
        BOOST_TEST(packet.size <= std::max(c.size, 512U));
    }
}

BOOST_AUTO_TEST_CASE(tcp_is_not_truncated) {
    asker.client.transport = dns::Transport::Tcp;
    const PacketText packet = asker.ask(QueryBuilder().question("big.example.test", RrType::A));
    BOOST_TEST(!packet.truncated);
    BOOST_TEST(packet.answer.size() == 60U);
}

BOOST_AUTO_TEST_CASE(additional_sets_are_left_out_whole) {
    const PacketText small =
        asker.ask(QueryBuilder().question("example.test", RrType::Mx).opt(512));
    BOOST_TEST(!small.truncated);
    BOOST_TEST(small.answer.size() == 20U);
    BOOST_TEST(small.additional.size() < 4U);
    const PacketText large = asker.ask(QueryBuilder().question("example.test", RrType::Mx).opt());
    BOOST_TEST(large.parsed);
    BOOST_TEST(large.additional.size() > 10U);
    BOOST_TEST(large.size <= 1232U);
}

BOOST_AUTO_TEST_CASE(a_referral_without_all_its_glue_is_truncated) {
    // RFC 9471 3.1.
    const PacketText small = asker.ask(QueryBuilder().question("child.example.test", RrType::A));
    BOOST_TEST(small.truncated);
    BOOST_TEST(small.authority.empty());
    asker.client.transport = dns::Transport::Tcp;
    const PacketText whole = asker.ask(QueryBuilder().question("child.example.test", RrType::A));
    BOOST_TEST(!whole.truncated);
    BOOST_TEST(whole.authority.size() == 20U);
    BOOST_TEST(whole.additional.size() == 40U);
}

BOOST_AUTO_TEST_CASE(every_response_size_is_well_formed) {
    for (unsigned size = 512; size <= 1232; ++size) {
        for (const char* name : {"example.test", "child.example.test", "big.example.test"}) {
            const PacketText packet = asker.ask(
                QueryBuilder().question(name, RrType::Mx).opt(static_cast<std::uint16_t>(size)));
            BOOST_REQUIRE(packet.parsed);
            BOOST_REQUIRE(packet.size <= size);
        }
    }
}

BOOST_AUTO_TEST_SUITE_END()
