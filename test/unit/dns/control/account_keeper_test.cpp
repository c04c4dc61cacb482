#include "dns/control/account_keeper.h"

#include <filesystem>

#include <boost/test/unit_test.hpp>
#include <sys/stat.h>

#include "base/file.h"
#include "test/support/loop_runner.h"
#include "test/unit/dns/control/control_fixture.h"
#include "test/unit/dns/directory/directory_database.h"

namespace {

using dns_test::DirectoryDatabase;
using dns_test::LogCapture;
using dns_test::wait_until;

struct Keeping {
    Keeping() {
        database.fill();
        BOOST_REQUIRE(base::ensure_dir(dir.path() + "/snapshot"));
    }

    // One life of a keeper.
    void run(const std::function<void(dns::AccountKeeper&)>& body) {
        views.clear();
        checks = 0;
        base::DbPoolOptions options;
        options.connections = 1;
        base::DbPool pool(conninfo.empty() ? database.conninfo() : conninfo, "test", options);
        dns::AccountKeeper keeper(
            pool,
            dir.path() + "/snapshot",
            {[this](auto view) { views.push_back(std::move(view)); }, [this] { ++checks; }});
        test_support::run_in_fiber([&](base::Loop& loop) {
            BOOST_REQUIRE(keeper.start(loop));
            body(keeper);
        });
        keeper.save();
    }

    // Looks once more and waits for what comes of it.
    void look(dns::AccountKeeper& keeper) {
        const int before = checks;
        keeper.look();
        BOOST_REQUIRE(wait_until([&] { return checks > before; }));
    }

    void start_up() {
        BOOST_REQUIRE(wait_until([this] { return checks > 0; }));
    }

    static ino_t inode_of(const std::string& path) {
        struct stat about {};

        BOOST_REQUIRE(::stat(path.c_str(), &about) == 0);
        return about.st_ino;
    }

    static std::uint64_t reads(const char* kind) {
        return base::counter("roundtable_dns_account_reads_total", "", {{"kind", kind}}).value();
    }

    DirectoryDatabase database;
    dns_test::StateDir dir;
    std::string conninfo;
    std::vector<std::shared_ptr<const dns::AccountView>> views;
    int checks = 0;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(account_keeper, Keeping)

BOOST_AUTO_TEST_CASE(hands_out_what_there_is_and_then_what_changes) {
    run([this](auto& keeper) {
        start_up();
        BOOST_REQUIRE(views.size() == 1U);
        look(keeper);
        BOOST_TEST(views.size() == 1U, "nothing changed");
        const std::uint64_t whole = reads("whole");
        database.add_account("alice");
        look(keeper);
        BOOST_REQUIRE(views.size() == 2U);
        BOOST_TEST(views[1]->addresses() == 1U);
        BOOST_TEST(reads("whole") == whole, "by changes alone");
    });
}

BOOST_AUTO_TEST_CASE(a_life_starts_from_the_file_and_reads_what_it_missed) {
    database.add_account("alice");
    run([this](auto& keeper) {
        start_up();
        database.add_account("bob");
        look(keeper);
    });
    const auto size = std::filesystem::file_size(dir.file("accounts"));
    conninfo = "host=/nowhere connect_timeout=1";
    run([this](auto&) {
        BOOST_REQUIRE(wait_until([this] { return views.size() == 1U; }));
        BOOST_TEST(views[0]->addresses() == 2U);
        BOOST_TEST(checks == 0);
    });
    BOOST_TEST(std::filesystem::file_size(dir.file("accounts")) == size, "nothing to write");
    conninfo.clear();
    database.add_account("carol");
    const std::uint64_t whole = reads("whole");
    run([this](auto&) {
        start_up();
        BOOST_REQUIRE(views.size() == 2U);
        BOOST_TEST(views[1]->addresses() == 3U);
    });
    BOOST_TEST(reads("whole") == whole);
}

BOOST_AUTO_TEST_CASE(changes_are_appended_to_the_file) {
    run([this](auto& keeper) {
        start_up();
        BOOST_REQUIRE(wait_until([this] { return std::filesystem::exists(dir.file("accounts")); }));
        const auto before = std::filesystem::file_size(dir.file("accounts"));
        const auto inode = inode_of(dir.file("accounts"));
        database.add_account("alice");
        look(keeper);
        BOOST_TEST(
            wait_until([&] { return std::filesystem::file_size(dir.file("accounts")) > before; }));
        BOOST_TEST(std::filesystem::file_size(dir.file("accounts")) < before + 150);
        BOOST_TEST(inode_of(dir.file("accounts")) == inode, "no new file");
    });
}

BOOST_AUTO_TEST_CASE(a_file_of_no_use_is_said_once_and_replaced) {
    BOOST_REQUIRE(base::write_file_atomic(dir.file("accounts"), "RTDNSNP1 and nonsense", 0600));
    database.add_account("alice");
    const LogCapture log;
    run([this](auto&) { start_up(); });
    run([this](auto&) { BOOST_REQUIRE(wait_until([this] { return !views.empty(); })); });
    BOOST_TEST(log.count("snapshot-refused") == 1U);
    BOOST_TEST(views.at(0)->addresses() == 1U);
}

BOOST_AUTO_TEST_CASE(goes_on_after_the_database_was_away) {
    const LogCapture log;
    run([this](auto& keeper) {
        start_up();
        database.set_reach(DirectoryDatabase::Reach::Away);
        const int before = checks;
        keeper.look();
        BOOST_TEST(!wait_until([&] { return checks > before; }, std::chrono::milliseconds(300)));
        database.add_account("alice");
        database.set_reach(DirectoryDatabase::Reach::Back);
        BOOST_TEST(wait_until([this] { return views.size() == 2U; }, std::chrono::seconds(40)));
    });
    BOOST_TEST(log.count("accounts-away") <= 1U);
}

BOOST_AUTO_TEST_SUITE_END()
