#include "dns/plugin/zone_records.h"

#include <algorithm>
#include <set>
#include <string>

#include <boost/test/unit_test.hpp>

#include "dns/ldns_door.h"
#include "test/unit/dns/world.h"

using dns::plugin::Asker;
using dns::plugin::ZoneRecord;
using dns::plugin::ZoneRecords;

namespace {

using Lines = std::vector<std::string>;

constexpr std::uint16_t kAny = 255;

dns::Name name(std::string_view text) {
    return dns::Name::from_text(text).take_value();
}

Lines lines(const ZoneRecords& records) {
    Lines made;
    for (const ZoneRecord& record : records) {
        std::string line = record.owner.to_text() + " " + std::to_string(record.ttl) + " ";
        line += record.type == dns::plugin::kEmptyNonTerminal
                    ? "EMPTY"
                    : dns::record_type_name(record.type) + " " +
                          dns::record_data_text(record.type, record.data).take_value();
        made.push_back(line + (record.authoritative ? "" : " (glue)"));
    }
    std::ranges::sort(made);
    return made;
}

dns::ZoneSource mail_zone() {
    auto source = dns_test::zone_source("mail.test",
                                        {"www A 192.0.2.80",
                                         "www TXT \"x\"",
                                         "alias CNAME www",
                                         "*.wild A 192.0.2.81",
                                         "b.a.ent A 192.0.2.83",
                                         "sub NS ns.sub",
                                         "sub NS ns1.hosts.test.",
                                         "sub DS 1 13 2 0000000000000000000000000000000000000000"
                                         "000000000000000000000000",
                                         "ns.sub A 192.0.2.84",
                                         "self NS self",
                                         "self A 192.0.2.85"});
    source.steers_mail = true;
    source.steers_access = true;
    return source;
}

struct World {
    dns_test::Pool mail = dns_test::pool(dns::PoolKind::Mail, {4, 16, 8, 4, 12, 8, 16, 6});
    dns_test::Pool access = dns_test::pool(dns::PoolKind::Access, {3, 1, 2});
    std::unique_ptr<const dns::Snapshot> snapshot;
    dns::plugin::ZoneReader reader;

    World() {
        auto inner = dns_test::zone_source("in.mail.test", {"www A 192.0.2.90"});
        auto outer = mail_zone();
        outer.records.push_back(dns_test::row("in NS ns1.hosts.test."));
        snapshot = dns_test::snapshot({outer, inner}, &mail, &access);
    }

    Lines look(std::string_view owner,
               std::uint16_t type = kAny,
               std::optional<std::uint32_t> zone = std::nullopt,
               const Asker& asker = {}) {
        return lines(reader.lookup(*snapshot, name(owner), type, zone, asker).records);
    }
};

// "10 mx1.hosts.test." of an answer on our own port, sorted.
Lines own_answer(dns_test::Asker& own, std::string_view owner, dns::RrType type) {
    Lines made = own.ask(owner, type).answer;
    std::ranges::sort(made);
    return made;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(dns_plugin_zone_records)

BOOST_AUTO_TEST_CASE(finds_what_is_exactly_at_a_name) {
    World world;
    BOOST_TEST(world.look("www.mail.test") ==
                   (Lines{"www.mail.test. 300 A 192.0.2.80", "www.mail.test. 300 TXT \"x\""}),
               boost::test_tools::per_element());
    BOOST_TEST(world.look("WWW.mail.test", 1) == (Lines{"www.mail.test. 300 A 192.0.2.80"}),
               boost::test_tools::per_element());
    BOOST_TEST(
        world.look("alias.mail.test") == (Lines{"alias.mail.test. 300 CNAME www.mail.test."}),
        boost::test_tools::per_element());
    BOOST_TEST(world.look("x.wild.mail.test").empty());
    BOOST_TEST(world.look("*.wild.mail.test").size() == 1U);
    BOOST_TEST(world.look("a.ent.mail.test") == (Lines{"a.ent.mail.test. 0 EMPTY"}),
               boost::test_tools::per_element());
    BOOST_TEST(world.look("a.ent.mail.test", 1).empty());
    BOOST_TEST(world.look("www.mail.test", 28).empty());
    BOOST_TEST(world.look("nothing.mail.test").empty());
    BOOST_TEST(world.look("elsewhere.example").empty());
}

BOOST_AUTO_TEST_CASE(the_soa_has_the_serial_of_the_snapshot) {
    World world;
    BOOST_TEST(world.look("mail.test", 6) ==
                   (Lines{"mail.test. 3600 SOA ns1.hosts.test. hostmaster.hosts.test. "
                          "2026112201 7200 900 1209600 60"}),
               boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(delegations_and_their_glue_are_not_authoritative_but_the_ds_is) {
    World world;
    const Lines cut = world.look("sub.mail.test");
    BOOST_REQUIRE(cut.size() == 3U);
    BOOST_TEST(cut[0].starts_with("sub.mail.test. 300 DS "));
    BOOST_TEST(!cut[0].ends_with("(glue)"));
    BOOST_TEST(cut[1] == "sub.mail.test. 300 NS ns.sub.mail.test. (glue)");
    BOOST_TEST(cut[2] == "sub.mail.test. 300 NS ns1.hosts.test. (glue)");
    BOOST_TEST(
        world.look("ns.sub.mail.test") == (Lines{"ns.sub.mail.test. 300 A 192.0.2.84 (glue)"}),
        boost::test_tools::per_element());
    BOOST_TEST(world.look("other.sub.mail.test").empty());
    BOOST_TEST(
        world.look("self.mail.test") == (Lines{"self.mail.test. 300 A 192.0.2.85 (glue)",
                                               "self.mail.test. 300 NS self.mail.test. (glue)"}),
        boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_zone_inside_another_is_asked_by_its_number_or_found_by_name) {
    World world;
    BOOST_TEST(world.look("in.mail.test", 6).size() == 1U);
    BOOST_TEST(world.look("in.mail.test", 2).size() == 2U);
    BOOST_TEST(
        world.look("in.mail.test", 2, 0) == (Lines{"in.mail.test. 300 NS ns1.hosts.test. (glue)"}),
        boost::test_tools::per_element());
    BOOST_TEST(world.look("www.in.mail.test", 1, 1).size() == 1U);
    // A number that does not fit the name is as good as none.
    BOOST_TEST(world.look("www.mail.test", 1, 1).size() == 1U);
}

BOOST_AUTO_TEST_CASE(names_of_the_internal_view_are_not_there) {
    World world;
    BOOST_TEST(world.look("_account.mail.test").empty());
    BOOST_TEST(world.look("x._account.mail.test").empty());
}

BOOST_AUTO_TEST_CASE(steered_answers_are_those_of_our_own_port) {
    World world;
    dns_test::Asker own(*world.snapshot);
    std::set<Lines> seen;
    for (unsigned i = 0; i < 300; ++i) {
        Asker asker = Asker::read(
            "10." + std::to_string(i % 7) + "." + std::to_string(i % 256) + ".9", "0.0.0.0/0");
        if (i % 3 == 0) {
            asker = Asker::read("2001:db8:" + std::to_string(i) + "::1", "");
        }
        own.client = asker.client;
        for (const auto& [owner, type] : {std::pair{"mail.test", dns::RrType::Mx},
                                          std::pair{"_imap._tcp.mail.test", dns::RrType::Srv},
                                          std::pair{"_pop3._tcp.mail.test", dns::RrType::Srv},
                                          std::pair{"imap.mail.test", dns::RrType::A},
                                          std::pair{"pop.mail.test", dns::RrType::Aaaa}}) {
            const Lines found =
                world.look(owner, static_cast<std::uint16_t>(type), std::nullopt, asker);
            BOOST_REQUIRE(!found.empty());
            BOOST_REQUIRE(found == own_answer(own, owner, type));
            seen.insert(found);
        }
    }
    BOOST_TEST(seen.size() >= 10U);
}

BOOST_AUTO_TEST_CASE(a_clients_subnet_is_used_if_it_is_narrow_enough) {
    const auto scope_of = [](std::string_view remote, std::string_view real_remote) {
        return static_cast<unsigned>(Asker::read(remote, real_remote).scope);
    };
    BOOST_TEST(scope_of("192.0.2.7", "192.0.2.7/32") == 0U);
    BOOST_TEST(scope_of("192.0.2.7", "198.51.100.0/24") == 24U);
    BOOST_TEST(scope_of("192.0.2.7", "198.51.100.0/25") == 24U);
    BOOST_TEST(scope_of("192.0.2.7", "198.51.0.0/16") == 0U);
    BOOST_TEST(scope_of("192.0.2.7", "2001:db8::/56") == 48U);
    BOOST_TEST(scope_of("192.0.2.7", "2001:db8::/32") == 0U);
    BOOST_TEST(scope_of("192.0.2.7", "0.0.0.0/0") == 0U);
    BOOST_TEST(scope_of("", "nonsense") == 0U);
    const auto narrow = Asker::read("192.0.2.7", "198.51.100.0/24");
    BOOST_TEST((narrow.client.address[0] == std::byte{198}));
    const auto wide = Asker::read("fe80::1%eth0", "198.51.0.0/16");
    BOOST_TEST((wide.client.family == dns::Family::V6));
    BOOST_TEST((wide.client.address[0] == std::byte{0xfe}));
    World world;
    const auto found =
        world.reader.lookup(*world.snapshot, name("mail.test"), kAny, std::nullopt, narrow).records;
    for (const ZoneRecord& record : found) {
        BOOST_TEST(static_cast<unsigned>(record.scope) == (record.type == 15 ? 24U : 0U));
    }
}

BOOST_AUTO_TEST_CASE(neighbours_have_records_of_their_own) {
    World world;
    const auto& zone = world.snapshot->names().zone(0);
    const auto around = [&zone](std::string_view text) {
        const auto found = dns::plugin::neighbours_of(zone, name(text));
        return found.before.to_text() + " " + found.after.to_text();
    };
    BOOST_TEST(around("mail.test") == "mail.test. _imap._tcp.mail.test.");
    BOOST_TEST(around("aaa.mail.test") == "_pop3._tcp.mail.test. alias.mail.test.");
    BOOST_TEST(around("alias.mail.test") == "alias.mail.test. b.a.ent.mail.test.");
    BOOST_TEST(around("a.ent.mail.test") == "alias.mail.test. b.a.ent.mail.test.");
    BOOST_TEST(around("zzz.mail.test") == "www.mail.test. mail.test.");
    BOOST_TEST(around("x.sub.mail.test") == "sub.mail.test. *.wild.mail.test.");
}

BOOST_AUTO_TEST_SUITE_END()
