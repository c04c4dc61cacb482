#include "dns/control/steering_journal.h"

#include <boost/test/unit_test.hpp>

#include "test/support/loop_runner.h"
#include "test/unit/dns/control/control_fixture.h"
#include "test/unit/dns/directory/directory_database.h"

namespace {

using dns_test::DirectoryDatabase;
using dns_test::LogCapture;
using dns_test::wait_until;

std::shared_ptr<const dns::steering::SteeringCommit> commit(std::string cause) {
    auto made = std::make_shared<dns::steering::SteeringCommit>();
    made->when.unix_us = 1'764'000'000'000'000;
    made->pool = "mail";
    made->cause = std::move(cause);
    made->diff = {{"", {1}, "mail1", "preference 10 -> 20"}, {"mail.test", {2}, "mail2", "added"}};
    return made;
}

struct Journaling {
    Journaling() : connection(database.open("roundtable_dnsd")) { database.fill(); }

    std::string one(const std::string& sql) {
        const auto rows = database.sql(sql);
        return rows.empty() ? "(none)" : rows[0].string(0);
    }

    std::int64_t commits() {
        return database.sql("SELECT count(*) FROM directory.steering_commit")[0].int64(0);
    }

    std::int64_t domain() {
        return database.sql("SELECT id FROM directory.domain WHERE name = 'mail.test'")[0].int64(0);
    }

    dns::PriorityBatch batch(std::uint16_t priority, double share, std::string cause) {
        return {{domain()},
                {{{1}, priority, share, std::make_shared<const std::string>(std::move(cause))}}};
    }

    void write(const dns::JournalEntries& entries) {
        const auto written = dns::write_journal(*connection, "ns1", entries);
        BOOST_REQUIRE_MESSAGE(bool(written), (written ? "" : written.error().detail));
    }

    // Runs a journal on a loop while `body` uses it.
    void run(const std::function<void(dns::SteeringJournal&)>& body) {
        base::DbPoolOptions options;
        options.connections = 1;
        base::DbPool pool(database.conninfo(), "test", options);
        dns::SteeringJournal journal(pool, "ns1", priorities);
        test_support::run_in_fiber([&](base::Loop& loop) {
            BOOST_REQUIRE(journal.start(loop));
            body(journal);
        });
    }

    // Another table for mail.test, the same in each call but for the preference of mail1.
    void steer(double preference, const std::string& cause) {
        dns::Directory directory;
        directory.domains.resize(1);
        directory.domains[0].id = domain();
        directory.domains[0].name = "mail.test";
        directory.domains[0].mail = {{{1}, 10}};
        dns::steering::TableInput input;
        input.servers.resize(1);
        input.servers[0].id = {1};
        input.servers[0].name = "mail1";
        input.servers[0].pin = static_cast<std::uint16_t>(preference);
        auto made = std::make_shared<dns::steering::SteeringCommit>();
        made->cause = cause;
        made->tables = {std::make_shared<const dns::steering::SteeringTable>(
            dns::steering::build_table(input).take_value())};
        made->zones = std::make_shared<const dns::steering::ZoneTables>();
        priorities.take(std::make_shared<const dns::Directory>(directory), made, 0);
    }

    dns::PriorityReport priorities;
    DirectoryDatabase database;
    std::unique_ptr<base::Connection> connection;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(steering_journal, Journaling)

BOOST_AUTO_TEST_CASE(writes_commits_priorities_and_serials_together) {
    dns::JournalEntries entries;
    entries.commits.push_back(commit("mail1 down: 3 probes lost"));
    entries.priorities = batch(20, 0.25, "mail1 down");
    entries.serials[domain()] = 5;
    write(entries);
    BOOST_TEST(one("SELECT name_server || ' ' || pool || ' ' || cause || ' ' || diff::text "
                   "FROM directory.steering_commit") ==
               "ns1 mail mail1 down: 3 probes lost "
               "[{\"zone\": \"\", \"change\": \"preference 10 -> 20\", \"server\": \"mail1\"}, "
               "{\"zone\": \"mail.test\", \"change\": \"added\", \"server\": \"mail2\"}]");
    BOOST_TEST(one("SELECT priority_index || ' ' || first_share || ' ' || cause FROM "
                   "directory.mail_exchange WHERE mail_server_id = 1") == "20 0.25 mail1 down");
    BOOST_TEST(one("SELECT serial::text FROM directory.domain WHERE name = 'mail.test'") == "5");
    BOOST_TEST(one("SELECT cause || ' ' || author FROM directory.priority_history "
                   "WHERE mail_server = 'mail1' AND to_at IS NULL AND setting = 'effective'") ==
               "mail1 down roundtable_dnsd");
}

BOOST_AUTO_TEST_CASE(the_same_priority_twice_leaves_no_history) {
    dns::JournalEntries entries;
    entries.priorities = batch(20, 0.25, "load");
    write(entries);
    const auto before = one("SELECT count(*)::text FROM directory.priority_history");
    entries.priorities = batch(20, 0.2501, "ns2 says so");
    write(entries);
    BOOST_TEST(one("SELECT count(*)::text FROM directory.priority_history") == before);
    entries.priorities = batch(20, 0.5, "a share is no priority");
    write(entries);
    BOOST_TEST(one("SELECT count(*)::text FROM directory.priority_history") == before);
    BOOST_TEST(one("SELECT first_share || ' ' || cause FROM directory.mail_exchange "
                   "WHERE mail_server_id = 1") == "0.5 load");
}

BOOST_AUTO_TEST_CASE(a_serial_never_goes_back) {
    const auto serial_after = [this](std::uint32_t written) {
        dns::JournalEntries entries;
        entries.serials[domain()] = written;
        write(entries);
        return one("SELECT serial::text FROM directory.domain WHERE name = 'mail.test'");
    };
    BOOST_TEST(serial_after(15) == "15");
    BOOST_TEST(serial_after(14) == "15", "another name server was ahead");
    BOOST_TEST(serial_after(4294967290U) == "15", "older in serial arithmetic");
    BOOST_TEST(serial_after(2147483661U) == "2147483661");
    BOOST_TEST(serial_after(4294967295U) == "4294967295");
    BOOST_TEST(serial_after(1) == "1", "it wraps");
}

BOOST_AUTO_TEST_CASE(what_is_refused_is_told_once) {
    const auto refuse = [this](const std::string& name_server,
                               std::vector<dns::RefusedDomain> refused) {
        dns::JournalEntries entries;
        entries.refused = std::move(refused);
        const auto written = dns::write_journal(*connection, name_server, entries);
        BOOST_REQUIRE_MESSAGE(bool(written), (written ? "" : written.error().detail));
    };
    const auto events = [this] {
        return one(
            "SELECT coalesce(string_agg(kind || ' ' || subject || ' ' || "
            "coalesce(detail ->> 'reason', ''), '; ' ORDER BY id), '') FROM directory.event "
            "WHERE kind LIKE 'zone%'");
    };
    refuse("ns1", {{"mail.test", "no name server \xc3", true}});
    refuse("ns2", {{"mail.test", "no name server \xc3", true}});
    refuse("ns1", {{"mail.test", "no name server \xc3", true}});
    BOOST_TEST(events() == "zone_refused mail.test no name server ?");
    BOOST_TEST(one("SELECT count(*)::text FROM directory.zone_problem WHERE serves_old") == "2");
    refuse("ns1", {});
    BOOST_TEST(events() == "zone_refused mail.test no name server ?");
    refuse("ns2", {{"mail.test", "other", true}});
    refuse("ns2", {});
    BOOST_TEST(events() ==
               "zone_refused mail.test no name server ?; zone_refused mail.test other; "
               "zone_served mail.test ");
}

BOOST_AUTO_TEST_CASE(a_drain_that_is_quiet_is_told_once_by_whoever_comes_first) {
    database.sql(
        "INSERT INTO directory.mx_override (action, server, domain_id, author, reason) "
        "SELECT 'drain', 'mail1', id, 'bob', 'disks' FROM directory.domain "
        "WHERE name = 'mail.test'");
    database.sql(
        "INSERT INTO directory.mx_override (action, server, author, reason) "
        "VALUES ('down', 'mail2', 'bob', 'no drain')");
    const auto version = [this] { return one("SELECT version::text FROM directory.version"); };
    const std::string before = version();
    dns::JournalEntries entries;
    entries.quiet = {1, 2, 77};
    BOOST_TEST(!entries.empty());
    write(entries);
    BOOST_REQUIRE(dns::write_journal(*connection, "ns2", entries));
    BOOST_TEST(version() == before, "no news to name servers");
    BOOST_TEST(one("SELECT string_agg(server || ' ' || subject || ' ' || (detail ->> 'domain') || "
                   "' ' || (detail ->> 'author'), ',') FROM directory.event "
                   "WHERE kind = 'drained_quiet'") == "ns1 mail1 mail.test bob");
    BOOST_TEST(one("SELECT count(*)::text FROM directory.mx_override WHERE quiet_at IS NOT NULL") ==
               "1");
}

BOOST_AUTO_TEST_CASE(operators_are_told_when_health_is_old) {
    run([this](dns::SteeringJournal& journal) {
        journal.add_event({"alarm", "health_old", "mail", 21});
        journal.add_event({"info", "health_fresh", "mail", 0});
        BOOST_TEST(wait_until([this] {
            return one("SELECT count(*)::text FROM directory.event WHERE kind LIKE 'health%'") ==
                   "2";
        }));
    });
    BOOST_TEST(one("SELECT severity || ' ' || kind || ' ' || server || ' ' || subject || ' ' || "
                   "detail::text FROM directory.event WHERE kind LIKE 'health%' ORDER BY id") ==
               "alarm health_old ns1 mail {\"age_s\": 21}");
}

BOOST_AUTO_TEST_CASE(a_long_cause_is_cut_between_characters) {
    std::string cause = "x";  // so that the limit falls into a character
    for (int i = 0; i < 800; ++i) {
        cause += "\xc3\xa9";
    }
    dns::JournalEntries entries;
    entries.commits.push_back(commit(cause));
    entries.priorities = batch(20, 0.25, cause);
    write(entries);
    BOOST_TEST(one("SELECT octet_length(cause)::text FROM directory.steering_commit") == "999");
    BOOST_TEST(one("SELECT octet_length(cause)::text FROM directory.mail_exchange "
                   "WHERE mail_server_id = 1") == "999");
}

BOOST_AUTO_TEST_CASE(a_commit_that_is_refused_does_not_hold_back_the_others) {
    const LogCapture log;
    run([this](dns::SteeringJournal& journal) {
        journal.add_commit(commit("half a character: \xc3"));
        journal.add_serials({{domain(), 8}});
        BOOST_TEST(wait_until([this] {
            return one("SELECT serial::text FROM directory.domain WHERE name = 'mail.test'") == "8";
        }));
        journal.add_commit(commit("good"));
        BOOST_TEST(wait_until([this] { return commits() == 1; }));
    });
    BOOST_TEST(one("SELECT cause FROM directory.steering_commit") == "good");
    BOOST_TEST(log.count("commits-refused") == 1U);
}

BOOST_AUTO_TEST_CASE(waits_while_the_database_is_away_and_writes_the_newest_after) {
    const LogCapture log;
    run([this](dns::SteeringJournal& journal) {
        journal.add_commit(commit("before"));
        BOOST_REQUIRE(wait_until([this] { return commits() == 1; }));
        database.set_reach(DirectoryDatabase::Reach::Away);
        journal.add_commit(commit("one"));
        steer(20, "one");
        journal.look_for_priorities();
        journal.add_serials({{domain(), 20}});
        journal.add_commit(commit("two"));
        steer(30, "two");
        journal.look_for_priorities();
        journal.add_serials({{domain(), 21}});
        BOOST_TEST(!wait_until([this] { return commits() != 1; }, std::chrono::milliseconds(200)));
        database.set_reach(DirectoryDatabase::Reach::Back);
        BOOST_TEST(wait_until([this] { return commits() == 3; }, std::chrono::seconds(40)));
    });
    BOOST_TEST(one("SELECT string_agg(cause, ' ' ORDER BY id) FROM directory.steering_commit") ==
               "before one two");
    BOOST_TEST(one("SELECT priority_index || ' ' || cause FROM directory.mail_exchange "
                   "WHERE mail_server_id = 1") == "30 two");
    BOOST_TEST(one("SELECT serial::text FROM directory.domain WHERE name = 'mail.test'") == "21");
    BOOST_TEST(log.count("journal-waits") <= 1U);
}

BOOST_AUTO_TEST_CASE(keeps_a_bounded_number_of_commits) {
    run([this](dns::SteeringJournal& journal) {
        // All in one turn of the loop: the journal's fiber has not written any yet.
        for (std::size_t i = 0; i < dns::kCommitsKept + 5; ++i) {
            journal.add_commit(commit("commit " + std::to_string(i)));
        }
        BOOST_TEST(wait_until([this] { return commits() != 0; }));
    });
    BOOST_TEST(commits() == static_cast<std::int64_t>(dns::kCommitsKept));
    BOOST_TEST(one("SELECT cause FROM directory.steering_commit ORDER BY id LIMIT 1") ==
               "commit 5");
}

BOOST_AUTO_TEST_SUITE_END()
