#include "dns/control/directory_follower.h"

#include <boost/test/unit_test.hpp>

#include "test/support/loop_runner.h"
#include "test/unit/dns/control/control_fixture.h"
#include "test/unit/dns/directory/directory_database.h"

namespace {

using dns_test::DirectoryDatabase;
using dns_test::LogCapture;
using dns_test::wait_until;

struct Following {
    Following() { database.fill(); }

    void run(const std::function<void(dns::DirectoryFollower&)>& body,
             dns::DirectoryFollower::Known known = {}) {
        base::DbPoolOptions options;
        options.connections = 1;
        base::DbPool pool(database.conninfo(), "test", options);
        dns::DirectoryFollower::Callbacks callbacks;
        callbacks.on_directory = [this](auto read) { directories.push_back(std::move(read)); };
        callbacks.on_checked = [this] { ++checks; };
        dns::DirectoryFollower follower(pool, std::move(known), std::move(callbacks));
        test_support::run_in_fiber([&](base::Loop& loop) {
            BOOST_REQUIRE(follower.start(loop));
            BOOST_REQUIRE(wait_until([this] { return checks > 0; }));
            body(follower);
        });
    }

    // Looks once more and waits for what comes of it.
    void look(dns::DirectoryFollower& follower) {
        const int before = checks;
        follower.look();
        BOOST_REQUIRE(wait_until([&] { return checks > before; }));
    }

    DirectoryDatabase database;
    std::vector<std::shared_ptr<const dns::Directory>> directories;
    int checks = 0;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(directory_follower, Following)

BOOST_AUTO_TEST_CASE(hands_out_what_there_is_and_then_what_changes) {
    run([this](auto& follower) {
        BOOST_REQUIRE(directories.size() == 1U);
        BOOST_TEST(directories[0]->domains.size() == 2U);
        look(follower);
        BOOST_TEST(directories.size() == 1U, "nothing changed");
        database.sql("UPDATE directory.domain SET ttl = 77 WHERE name = 'mail.test'");
        look(follower);
        BOOST_REQUIRE(directories.size() == 2U);
        BOOST_TEST(directories[1]->domains[1].ttl == 77U);
    });
}

BOOST_AUTO_TEST_CASE(a_policy_of_a_pool_is_a_change) {
    run([this](auto& follower) {
        database.sql("UPDATE directory.cluster SET access_policy = 'static'");
        look(follower);
        BOOST_REQUIRE(directories.size() == 2U);
        BOOST_TEST((directories[1]->pools[1].policy == dns::steering::Policy::Static));
    });
}

BOOST_AUTO_TEST_CASE(a_new_address_is_no_news_for_the_answers) {
    run([this](auto& follower) {
        database.add_account("alice");
        look(follower);
        BOOST_TEST(directories.size() == 1U);
    });
}

BOOST_AUTO_TEST_CASE(a_serial_that_another_name_server_moved_is_seen_with_the_next_change) {
    run([this](auto& follower) {
        database.sql("UPDATE directory.domain SET serial = 50 WHERE name = 'mail.test'");
        look(follower);
        BOOST_TEST(directories.size() == 1U, "serials are no news by themselves");
        database.sql("UPDATE directory.record SET ttl = 121");
        look(follower);
        BOOST_REQUIRE(directories.size() == 2U);
        BOOST_TEST(directories[1]->domains[1].serial == 50U);
    });
}

BOOST_AUTO_TEST_CASE(what_an_earlier_life_left_is_not_handed_out_again) {
    run([](auto&) {});
    const dns::DirectoryFollower::Known known = directories.at(0);
    directories.clear();
    checks = 0;
    run([this](auto&) { BOOST_TEST(directories.empty()); }, known);
}

BOOST_AUTO_TEST_CASE(looks_by_itself_when_no_notice_comes) {
    run([this](auto&) {
        database.sql("UPDATE directory.domain SET ttl = 77 WHERE name = 'mail.test'");
        BOOST_TEST(wait_until([this] { return directories.size() == 2U; }));
    });
}

BOOST_AUTO_TEST_CASE(goes_on_after_the_database_was_away) {
    const LogCapture log;
    run([this](auto& follower) {
        database.set_reach(DirectoryDatabase::Reach::Away);
        const int before = checks;
        follower.look();
        BOOST_TEST(!wait_until([&] { return checks > before; }, std::chrono::milliseconds(300)));
        database.sql("UPDATE directory.domain SET ttl = 77 WHERE name = 'mail.test'");
        database.set_reach(DirectoryDatabase::Reach::Back);
        BOOST_TEST(
            wait_until([this] { return directories.size() == 2U; }, std::chrono::seconds(40)));
    });
    BOOST_TEST(log.count("directory-away") <= 1U);
}

BOOST_AUTO_TEST_SUITE_END()
