#include "dns/dnssec/key_store.h"

#include <boost/test/unit_test.hpp>

#include "dns/dnssec/signing_key.h"
#include "test/unit/dns/directory/directory_database.h"

using namespace dns::dnssec;  // NOLINT(google-build-using-namespace): what is tested

namespace {

constexpr std::int64_t kNow = 1'800'000'000;

struct Store {
    Store() { database.fill(); }

    // Signs mail.test as an operator; gives the key's secret.
    std::string enable(Denial denial = Denial::Nsec3) {
        const auto connection = database.open("roundtable_operator");
        base::Tx tx = connection->begin().take_value();
        StoredKeys stored = read_keys(tx, "mail.test").take_value();
        BOOST_TEST(stored.revision == 0);
        stored.denial = denial;
        const SigningKey key = SigningKey::generate(Algorithm::Ed25519);
        const ZoneKeys keys =
            introduce(stored.keys, {key.algorithm(), key.public_key()}, kNow).take_value();
        BOOST_REQUIRE(store_keys(tx, stored, keys, key.secret()));
        BOOST_REQUIRE(tx.commit());
        return key.secret();
    }

    dns_test::DirectoryDatabase database;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(dns_dnssec_key_store, Store)

BOOST_AUTO_TEST_CASE(only_name_servers_read_private_keys) {
    const std::string secret = enable();
    for (const char* role :
         {"roundtable_operator", "roundtable_mtad", "roundtable_accessd", "roundtable_trackerd"}) {
        const auto connection = database.open(role);
        base::Tx tx = connection->begin().take_value();
        const auto secrets = read_secrets(tx);
        BOOST_TEST(!secrets, role);
        BOOST_TEST((secrets.error().code == base::Errc::Refused), role);
    }
    for (const char* role : {"roundtable_operator", "roundtable_dnsd"}) {
        BOOST_TEST(!database.open(role)->query("SELECT secret FROM directory.dnssec_secret"), role);
    }
    const auto connection = database.open("roundtable_dnsd");
    base::Tx tx = connection->begin().take_value();
    const auto secrets = read_secrets(tx).take_value();
    BOOST_REQUIRE(secrets.size() == 1U);
    BOOST_TEST((secrets.begin()->second == secret));
    const auto zones = read_all_keys(tx).take_value();
    BOOST_REQUIRE(zones.size() == 1U);
    BOOST_TEST((zones[0].denial == Denial::Nsec3));
    BOOST_TEST(zones[0].keys.keys.at(0).since_s == kNow);
    BOOST_TEST(zones[0].times.zone_ttl_max_s == 3600);
}

BOOST_AUTO_TEST_CASE(keys_move_from_what_was_read_and_only_from_that) {
    (void)enable();
    const auto connection = database.open("roundtable_dnsd");
    base::Tx tx = connection->begin().take_value();
    const StoredKeys read = read_keys(tx, "mail.test").take_value();
    ZoneKeys moved = read.keys;
    moved.keys[0].state = KeyState::Active;
    moved.keys[0].ds_seen_s = kNow + 7;
    BOOST_TEST(bool(store_keys(tx, read, moved)));
    BOOST_TEST((store_keys(tx, read, moved).error().code == base::Errc::Busy));
    const StoredKeys again = read_keys(tx, "mail.test").take_value();
    BOOST_TEST((again.keys == moved));
    // The last key takes all of it along.
    BOOST_TEST(bool(store_keys(tx, again, {})));
    BOOST_TEST(read_keys(tx, "mail.test").value().revision == 0);
    BOOST_TEST((read_keys(tx, "other.test").error().code == base::Errc::NotFound));
}

BOOST_AUTO_TEST_SUITE_END()
