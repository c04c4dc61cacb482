#include "dns/dnssec/roll_store.h"

#include <boost/test/unit_test.hpp>

#include "dns/dnssec/signing_key.h"
#include "test/unit/dns/directory/directory_database.h"

using namespace dns::dnssec;  // NOLINT(google-build-using-namespace): what is tested

namespace {

constexpr std::int64_t kDay = 86400;
constexpr std::int64_t kNow = 1'800'000'000;

// mail.test is signed, its key in use since kNow.
struct Store {
    Store() {
        database.fill();
        const auto connection = database.open("roundtable_operator");
        base::Tx tx = connection->begin().take_value();
        const StoredKeys stored = read_keys(tx, "mail.test").take_value();
        const SigningKey key = new_key(stored.keys, Algorithm::EcdsaP256);
        ZoneKeys keys =
            introduce(stored.keys, {key.algorithm(), key.public_key()}, kNow).take_value();
        keys.keys[0].state = KeyState::Active;
        keys.keys[0].ds_seen_s = kNow;
        BOOST_REQUIRE(store_keys(tx, stored, keys, key.secret()));
        BOOST_REQUIRE(tx.commit());
        domain_id = stored.domain_id;
    }

    std::vector<std::string> due(std::int64_t at_s) {
        base::Tx tx = server->begin().take_value();
        return read_due_rolls(tx, at_s, 10).take_value();
    }

    dns_test::DirectoryDatabase database;
    std::unique_ptr<base::Connection> server = database.open("roundtable_dnsd");
    std::int64_t domain_id = 0;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(dns_dnssec_roll_store, Store)

BOOST_AUTO_TEST_CASE(sql_and_the_state_machine_agree_on_when_a_roll_is_due) {
    BOOST_TEST(due(kNow + 4000 * kDay).empty(), "off by default");
    database.sql("UPDATE directory.cluster SET dnssec_roll_days = 90");
    std::int64_t due_s = 0;
    {
        base::Tx tx = server->begin().take_value();
        const StoredKeys stored = read_keys(tx, "mail.test").take_value();
        BOOST_TEST(read_roll_every(tx, domain_id).value() == 90 * kDay);
        due_s = roll_due_s(stored.keys, 90 * kDay).value();
    }
    BOOST_TEST((due_s <= kNow + 90 * kDay && due_s >= kNow + 81 * kDay));
    BOOST_TEST(due(due_s - 1).empty());
    BOOST_TEST(due(due_s) == std::vector<std::string>{"mail.test"});
    database.sql("UPDATE directory.dnssec SET roll_days = 7");
    BOOST_TEST(due(kNow + 7 * kDay).size() == 1U, "its own schedule");
    database.sql("UPDATE directory.dnssec SET roll_days = 0");
    BOOST_TEST(due(kNow + 4000 * kDay).empty(), "never");
    database.sql(
        "UPDATE directory.dnssec SET roll_days = 7; "
        "UPDATE directory.dnssec_key SET ds_gone = now()");
    BOOST_TEST(due(kNow + 7 * kDay).empty(), "the parent has nothing of it");
}

BOOST_AUTO_TEST_CASE(a_due_roll_begins_once) {
    database.sql("UPDATE directory.dnssec SET roll_days = 7");
    {
        base::Tx tx = server->begin().take_value();
        BOOST_TEST(!begin_due_roll(tx, "mail.test", "ns1", kNow + 6 * kDay).value());
        BOOST_TEST(begin_due_roll(tx, "mail.test", "ns1", kNow + 7 * kDay).value());
        BOOST_TEST(!begin_due_roll(tx, "mail.test", "ns1", kNow + 7 * kDay).value());
        BOOST_REQUIRE(tx.commit());
    }
    BOOST_TEST(due(kNow + 8 * kDay).empty());
    {
        base::Tx tx = server->begin().take_value();
        const StoredKeys stored = read_keys(tx, "mail.test").take_value();
        BOOST_REQUIRE(stored.keys.keys.size() == 2U);
        BOOST_TEST((stored.keys.keys[1].state == KeyState::Introduced));
        BOOST_TEST(read_secrets(tx).value().contains(stored.keys.keys[1].id));
    }
    BOOST_TEST(!server->query("INSERT INTO directory.dnssec_key (domain_id, algorithm, public_key, "
                              "state) SELECT 1, 13, decode(repeat('00', 64), 'hex'), 'active'"),
               "a name server makes keys, and moves them by the function alone");
}

BOOST_AUTO_TEST_CASE(what_the_parent_has_is_kept_and_a_warning_is_an_event) {
    base::Tx tx = server->begin().take_value();
    BOOST_TEST(!read_parent(tx, domain_id).value().has_value());
    ParentView view;
    view.servers = 2;
    view.ds = {"1 13 2 ab"};
    view.ttl_s = 100'000;
    BOOST_TEST(bool(note_parent(tx, domain_id, "ns1", view)));
    BOOST_TEST(read_keys(tx, "mail.test").value().times.ds_ttl_s == 100'000,
               "longer than was said");
    view.strangers = view.ds;
    view.ttl_s = 5;
    BOOST_TEST(bool(note_parent(tx, domain_id, "ns1", view)));
    BOOST_TEST(bool(note_parent(tx, domain_id, "ns1", view)));
    BOOST_TEST(read_keys(tx, "mail.test").value().times.ds_ttl_s == 100'000, "caches have it yet");
    BOOST_TEST(bool(note_parent_problem(tx, domain_id, "ns2", "no answer")));
    const StoredParent parent = read_parent(tx, domain_id).value().value();
    BOOST_TEST(parent.ds == view.ds);
    BOOST_TEST(parent.servers == 2);
    BOOST_TEST(parent.looked_s.has_value());
    BOOST_TEST(parent.problem == "no answer");
    BOOST_TEST(parent.name_server == "ns2");
    BOOST_TEST(!parent.warning.empty());
    BOOST_TEST(bool(note_parent_problem(tx, domain_id + 999, "ns2", "nobody's")));
    BOOST_REQUIRE(tx.commit());
    BOOST_TEST(
        database.sql("SELECT count(*) FROM directory.event WHERE kind = 'dnssec_parent'")[0].int64(
            0) == 1);
}

BOOST_AUTO_TEST_SUITE_END()
