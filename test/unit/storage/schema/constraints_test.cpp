// What the schema refuses by itself, whoever writes: nonsense rows, and what a role may not do.

#include <string>

#include <boost/test/unit_test.hpp>

#include "test/support/catalog_database.h"

namespace {

using test_support::CatalogDatabase;
using test_support::why;

struct Filled : CatalogDatabase {
    Filled() {
        sql("INSERT INTO directory.storage_server (name, failure_domain) "
            "VALUES ('s1', 'h1'), ('s2', 'h2')");
        sql("INSERT INTO directory.mail_server (name, host_name, address, storage_server_id) "
            "SELECT 'm' || right(name, 1), 'm' || right(name, 1) || '.x.test', "
            "('192.0.2.' || right(name, 1))::inet, id FROM directory.storage_server");
        sql("INSERT INTO directory.mail_server (name, host_name, address, storage_server_id) "
            "SELECT 'm3', 'm3.x.test', '192.0.2.3', id FROM directory.storage_server "
            "WHERE name = 's1'");
        sql("INSERT INTO directory.domain (name) VALUES ('x.test')");
        sql("INSERT INTO directory.mail_exchange (domain_id, mail_server_id) "
            "SELECT d.id, m.id FROM directory.domain d, directory.mail_server m "
            "WHERE m.name = 'm1'");
        sql("INSERT INTO directory.account (login, domain_id, password_hash) "
            "SELECT 'ann@x.test', id, 'secret' FROM directory.domain");
    }
};

struct Case {
    const char* what;
    const char* sql;
};

BOOST_FIXTURE_TEST_SUITE(schema_constraints, Filled)

BOOST_AUTO_TEST_CASE(nonsense_is_refused_by_the_tables) {
    const Case cases[] = {
        {"a server mirrored to itself",
         "INSERT INTO directory.mirroring (mail_server_id, peer_id) "
         "SELECT id, id FROM directory.mail_server WHERE name = 'm1'"},
        {"a mirror to nowhere",
         "INSERT INTO directory.mirroring (mail_server_id, peer_id) "
         "SELECT id, -1 FROM directory.mail_server WHERE name = 'm1'"},
        {"a mirror to a server with the same storage server",
         "INSERT INTO directory.mirroring (mail_server_id, peer_id) "
         "SELECT a.id, b.id FROM directory.mail_server a, directory.mail_server b "
         "WHERE a.name = 'm1' AND b.name = 'm3'"},
        {"a preference above 65535", "UPDATE directory.mail_exchange SET preference = 65536"},
        {"a preference below 0", "UPDATE directory.mail_exchange SET preference = -1"},
        {"a mail server without an address",
         "UPDATE directory.mail_server SET address = NULL WHERE name = 'm1'"},
        {"a network for an address",
         "UPDATE directory.mail_server SET address = '192.0.2.0/24' WHERE name = 'm1'"},
        {"a host name in capitals",
         "UPDATE directory.mail_server SET host_name = 'M1.x.test' WHERE name = 'm1'"},
        {"a port of 0", "UPDATE directory.mail_server SET smtp_port = 0"},
        {"a capacity of 0", "UPDATE directory.mail_server SET capacity = 0"},
        {"a relative storage path",
         "INSERT INTO directory.storage_path (storage_server_id, directory) "
         "SELECT id, 'var/mail' FROM directory.storage_server WHERE name = 's1'"},
        {"a storage path that climbs",
         "INSERT INTO directory.storage_path (storage_server_id, directory) "
         "SELECT id, '/var/../etc' FROM directory.storage_server WHERE name = 's1'"},
        {"no copies at all", "UPDATE directory.cluster SET min_copies = 0"},
        {"a second cluster row", "INSERT INTO directory.cluster (id) VALUES (2)"},
        {"an unknown policy", "UPDATE directory.domain SET policy = 'best'"},
        {"an MX record beside a steered MX",
         "INSERT INTO directory.record (domain_id, type, rdata) "
         "SELECT id, 'MX', '10 m1.x.test.' FROM directory.domain"},
        {"a pin without a value",
         "INSERT INTO directory.mx_override (action, server, reason) VALUES ('pin', 'm1', 'r')"},
        {"a drain with a value",
         "INSERT INTO directory.mx_override (action, server, value, reason) "
         "VALUES ('drain', 'm1', 1, 'r')"},
        {"an override of a server that is not there",
         "INSERT INTO directory.mx_override (action, server, reason) VALUES ('down', 'm9', 'r')"},
        {"an override of a server and a pattern",
         "INSERT INTO directory.mx_override (action, server, pattern, reason) "
         "VALUES ('down', 'm1', 'm*', 'r')"},
        {"a pattern with a blank",
         "INSERT INTO directory.mx_override (action, pattern, reason) VALUES ('down', 'm *', 'r')"},
        {"a drain of nobody",
         "INSERT INTO directory.mx_override (action, reason) VALUES ('drain', 'r')"},
        {"a freeze of one domain's trims, which are the pool's",
         "INSERT INTO directory.mx_override (action, domain_id, reason) "
         "SELECT 'freeze', id, 'r' FROM directory.domain"},
        {"an unknown policy of a pool", "UPDATE directory.cluster SET mail_policy = 'pool'"},
        {"an override without a reason",
         "INSERT INTO directory.mx_override (action, server, reason) VALUES ('down', 'm1', ' ')"},
        {"an override that has expired before it began",
         "INSERT INTO directory.mx_override (action, server, reason, expires_at) "
         "VALUES ('down', 'm1', 'r', now() - interval '1 s')"},
        {"a login in capitals",
         "INSERT INTO directory.account (login, domain_id) "
         "SELECT 'Ann@x.test', id FROM directory.domain"},
        {"a blocked domain that is an address",
         "INSERT INTO directory.sender_block (kind, pattern, reason) "
         "VALUES ('domain', 'a@b.test', 'r')"},
    };
    for (const Case& one : cases) {
        const auto done = admin().query(one.sql);
        BOOST_TEST(!done, "accepted: " << one.what);
        if (!done) {
            const base::Errc code = done.error().code;
            BOOST_TEST((code == base::Errc::Invalid || code == base::Errc::Exists),
                       one.what << ": " << why(done));
        }
    }
}

BOOST_AUTO_TEST_CASE(each_role_has_the_least_rights) {
    const struct {
        const char* role;
        const char* sql;
    } cases[] = {
        {"roundtable_dnsd", "SELECT password_hash FROM directory.account"},
        {"roundtable_dnsd", "SELECT login FROM directory.account"},
        {"roundtable_dnsd", "SELECT * FROM catalog.message"},
        {"roundtable_dnsd", "UPDATE directory.mail_exchange SET preference = 1"},
        {"roundtable_dnsd", "DELETE FROM directory.account_change"},
        {"roundtable_dnsd", "DELETE FROM directory.zone_change"},
        {"roundtable_mtad", "SELECT password_hash FROM directory.account"},
        {"roundtable_mtad", "SELECT * FROM catalog.mailbox_message"},
        {"roundtable_mtad", "DELETE FROM catalog.message"},
        {"roundtable_accessd", "UPDATE directory.account SET state = 'disabled'"},
        {"roundtable_accessd", "INSERT INTO catalog.message DEFAULT VALUES"},
        {"roundtable_trackerd", "SELECT * FROM directory.account"},
        {"roundtable_trackerd", "DELETE FROM catalog.segment"},
        {"roundtable_operator", "DELETE FROM directory.priority_history"},
        {"roundtable_operator", "DELETE FROM directory.mx_override"},
        {"roundtable_operator", "UPDATE directory.account_feed SET number = 0"},
        {"roundtable_operator", "UPDATE directory.zone_feed SET number = 0"},
        {"roundtable_operator", "UPDATE directory.mail_exchange SET priority_index = 1"},
        {"roundtable_report", "SELECT * FROM directory.account"},
        {"roundtable_report", "CREATE TABLE public.mine (id integer)"},
    };

    for (const auto& one : cases) {
        const auto done = open(one.role)->query(one.sql);
        BOOST_TEST(!done, one.role << " may: " << one.sql);
        if (!done) {
            BOOST_TEST((done.error().code == base::Errc::Refused ||
                        done.error().detail.find("read-only") != std::string::npos),
                       one.role << ", " << one.sql << ": " << why(done));
        }
    }
}

BOOST_AUTO_TEST_CASE(every_change_of_the_directory_is_counted_and_announced) {
    const auto listener = open("roundtable_dnsd");
    BOOST_REQUIRE(listener->listen("roundtable_directory"));
    const std::string before = value("SELECT version FROM directory.version");
    sql("UPDATE directory.mail_exchange SET preference = 20");
    BOOST_TEST(value("SELECT version FROM directory.version") != before);
    const auto notices = listener->wait_notifications(std::chrono::seconds(10));
    BOOST_REQUIRE_MESSAGE(notices, why(notices));
    BOOST_REQUIRE(!notices.value().empty());
    BOOST_TEST(notices.value().front().payload == "mail_exchange");
}

BOOST_AUTO_TEST_CASE(what_a_name_server_writes_is_no_change_of_the_directory) {
    const std::string before = value("SELECT version FROM directory.version");
    sql("UPDATE directory.mail_exchange SET priority_index = 30, cause = 'load'");
    sql("UPDATE directory.domain SET serial = serial + 1");
    BOOST_TEST(value("SELECT version FROM directory.version") == before);
}

BOOST_AUTO_TEST_CASE(each_priority_leaves_its_history) {
    sql("UPDATE directory.mail_exchange SET priority_index = 30, cause = 'm2 down'");
    sql("UPDATE directory.mail_exchange SET preference = 5");
    const base::Rows rows =
        sql("SELECT setting, priority_index, cause, to_at IS NULL FROM report.priority_history "
            "ORDER BY setting, from_at, to_at NULLS LAST");
    BOOST_REQUIRE(rows.size() == 4U);
    BOOST_TEST(rows[1].text(0) == "configured");
    BOOST_TEST(rows[1].int64(1) == 5);
    BOOST_TEST(rows[1].boolean(3));
    BOOST_TEST(rows[3].text(0) == "effective");
    BOOST_TEST(rows[3].int64(1) == 30);
    BOOST_TEST(rows[3].text(2) == "m2 down");
    BOOST_TEST(!rows[2].boolean(3));
}

// A statement is judged by what it changes, whichever of the two tables comes last.
BOOST_AUTO_TEST_CASE(a_steered_domain_has_no_mx_records_of_its_own) {
    sql("INSERT INTO directory.domain (name) VALUES ('own.test')");
    const std::string of = " SELECT id, v.* FROM directory.domain, (VALUES ";
    const std::string insert = "INSERT INTO directory.record (domain_id, owner, type, rdata)" + of;
    sql(insert + "('@', 'MX', '10 a.test.')) v WHERE name = 'own.test'");
    sql(insert + "('sub', 'MX', '10 a.test.'), ('@', 'TXT', '\"x\"')) v WHERE name = 'x.test'");
    const std::string exchange =
        "INSERT INTO directory.mail_exchange (domain_id, mail_server_id) "
        "SELECT d.id, m.id FROM directory.domain d, "
        "directory.mail_server m WHERE ";
    for (const std::string& bad :
         {insert +
              "('b', 'A', '192.0.2.1'), ('x.test', 'MX', '10 a.test.')) v WHERE name = 'x.test'",
          std::string("UPDATE directory.record SET owner = '@' WHERE owner = 'sub'"),
          exchange + "m.name = 'm2'",
          std::string("UPDATE directory.mail_exchange SET domain_id = "
                      "(SELECT id FROM directory.domain WHERE name = 'own.test')")}) {
        const auto done = admin().query(bad);
        BOOST_REQUIRE(!done);
        BOOST_TEST(why(done).find(" are steered") != std::string::npos, why(done));
    }
    sql(exchange + "m.name = 'm2' AND d.name = 'x.test'");
}

BOOST_AUTO_TEST_CASE(the_history_of_what_is_deleted_ends) {
    const auto open = [this] {
        return value(
            "SELECT string_agg(domain || ' ' || mail_server || ' ' || setting, ', ' ORDER BY "
            "domain, mail_server, setting) FROM directory.priority_history "
            "WHERE to_at IS NULL");
    };
    sql("INSERT INTO directory.domain (name) VALUES ('y.test')");
    sql("INSERT INTO directory.mail_exchange (domain_id, mail_server_id) "
        "SELECT d.id, m.id FROM directory.domain d, directory.mail_server m WHERE d.name = "
        "'y.test'");
    sql("DELETE FROM directory.mail_exchange e USING directory.mail_server m, directory.domain d "
        "WHERE m.id = e.mail_server_id AND d.id = e.domain_id AND d.name = 'y.test' "
        "AND m.name <> 'm2'");
    BOOST_TEST(open() ==
               "x.test m1 configured, x.test m1 effective, y.test m2 configured, "
               "y.test m2 effective");
    sql("DELETE FROM directory.domain WHERE name = 'y.test'");
    BOOST_TEST(open() == "x.test m1 configured, x.test m1 effective");
    BOOST_TEST(value("SELECT count(*) FROM directory.priority_history WHERE domain = 'y.test'") ==
               "6");
}

BOOST_AUTO_TEST_CASE(every_view_of_report_says_what_it_is) {
    const base::Rows silent =
        sql("SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
            "WHERE n.nspname = 'report' AND c.relkind = 'v' "
            "AND obj_description(c.oid, 'pg_class') IS NULL");
    for (const base::Row row : silent) {
        BOOST_ERROR("no comment on report." << row.text(0));
    }
    const auto reporter = open("roundtable_report");
    const base::Rows views = sql("SELECT viewname FROM pg_views WHERE schemaname = 'report'");
    BOOST_TEST(views.size() >= 10U);
    for (const base::Row row : views) {
        const auto read = reporter->query("SELECT * FROM report." + row.string(0) + " LIMIT 1");
        BOOST_TEST(static_cast<bool>(read), row.text(0) << ": " << why(read));
    }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
