#include "dns/steered_set.h"

#include <algorithm>
#include <map>
#include <set>
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

dns::ZoneSource mail_zone() {
    auto source = dns_test::zone_source("mail.test", {});
    source.steers_mail = true;
    source.steers_access = true;
    return source;
}

std::string host_of(const std::string& line) {
    return line.substr(line.rfind(' ') + 1);
}

// Hosts of an MX answer that stand at the preference.
std::set<std::string> at_preference(const PacketText& packet, const std::string& preference) {
    std::set<std::string> hosts;
    for (const std::string& line : packet.answer) {
        if (line.find(" MX " + preference + " ") != std::string::npos) {
            hosts.insert(host_of(line));
        }
    }
    return hosts;
}

void set_source(dns::Client& client, unsigned number) {
    client.address[0] = static_cast<std::byte>(10 + number / 65536);
    client.address[1] = static_cast<std::byte>(number / 256 % 256);
    client.address[2] = static_cast<std::byte>(number % 256);
}

std::unique_ptr<const dns::Snapshot> world(const dns_test::Pool& mail,
                                           const dns_test::Pool& access) {
    return dns_test::snapshot({mail_zone()}, &mail, &access);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(dns_steered_set)

BOOST_AUTO_TEST_CASE(serves_the_row_that_the_source_hashes_to) {
    const auto mail = dns_test::pool(dns::PoolKind::Mail, {4, 16, 8, 4, 12, 8, 16, 6});
    const auto access = dns_test::pool(dns::PoolKind::Access, {1});
    const auto snapshot = world(mail, access);
    const auto table = mail.source().table;
    Asker asker(*snapshot);
    const auto apex = dns::Name::from_text("mail.test").take_value();
    std::set<std::size_t> rows;
    for (unsigned i = 0; i < 300; ++i) {
        set_source(asker.client, i * 77);
        const auto words = dns::source_hash(snapshot->key(), asker.client, apex.wire());
        const auto& row = table->rows[dns::steering::choose_row(*table, words.x)];
        const PacketText packet = asker.ask("mail.test", RrType::Mx);
        std::set<std::string> expected;
        for (const auto& entry : row.level0) {
            expected.insert(table->servers[entry.server].name + ".");
        }
        BOOST_REQUIRE(at_preference(packet, "10") == expected);
        BOOST_REQUIRE(packet.answer.size() == 8U);
        BOOST_REQUIRE(expected.size() >= 2);
        rows.insert(expected.size());
    }
    BOOST_TEST(rows.size() == table->rows.size());
}

BOOST_AUTO_TEST_CASE(a_source_keeps_its_row_within_its_prefix) {
    const auto mail = dns_test::pool(dns::PoolKind::Mail, {4, 16, 8, 4, 12, 8, 16, 6});
    const auto access = dns_test::pool(dns::PoolKind::Access, {1});
    const auto snapshot = world(mail, access);
    Asker asker(*snapshot);
    for (unsigned i = 0; i < 50; ++i) {
        set_source(asker.client, i * 131);
        const auto first = at_preference(asker.ask("mail.test", RrType::Mx), "10");
        asker.client.address[3] = std::byte{99};
        BOOST_TEST((at_preference(asker.ask("mail.test", RrType::Mx), "10") == first));
    }
}

BOOST_AUTO_TEST_CASE(every_server_is_listed_at_one_of_the_levels) {
    const auto mail = dns_test::pool(dns::PoolKind::Mail, {1, 2, 4, 8});
    const auto access = dns_test::pool(dns::PoolKind::Access, {1});
    const auto snapshot = world(mail, access);
    Asker asker(*snapshot);
    for (unsigned i = 0; i < 100; ++i) {
        set_source(asker.client, i);
        const PacketText packet = asker.ask("mail.test", RrType::Mx);
        BOOST_TEST(at_preference(packet, "10").size() + at_preference(packet, "20").size() == 4U);
    }
}

BOOST_AUTO_TEST_CASE(rotation_gives_each_server_its_turn_at_the_front) {
    auto mail = dns_test::pool(dns::PoolKind::Mail, {1, 1, 1, 1, 1});
    const auto access = dns_test::pool(dns::PoolKind::Access, {1});
    const auto snapshot = world(mail, access);
    Asker asker(*snapshot);
    std::map<std::string, int> first;
    for (int i = 0; i < 50; ++i) {
        ++first[host_of(asker.ask("mail.test", RrType::Mx).answer.front())];
    }
    BOOST_TEST(first.size() == 5U);
    for (const auto& [host, count] : first) {
        BOOST_TEST(count == 10, host);
    }
}

BOOST_AUTO_TEST_CASE(rotate_policy_goes_through_the_servers_in_turn) {
    auto mail = dns_test::pool(dns::PoolKind::Mail, {1, 1, 1, 1});
    mail.input.policy = dns::steering::Policy::Rotate;
    const auto access = dns_test::pool(dns::PoolKind::Access, {1});
    const auto snapshot = world(mail, access);
    Asker asker(*snapshot);
    std::map<std::string, int> first;
    for (int i = 0; i < 8; ++i) {
        const auto hosts = at_preference(asker.ask("mail.test", RrType::Mx), "10");
        BOOST_TEST(hosts.size() == 2U);
        for (const std::string& host : hosts) {
            ++first[host];
        }
        // Another kind of question in between takes no turn away.
        (void)asker.ask("imap.mail.test", RrType::A);
    }
    BOOST_TEST(first.size() == 4U);
    for (const auto& [host, count] : first) {
        BOOST_TEST(count == 4, host);
    }
}

BOOST_AUTO_TEST_CASE(threads_start_their_turns_apart) {
    BOOST_TEST(dns::ThreadState(0).turns[0] != dns::ThreadState(1).turns[0]);
    BOOST_TEST(dns::ThreadState(1).turns[0] != dns::ThreadState(2).turns[0]);
}

BOOST_AUTO_TEST_CASE(pins_stand_where_they_were_put) {
    auto mail = dns_test::pool(dns::PoolKind::Mail, {1, 1, 1});
    mail.input.servers[1].pin = 5;
    const auto access = dns_test::pool(dns::PoolKind::Access, {1});
    const auto snapshot = world(mail, access);
    Asker asker(*snapshot);
    const PacketText packet = asker.ask("mail.test", RrType::Mx);
    BOOST_TEST((at_preference(packet, "5") == std::set<std::string>{"mx2.hosts.test."}));
    BOOST_TEST(packet.answer.size() == 3U);
}

BOOST_AUTO_TEST_CASE(a_withdrawn_server_is_in_no_answer_but_the_last_ones_stay) {
    auto mail = dns_test::pool(dns::PoolKind::Mail, {1, 1, 1, 1});
    mail.input.servers[2].healthy = false;
    const auto access = dns_test::pool(dns::PoolKind::Access, {1});
    const auto some = world(mail, access);
    Asker asker(*some);
    const PacketText packet = asker.ask("mail.test", RrType::Mx);
    BOOST_TEST(packet.answer.size() == 3U);
    for (const std::string& line : packet.answer) {
        BOOST_TEST(host_of(line) != "mx3.hosts.test.");
    }
    for (auto& server : mail.input.servers) {
        server.healthy = false;
    }
    const auto none = world(mail, access);
    BOOST_TEST(Asker(*none).ask("mail.test", RrType::Mx).answer.size() == 4U);
}

BOOST_AUTO_TEST_CASE(addresses_are_of_level_zero_and_at_least_two) {
    auto access = dns_test::pool(dns::PoolKind::Access, {1, 8, 8});
    const auto mail = dns_test::pool(dns::PoolKind::Mail, {1});
    const auto snapshot = world(mail, access);
    Asker asker(*snapshot);
    std::set<std::size_t> sizes;
    for (unsigned i = 0; i < 100; ++i) {
        set_source(asker.client, i);
        sizes.insert(asker.ask("imap.mail.test", RrType::A).answer.size());
    }
    BOOST_TEST((sizes == std::set<std::size_t>{2, 3}));
}

BOOST_AUTO_TEST_CASE(at_least_two_holds_for_each_family) {
    auto access = dns_test::pool(dns::PoolKind::Access, {8, 8, 1});
    access.hosts[0].addresses6.clear();
    const auto mail = dns_test::pool(dns::PoolKind::Mail, {1});
    const auto snapshot = world(mail, access);
    Asker asker(*snapshot);
    for (unsigned i = 0; i < 50; ++i) {
        set_source(asker.client, i);
        BOOST_REQUIRE(asker.ask("imap.mail.test", RrType::Aaaa).answer.size() == 2U);
    }
}

BOOST_AUTO_TEST_CASE(rotate_policy_turns_the_order_within_a_variant_too) {
    auto mail = dns_test::pool(dns::PoolKind::Mail, {1, 1, 1, 1});
    mail.input.policy = dns::steering::Policy::Rotate;
    const auto access = dns_test::pool(dns::PoolKind::Access, {1});
    const auto snapshot = world(mail, access);
    Asker asker(*snapshot);
    std::map<std::set<std::string>, std::set<std::string>> firsts;
    for (int i = 0; i < 16; ++i) {
        const PacketText packet = asker.ask("mail.test", RrType::Mx);
        firsts[at_preference(packet, "10")].insert(host_of(packet.answer.front()));
    }
    BOOST_TEST(firsts.size() == 4U);
    for (const auto& [hosts, first] : firsts) {
        BOOST_TEST(first.size() == 2U);
    }
}

BOOST_AUTO_TEST_CASE(a_family_never_vanishes) {
    auto access = dns_test::pool(dns::PoolKind::Access, {8, 8, 1});
    access.hosts[0].addresses6.clear();
    access.hosts[1].addresses6.clear();
    const auto mail = dns_test::pool(dns::PoolKind::Mail, {1});
    const auto up = world(mail, access);
    Asker asker(*up);
    for (unsigned i = 0; i < 50; ++i) {
        set_source(asker.client, i);
        BOOST_REQUIRE(asker.ask("imap.mail.test", RrType::Aaaa).answer.size() == 1U);
    }
    // The only server with IPv6 is down: the configured set of the family is answered.
    access.input.servers[2].healthy = false;
    const auto down = world(mail, access);
    Asker later(*down);
    BOOST_TEST(later.ask("imap.mail.test", RrType::Aaaa).answer ==
                   Lines{"imap.mail.test. 60 AAAA 2001:db8::3"},
               boost::test_tools::per_element());
    BOOST_TEST(later.ask("imap.mail.test", RrType::A).answer.size() == 2U);
    // None was ever configured with it: the type is not there at all.
    access.hosts[2].addresses6.clear();
    const auto never = world(mail, access);
    BOOST_TEST(Asker(*never).ask("imap.mail.test", RrType::Aaaa).authority.size() == 1U);
}

BOOST_AUTO_TEST_CASE(one_address_of_two_servers_is_listed_once) {
    auto access = dns_test::pool(dns::PoolKind::Access, {1, 1});
    access.hosts[1].addresses4 = access.hosts[0].addresses4;
    const auto mail = dns_test::pool(dns::PoolKind::Mail, {1});
    const auto snapshot = world(mail, access);
    BOOST_TEST(Asker(*snapshot).ask("imap.mail.test", RrType::A).answer.size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_wide_pool_fits_a_datagram_and_uses_all_its_servers) {
    const auto mail = dns_test::pool(dns::PoolKind::Mail, std::vector<double>(64, 1.0));
    const auto access = dns_test::pool(dns::PoolKind::Access, std::vector<double>(64, 1.0));
    const auto snapshot = world(mail, access);
    Asker asker(*snapshot);
    std::map<std::string, int> seen;
    for (unsigned i = 0; i < 600; ++i) {
        set_source(asker.client, i);
        const PacketText packet = asker.ask("mail.test", RrType::Mx);
        BOOST_REQUIRE(packet.parsed);
        BOOST_REQUIRE(!packet.truncated);
        BOOST_REQUIRE(packet.size <= 1232U);
        BOOST_REQUIRE(packet.answer.size() <= 40U);
        BOOST_REQUIRE(packet.answer.size() >= 30U);
        for (const std::string& line : packet.answer) {
            ++seen[host_of(line)];
        }
    }
    BOOST_TEST(seen.size() == 64U);
    for (const char* name : {"_imap._tcp.mail.test", "imap.mail.test"}) {
        for (const RrType type : {RrType::A, RrType::Aaaa, RrType::Srv}) {
            const PacketText packet = asker.ask(name, type);
            BOOST_TEST(!packet.truncated);
            BOOST_TEST(packet.size <= 1232U);
        }
    }
}

BOOST_AUTO_TEST_CASE(refuses_a_table_with_a_server_that_has_no_host) {
    auto mail = dns_test::pool(dns::PoolKind::Mail, {1, 1});
    mail.hosts.pop_back();
    const dns::NameTable names({}, 1);
    BOOST_TEST(!dns::SteeredSet::build(mail.source(), names));
}

BOOST_AUTO_TEST_SUITE_END()
