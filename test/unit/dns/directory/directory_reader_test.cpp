#include "dns/directory/directory_reader.h"

#include <utility>

#include <boost/test/unit_test.hpp>

#include "test/unit/dns/directory/directory_database.h"

using dns_test::DirectoryDatabase;

namespace {

struct Reading {
    Reading() : connection(database.open("roundtable_dnsd")) { database.fill(); }

    dns::Directory read() {
        return dns::read_directory(*connection, dns::SecretsWanted::Yes).take_value();
    }

    DirectoryDatabase database;
    std::unique_ptr<base::Connection> connection;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(dns_directory_reader, Reading)

BOOST_AUTO_TEST_CASE(reads_servers_domains_and_key_with_the_daemon_s_own_rights) {
    const dns::Directory directory = read();
    BOOST_TEST(directory.version == dns::read_directory_version(*connection).value());
    BOOST_TEST((directory.steering_key != std::array<std::byte, 16>{}));
    BOOST_REQUIRE(directory.mail_servers.size() == 3U);
    const auto& mail = directory.mail_servers[1];
    BOOST_TEST(mail.name == "mail2");
    BOOST_TEST(mail.host.host_name == "mail2.hosts.test");
    BOOST_TEST(mail.host.address4.value().to_text() == "192.0.2.2");
    BOOST_TEST(!mail.host.address6.has_value());
    BOOST_TEST(mail.port == 25);
    BOOST_TEST(mail.load_port == 4002);
    BOOST_TEST(mail.capacity == 2.0);
    BOOST_REQUIRE(directory.access_servers.size() == 2U);
    BOOST_TEST(directory.access_servers[0].pop_port == 110);
    BOOST_TEST(directory.access_servers[0].load_port == 0);
    BOOST_TEST(directory.access_servers[0].host.address6.value().to_text() == "2001:db8::11");
    BOOST_REQUIRE(directory.name_servers.size() == 1U);
    BOOST_REQUIRE(directory.domains.size() == 2U);
    const auto& domain = directory.domains[1];
    BOOST_TEST(domain.name == "mail.test");
    BOOST_TEST(domain.contact.value() == "admin@mail.test");
    BOOST_TEST((domain.policy == dns::steering::Policy::Roundtable));
    BOOST_TEST(domain.mx_ttl == 60U);
    BOOST_REQUIRE(domain.records.size() == 1U);
    BOOST_TEST(domain.records[0].ttl.value() == 120U);
    BOOST_REQUIRE(domain.mail.size() == 3U);
    BOOST_TEST(domain.mail[2].preference == 30);
    BOOST_TEST(domain.access.size() == 2U);
}

BOOST_AUTO_TEST_CASE(reads_how_servers_are_probed) {
    BOOST_TEST(read().probes.empty());
    database.sql(
        "WITH one AS (INSERT INTO directory.probe (pool, mail_server_id, fall, dwell_s) "
        "SELECT 'mail', id, 0, 2.5 FROM directory.mail_server WHERE name = 'mail2' RETURNING id) "
        "INSERT INTO directory.probe_check (probe_id, position, kind, port, path) "
        "SELECT id, v.* FROM one, (VALUES (2, 'http', 8080, '/load'), (1, 'smtp', NULL, NULL)) v");
    database.sql("INSERT INTO directory.probe (pool, interval_s) VALUES ('mail', 2)");
    const auto probes = read().probes;
    BOOST_REQUIRE(probes.size() == 2U);
    BOOST_TEST(!probes[0].server.has_value());
    BOOST_TEST(probes[0].interval_s.value() == 2.0);
    BOOST_TEST(!probes[0].fall.has_value());
    BOOST_TEST((probes[1].server == dns::steering::ServerId{2}));
    BOOST_TEST(probes[1].fall.value() == 0);
    BOOST_TEST(probes[1].dwell_s.value() == 2.5);
    BOOST_REQUIRE(probes[1].checks.size() == 2U);
    BOOST_TEST((probes[1].checks[0] == dns::ProbeCheck{dns::probe::ProbeKind::Smtp, 0, ""}));
    BOOST_TEST(
        (probes[1].checks[1] == dns::ProbeCheck{dns::probe::ProbeKind::Http, 8080, "/load"}));
}

BOOST_AUTO_TEST_CASE(the_version_rises_with_a_change) {
    const auto before = dns::read_directory_version(*connection).value();
    database.sql("UPDATE directory.domain SET ttl = 7 WHERE name = 'mail.test'");
    BOOST_TEST(dns::read_directory_version(*connection).value() > before);
    BOOST_TEST(read().domains[1].ttl == 7U);
}

BOOST_AUTO_TEST_CASE(reads_one_domain_as_a_transaction_sees_it) {
    database.sql("INSERT INTO directory.domain (name) VALUES ('sub.mail.test'), ('xmail.test')");
    const auto operator_s = database.open("roundtable_operator");
    base::Tx tx = operator_s->begin().take_value();
    BOOST_REQUIRE(
        tx.query("INSERT INTO directory.record (domain_id, owner, type, rdata) "
                 "SELECT id, 'new', 'A', '192.0.2.7' FROM directory.domain "
                 "WHERE name = 'mail.test'"));
    const auto one = dns::read_domain_directory(tx, "mail.test");
    BOOST_REQUIRE_MESSAGE(one, (one ? "" : one.error().detail));
    BOOST_TEST(one.value().domains.size() == 2U);
    const dns::DirectoryDomain& domain = dns::domain_named(one.value(), "mail.test");
    BOOST_TEST(domain.records.back().owner == "new");
    const dns::Directory all = read();
    dns::DirectoryDomain known = dns::domain_named(all, "mail.test");
    BOOST_TEST(known.records.size() + 1 == domain.records.size());
    known.records = domain.records;
    BOOST_TEST((known == domain));
    BOOST_TEST((all.mail_servers == one.value().mail_servers));
    BOOST_TEST((all.name_servers == one.value().name_servers));
    BOOST_TEST((dns::read_domain_directory(tx, "none.test").error().code == base::Errc::NotFound));
}

BOOST_AUTO_TEST_CASE(reads_overrides_that_hold) {
    database.sql(
        "INSERT INTO directory.mx_override (pool, action, server, domain_id, value, author, "
        "reason, expires_at) SELECT 'mail', 'pin', 'mail2', d.id, 5, 'alice', 'test', "
        "now() + interval '1 hour' FROM directory.domain d WHERE d.name = 'mail.test'");
    database.sql(
        "INSERT INTO directory.mx_override (pool, action, server, author, reason) "
        "VALUES ('access', 'drain', 'access1', 'bob', 'disk')");
    database.sql(
        "INSERT INTO directory.mx_override (pool, action, author, reason, removed_at, "
        "removed_by) VALUES ('mail', 'freeze', 'bob', 'x', now(), 'bob')");
    const dns::Directory directory = read();
    BOOST_REQUIRE(directory.overrides.size() == 2U);
    const auto& pin = directory.overrides[0].entry;
    BOOST_TEST((pin.kind == dns::steering::OverrideKind::Pin));
    BOOST_TEST(pin.scope.pool.value() == "mail");
    BOOST_TEST(pin.scope.zone.value() == "mail.test");
    BOOST_TEST(pin.scope.server.value().value == directory.mail_servers[1].id.value);
    BOOST_TEST(pin.value == 5.0);
    BOOST_TEST(pin.author == "alice");
    BOOST_TEST(pin.expires_us.value() - pin.created_us > 3'500'000'000);
    BOOST_TEST((directory.overrides[1].pool == dns::PoolName::Access));
    BOOST_TEST(directory.overrides[1].entry.scope.server.value().value ==
               directory.access_servers[0].id.value);
}

BOOST_AUTO_TEST_CASE(reads_policies_of_pools_and_patterns_of_overrides) {
    using dns::steering::Policy;
    using dns::steering::PolicyForm;
    BOOST_TEST((read().pools == std::array<dns::PoolSteering, 2>{}));
    database.sql(
        "UPDATE directory.cluster SET mail_policy = 'rotate', mail_form = 'strict', "
        "access_policy = 'static'");
    database.sql("UPDATE directory.domain SET policy = 'pool' WHERE name = 'mail.test'");
    database.sql(
        "INSERT INTO directory.mx_override (action, pattern, author, reason) "
        "VALUES ('drain', 'mail*', 'bob', 'site')");
    dns::Directory directory = read();
    BOOST_TEST((directory.pools[0] == dns::PoolSteering{Policy::Rotate, PolicyForm::Strict}));
    BOOST_TEST((directory.pools[1] == dns::PoolSteering{Policy::Static, PolicyForm::Paired}));
    BOOST_TEST(!dns::domain_named(directory, "mail.test").policy);
    BOOST_TEST(!dns::domain_named(directory, "mail.test").form);
    BOOST_TEST(directory.overrides.at(0).pattern == "mail*");
    BOOST_TEST(!directory.overrides.at(0).entry.scope.server);
    database.sql(
        "UPDATE directory.domain SET policy = 'rotate', policy_form = 'strict' "
        "WHERE name = 'mail.test'");
    directory = read();
    BOOST_TEST((dns::domain_named(directory, "mail.test").form == PolicyForm::Strict));
}

BOOST_AUTO_TEST_CASE(accounts_and_addresses_are_no_news) {
    const auto before = dns::read_directory_version(*connection).value();
    database.add_account("alice");
    database.sql("UPDATE directory.account SET state = 'disabled'");
    database.sql("DELETE FROM directory.account");
    BOOST_TEST(dns::read_directory_version(*connection).value() == before);
}

// After each statement: what the feed leads to is what a whole reading gives.
BOOST_AUTO_TEST_CASE(the_feed_of_zones_leads_to_what_is_there) {
    dns::Directory known = read();
    for (const char* statement : {
             "UPDATE directory.domain SET ttl = 7 WHERE name = 'mail.test'",
             "INSERT INTO directory.domain (name) VALUES ('a.test'), ('n.test'), ('z.test')",
             "INSERT INTO directory.record (domain_id, owner, type, rdata) "
             "SELECT id, 'www', 'A', '192.0.2.80' FROM directory.domain WHERE name LIKE '_.test'",
             "UPDATE directory.record SET rdata = '192.0.2.81' WHERE domain_id = "
             "(SELECT id FROM directory.domain WHERE name = 'n.test')",
             "INSERT INTO directory.mail_exchange (domain_id, mail_server_id) "
             "SELECT d.id, m.id FROM directory.domain d, directory.mail_server m "
             "WHERE d.name = 'a.test'",
             "INSERT INTO directory.access_exchange (domain_id, access_server_id) "
             "SELECT d.id, m.id FROM directory.domain d, directory.access_server m "
             "WHERE d.name = 'a.test'",
             "UPDATE directory.mail_exchange SET preference = 70 WHERE mail_server_id = 1",
             "DELETE FROM directory.mail_exchange WHERE mail_server_id = 1",
             "UPDATE directory.domain SET name = 'b.test' WHERE name = 'n.test'",
             "UPDATE directory.record SET domain_id = "
             "(SELECT id FROM directory.domain WHERE name = 'z.test') WHERE owner = 'www' "
             "AND domain_id = (SELECT id FROM directory.domain WHERE name = 'b.test')",
             "DELETE FROM directory.access_exchange",
             "UPDATE directory.domain SET policy_form = 'strict' WHERE name = 'a.test'",
             "DELETE FROM directory.domain WHERE name IN ('a.test', 'z.test')",
             "INSERT INTO directory.domain (name, ttl) VALUES ('a.test', 9)",
             "TRUNCATE directory.record",
         }) {
        database.sql(statement);
        dns::Directory next =
            dns::read_directory(*connection, dns::SecretsWanted::Yes, &known).take_value();
        const dns::Directory whole = read();
        BOOST_TEST((next.domains == whole.domains), statement);
        BOOST_TEST(next.zone_feed.number > known.zone_feed.number, statement);
        known = std::move(next);
    }
}

BOOST_AUTO_TEST_CASE(what_did_not_change_is_shared_and_not_read) {
    const dns::Directory known = read();
    database.sql("UPDATE directory.domain SET ttl = 7 WHERE name = 'mail.test'");
    const auto next = [this](const dns::Directory& before) {
        return dns::read_directory(*connection, dns::SecretsWanted::Yes, &before).take_value();
    };
    const auto is_shared = [&known](const dns::Directory& directory) {
        return &std::as_const(directory).domains[0] == &known.domains[0];
    };
    BOOST_TEST(is_shared(next(known)));
    BOOST_TEST(next(known).domains[1].ttl == 7U);
    database.sql("UPDATE directory.domain SET serial = 50");
    BOOST_TEST(next(known).zone_feed.number == known.zone_feed.number + 1, "serials are no change");
    dns::Directory other = known;
    other.zone_feed.mark = "00000000-0000-4000-8000-000000000009";
    BOOST_TEST(!is_shared(next(other)), "another history");
    database.sql("UPDATE directory.zone_feed SET kept = 2");
    database.sql("UPDATE directory.domain SET ttl = 8 WHERE name = 'mail.test'");
    BOOST_TEST(is_shared(next(known)), "two changes later");
    database.sql("UPDATE directory.domain SET ttl = 9 WHERE name = 'mail.test'");
    BOOST_TEST(!is_shared(next(known)), "no row of the feed goes back so far");
    const dns::Directory newest = next(known);
    database.sql("INSERT INTO directory.domain (name) VALUES ('a.test'), ('b.test'), ('c.test')");
    BOOST_TEST(next(newest).domains.size() == 5U, "more than is kept at once");
}

BOOST_AUTO_TEST_SUITE_END()
