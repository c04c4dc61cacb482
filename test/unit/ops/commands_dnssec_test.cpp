// Verbs of dnssec; as commands_test.cpp.

#include <string>

#include <boost/test/unit_test.hpp>

#include "dns/dnssec/key_store.h"
#include "dns/dnssec/signing_key.h"
#include "test/unit/ops/commands_fixture.h"

using ops_test::Fixture;

namespace {

// Lets time pass for the keys of all domains.
void age(Fixture& f, const std::string& by) {
    f.database.sql(
        "UPDATE directory.dnssec_key SET since = since - $1::text::interval, "
        "ds_seen = ds_seen - $1::text::interval, ds_gone = ds_gone - $1::text::interval",
        {by});
    f.database.sql("UPDATE directory.dnssec SET wish_since = wish_since - $1::text::interval",
                   {by});
}

std::string tag(const std::string& said) {
    const std::size_t at = said.find(" DS ") + 4;
    return said.substr(at, said.find(' ', at) - at);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(commands)

BOOST_AUTO_TEST_CASE(a_domain_is_signed_rolled_and_unsigned) {
    Fixture f;
    f.make_cluster();
    f.play({{"dnssec status", 0, "no domain is signed"},
            {"dnssec status example.test", 3, "dnssec enable example.test"},
            {"dnssec enable other.test", 3, "no domain"},
            {"dnssec enable example.test --algorithm rsa", 1, "ed25519"},
            {"dnssec enable Example.test. --ds-ttl 7200", 0, "caches to forget"},
            {"dnssec enable example.test", 4, "signed already"},
            {"dnssec roll example.test", 1, "first key is not in use"},
            {"dnssec ds example.test", 0, "no DS of example.test now"}});
    age(f, "2 days");
    const std::string first = f.run("dnssec ds example.test").out;
    BOOST_TEST(first.starts_with("example.test. IN DS "), first);
    f.play({{"dnssec ds example.test --seen 1", 3, "no key with the tag 1"},
            {"dnssec ds example.test --none", 1, "disable example.test` comes first"},
            {"dnssec ds example.test --seen " + tag(first), 0, "caches to have the DS"}});
    age(f, "2 hours");
    f.play({{"dnssec roll example.test", 0, "a new key"},
            {"dnssec roll example.test", 1, "rolled already"},
            {"dnssec disable example.test", 1, "wait for its end"}});
    age(f, "1 day");
    const std::string both = f.run("dnssec ds example.test").out;
    BOOST_TEST(both.starts_with(first), both);
    const std::string second = tag(both.substr(first.size()));
    f.play({{"dnssec ds example.test --seen " + tag(first) + " --seen " + second, 0, "noted"}});
    age(f, "2 hours");
    BOOST_TEST(f.run("dnssec ds example.test").out == both.substr(first.size()));
    f.play({{"dnssec ds example.test --seen " + second, 0, "signs no more"}});
    age(f, "2 days");
    f.play({{"dnssec disable example.test", 0, "asked to drop"},
            {"dnssec status example.test", 0, "removing"},
            {"dnssec ds example.test --none", 0, "caches to forget the DS"}});
    age(f, "2 days");
    f.play({{"dnssec ds example.test --none", 0, "not signed any more"},
            {"dnssec status", 0, "no domain is signed"},
            {"dnssec disable example.test", 3}});
    BOOST_TEST(f.database.sql("SELECT count(*) FROM directory.dnssec_secret", {})[0].int64(0) == 0);
}

BOOST_AUTO_TEST_CASE(keys_have_schedules_and_parents_are_shown) {
    Fixture f;
    f.make_cluster();
    f.play({{"dnssec schedule example.test 30", 3, "is not signed"},
            {"dnssec enable example.test --ds-ttl 60"},
            {"dnssec schedule example.test 6", 1, "7"},
            {"dnssec schedule example.test often", 1},
            {"dnssec schedule example.test 30", 0, "every 30 days"},
            {"dnssec status example.test", 0, "parent: not looked at"}});
    age(f, "2 days");
    f.play({{"dnssec ds example.test --seen " + tag(f.run("dnssec ds example.test").out)}});
    age(f, "2 hours");
    f.play({{"dnssec ds example.test --seen " + tag(f.run("dnssec ds example.test").out)},
            {"dnssec status example.test", 0, "is rolled by schedule at"},
            {"dnssec schedule example.test never", 0, "by command alone"}});
    BOOST_TEST(f.run("dnssec status example.test").out.find("by schedule") == std::string::npos);
    f.play({{"dnssec schedule example.test cluster", 0, "dnssec_roll_days"},
            {"setting set dnssec_roll_days 5", 1},
            {"setting set dnssec_roll_days 365", 0, "365"},
            {"dnssec status example.test", 0, "is rolled by schedule at"}});
    f.database.sql(
        "SELECT directory.note_parent(s.domain_id, 'ns1', 2, ARRAY['1 13 2 ab'], 60, 'odd') "
        "FROM directory.dnssec s",
        {});
    f.play({{"dnssec status example.test", 0, "1 DS at its 2 servers, seen by ns1"},
            {"dnssec status example.test", 0, "warning: odd"}});
}

BOOST_AUTO_TEST_CASE(a_zone_is_transferred_or_denies_by_compact_records) {
    Fixture f;
    f.make_cluster();
    f.play({{"dnssec enable example.test --denial lies", 1, "nsec, nsec3 or compact"},
            {"dnssec enable example.test --denial compact", 0, "signed from now on"},
            {"dnssec status example.test", 0, "denial compact"},
            {"transfer add ns3 --from 192.0.2.0/24", 1, "example.test denies by compact records"},
            {"transfer add ns3 --from 192.0.2.0/24 --domain example.test", 1, "--denial nsec"},
            {"dnssec enable example.test --denial nsec3", 0, "denies by nsec3 from now on"},
            {"transfer add ns3 --from 192.0.2.0/24", 0, "added peer ns3"},
            {"dnssec enable example.test --denial compact", 1, "transferred to ns3"},
            {"dnssec enable example.test --denial nsec", 0, "denies by nsec from now on"},
            {"dnssec enable example.test", 4, "signed already"}});
    // By SQL, too.
    auto connection =
        base::Connection::open(f.database.conninfo("roundtable_operator"), "test").take_value();
    for (const char* statement : {"UPDATE directory.dnssec SET denial = 'compact'",
                                  "WITH p AS (DELETE FROM directory.transfer_peer) SELECT 1"}) {
        const auto done = connection->query(statement);
        BOOST_TEST(bool(done) == (std::string_view(statement).starts_with("WITH")), statement);
        if (!done) {
            BOOST_TEST(done.error().detail.find("example.test denies by compact records") !=
                           std::string::npos,
                       done.error().detail);
        }
    }
    BOOST_TEST(bool(connection->query("UPDATE directory.dnssec SET denial = 'compact'")));
    for (const char* statement :
         {"INSERT INTO directory.transfer_peer (name, networks) VALUES ('a', '{192.0.2.0/24}')",
          "WITH p AS (INSERT INTO directory.transfer_peer (name, networks, all_domains) "
          "VALUES ('a', '{192.0.2.0/24}', false) RETURNING id) INSERT INTO "
          "directory.transfer_domain (peer_id, domain_id) SELECT p.id, s.domain_id "
          "FROM p, directory.dnssec s"}) {
        BOOST_TEST(!connection->query(statement), statement);
    }
}

BOOST_AUTO_TEST_CASE(only_name_servers_read_private_keys) {
    Fixture f;
    f.make_cluster();
    f.play({{"dnssec enable example.test --algorithm ed25519"}});
    const auto read_as = [&](const std::string& role) {
        auto connection = base::Connection::open(f.database.conninfo(role), "test").take_value();
        base::Tx tx = connection->begin().take_value();
        return dns::dnssec::read_secrets(tx);
    };
    for (const char* role :
         {"roundtable_operator", "roundtable_mtad", "roundtable_accessd", "roundtable_trackerd"}) {
        const auto secrets = read_as(role);
        BOOST_TEST(!secrets, role);
        BOOST_TEST((secrets.error().code == base::Errc::Refused), role);
    }
    const auto secrets = read_as("roundtable_dnsd");
    BOOST_REQUIRE(secrets);
    BOOST_REQUIRE(secrets.value().size() == 1U);
    auto connection =
        base::Connection::open(f.database.conninfo("roundtable_dnsd"), "test").take_value();
    base::Tx tx = connection->begin().take_value();
    const auto zones = dns::dnssec::read_all_keys(tx).take_value();
    BOOST_REQUIRE(zones.size() == 1U);
    BOOST_TEST((zones[0].denial == dns::dnssec::Denial::Nsec));
    const auto& key = zones[0].keys.keys.at(0);
    BOOST_TEST(dns::dnssec::SigningKey::from_secret(key.key.algorithm, secrets.value().at(key.id))
                   .value()
                   .public_key() == key.key.octets);
    // A name server moves keys, too; who read before another moved them does not.
    dns::dnssec::ZoneKeys moved = zones[0].keys;
    moved.keys[0].state = dns::dnssec::KeyState::Waiting;
    BOOST_TEST(bool(dns::dnssec::store_keys(tx, zones[0], moved)));
    BOOST_TEST((dns::dnssec::store_keys(tx, zones[0], moved).error().code == base::Errc::Busy));
    const auto direct = tx.query("SELECT * FROM directory.dnssec_secret", {});
    BOOST_TEST(!direct);
}

BOOST_AUTO_TEST_SUITE_END()
