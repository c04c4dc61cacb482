#include "dns/control/key_keeper.h"

#include <boost/test/unit_test.hpp>

#include "base/clock.h"
#include "dns/directory/directory_reader.h"
#include "test/support/loop_runner.h"
#include "test/unit/dns/control/control_fixture.h"
#include "test/unit/dns/directory/directory_database.h"

using namespace dns::dnssec;  // NOLINT(google-build-using-namespace): what it keeps

namespace {

struct Keeping {
    Keeping() {
        database.fill();
        const auto connection = database.open("roundtable_operator");
        base::Tx tx = connection->begin().take_value();
        const StoredKeys stored = read_keys(tx, "mail.test").take_value();
        const SigningKey key = SigningKey::generate(Algorithm::EcdsaP256);
        const ZoneKeys keys =
            introduce(stored.keys, {key.algorithm(), key.public_key()}, base::wall_us() / 1'000'000)
                .take_value();
        BOOST_REQUIRE(store_keys(tx, stored, keys, key.secret()));
        BOOST_REQUIRE(tx.commit());
    }

    std::shared_ptr<const dns::Directory> read() {
        return std::make_shared<const dns::Directory>(
            dns::read_directory(*database.open("roundtable_dnsd"), dns::SecretsWanted::Yes)
                .take_value());
    }

    std::string state() {
        return database.sql("SELECT state FROM directory.dnssec_key")[0].string(0);
    }

    void run(const std::function<void(dns::KeyKeeper&)>& body) {
        base::DbPoolOptions options;
        options.connections = 1;
        base::DbPool pool(database.conninfo(), "test", options);
        dns::KeyKeeper keeper(pool, "ns1");
        test_support::run_in_fiber([&](base::Loop& loop) {
            BOOST_REQUIRE(keeper.start(loop));
            body(keeper);
        });
    }

    dns_test::DirectoryDatabase database;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(dns_control_key_keeper, Keeping)

BOOST_AUTO_TEST_CASE(keys_move_when_it_is_time) {
    run([this](dns::KeyKeeper& keeper) {
        keeper.take(read());
        BOOST_TEST(!dns_test::wait_until([this] { return state() != "introduced"; },
                                         std::chrono::milliseconds(300)),
                   "caches still have the zone without signatures");
        database.sql("UPDATE directory.dnssec_key SET since = now() - interval '40 days'");
        keeper.take(read());
        BOOST_TEST(dns_test::wait_until([this] { return state() == "waiting"; }));
        // It waits for the parent, however long.
        database.sql("UPDATE directory.dnssec_key SET since = now() - interval '40 days'");
        keeper.take(read());
        database.sql("UPDATE directory.dnssec_key SET ds_seen = now() - interval '39 days'");
        keeper.take(read());
        BOOST_TEST(dns_test::wait_until([this] { return state() == "active"; }));
    });
}

BOOST_AUTO_TEST_CASE(what_another_has_moved_stays) {
    run([this](dns::KeyKeeper& keeper) {
        const auto old = read();
        database.sql(
            "UPDATE directory.dnssec_key SET state = 'active', since = now(), "
            "ds_seen = now()");
        auto stale = std::make_shared<dns::Directory>(*old);
        stale->signing[0].keys.keys[0].since_s = 1;
        keeper.take(std::move(stale));
        BOOST_TEST(!dns_test::wait_until([this] { return state() != "active"; },
                                         std::chrono::milliseconds(300)));
    });
}

BOOST_AUTO_TEST_CASE(a_roll_begins_by_schedule_and_waits_for_the_parent) {
    const auto states = [this] {
        return database
            .sql("SELECT string_agg(state, ' ' ORDER BY id) FROM directory.dnssec_key")[0]
            .string(0);
    };
    database.sql(
        "UPDATE directory.dnssec_key SET state = 'active', since = now() - interval '31 days', "
        "ds_seen = now() - interval '31 days'");
    run([&](dns::KeyKeeper& keeper) {
        keeper.look(1);
        keeper.take(read());
        BOOST_TEST(!dns_test::wait_until([&] { return states() != "active"; },
                                         std::chrono::milliseconds(300)),
                   "nobody said so");
        database.sql("UPDATE directory.cluster SET dnssec_roll_days = 30");
        keeper.look(2);  // as the follower says, who finds nothing else that is new
        BOOST_TEST(dns_test::wait_until([&] { return states() == "active introduced"; }));
        database.sql(
            "UPDATE directory.dnssec_key SET since = now() - interval '40 days' "
            "WHERE state = 'introduced'");
        keeper.take(read());
        BOOST_TEST(dns_test::wait_until([&] { return states() == "active waiting"; }));
        database.sql("UPDATE directory.dnssec_key SET since = now() - interval '400 days'");
        keeper.look(3);
        keeper.take(read());
        BOOST_TEST(!dns_test::wait_until([&] { return states() != "active waiting"; },
                                         std::chrono::milliseconds(300)),
                   "no schedule ends a roll");
        BOOST_TEST(database
                       .sql("SELECT subject FROM directory.event "
                            "WHERE kind = 'dnssec_roll'")[0]
                       .string(0) == "mail.test");
    });
}

BOOST_AUTO_TEST_SUITE_END()
