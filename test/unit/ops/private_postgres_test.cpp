#include "ops/private_postgres.h"

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include <boost/test/unit_test.hpp>
#include <pwd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/db.h"
#include "base/fiber.h"
#include "test/support/loop_runner.h"

namespace {

using namespace std::chrono_literals;

// A directory of the user who will run the server: PostgreSQL refuses to be root.
class Fixture {
  public:
    Fixture() {
        std::string pattern = (std::filesystem::temp_directory_path() / "rt-own-XXXXXX").string();
        BOOST_REQUIRE(::mkdtemp(pattern.data()) != nullptr);
        directory = pattern;
        options.data_directory = directory + "/data";
        options.socket_directory = directory;
        options.log_file = directory + "/log";
        if (::geteuid() == 0) {
            options.user = "nobody";
            const passwd* user = ::getpwnam("nobody");
            BOOST_REQUIRE(user != nullptr);
            BOOST_REQUIRE(::chown(directory.c_str(), user->pw_uid, user->pw_gid) == 0);
        }
    }

    ~Fixture() { std::filesystem::remove_all(directory); }

    Fixture(const Fixture&) = delete;
    Fixture& operator=(const Fixture&) = delete;

    std::string directory;
    ops::PrivatePostgres::Options options;
};

void write_pid_file(const Fixture& fixture, const std::string& state) {
    std::filesystem::create_directories(fixture.options.data_directory);
    std::ofstream(fixture.options.data_directory + "/postmaster.pid")
        << "1\n/data\n0\n5432\n/tmp\n\n0 0\n"
        << state;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(private_postgres)

BOOST_AUTO_TEST_CASE(a_socket_path_that_the_system_cannot_hold_is_refused_before_anything_is_made) {
    Fixture fixture;
    fixture.options.socket_directory += "/" + std::string(100, 'x');
    const auto made = ops::PrivatePostgres::create(fixture.options);
    BOOST_REQUIRE(!made);
    BOOST_CHECK(made.error().code == base::Errc::TooLarge);
    BOOST_TEST(made.error().detail.find("--dir") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(it_is_ready_when_its_pid_file_says_so) {
    Fixture fixture;
    const auto postgres = ops::PrivatePostgres::create(fixture.options);
    BOOST_REQUIRE(postgres);
    BOOST_TEST(!postgres.value().is_ready());
    for (const char* state : {"", "starting\n", "stopping\n"}) {
        write_pid_file(fixture, state);
        BOOST_TEST(!postgres.value().is_ready(), state);
    }
    write_pid_file(fixture, "ready   \n");
    BOOST_TEST(postgres.value().is_ready());
}

BOOST_AUTO_TEST_CASE(it_is_made_once_runs_and_is_reached_by_its_socket_alone) {
    Fixture fixture;
    auto created = ops::PrivatePostgres::create(fixture.options);
    BOOST_REQUIRE(created);
    ops::PrivatePostgres postgres = std::move(created).take_value();
    const base::Status prepared = postgres.prepare();
    BOOST_REQUIRE_MESSAGE(bool(prepared), (prepared ? "" : prepared.error().detail));
    const auto made_at =
        std::filesystem::last_write_time(fixture.options.data_directory + "/PG_VERSION");
    BOOST_REQUIRE(postgres.prepare());
    BOOST_CHECK(std::filesystem::last_write_time(fixture.options.data_directory + "/PG_VERSION") ==
                made_at);

    test_support::run_in_fiber([&](base::Loop&) {
        auto server = base::spawn_process(postgres.server());
        BOOST_REQUIRE(server);
        const base::Deadline deadline = base::Deadline::after(30s);
        while (!postgres.is_ready() && !deadline.passed()) {
            BOOST_REQUIRE(base::sleep_until(base::Deadline::after(10ms)));
        }
        BOOST_REQUIRE(postgres.is_ready());
        {
            auto connection = base::Connection::open(
                postgres.conninfo(ops::PrivatePostgres::owner_role(), "postgres"), "test");
            BOOST_REQUIRE_MESSAGE(bool(connection), (connection ? "" : connection.error().detail));
            const auto setting = [&](const char* name) {
                auto rows = connection.value()->query("SELECT current_setting($1)", {name});
                BOOST_REQUIRE(rows);
                return rows.value()[0].string(0);
            };
            BOOST_TEST(setting("listen_addresses").empty());
            BOOST_TEST(setting("unix_socket_permissions") == "0700");
            BOOST_TEST(setting("data_checksums") == "on");
            BOOST_TEST(setting("fsync") == "on");
            BOOST_TEST(setting("synchronous_commit") == "on");
        }
        server.value().signal(SIGINT);
        const auto ended = server.value().wait(base::Deadline::after(30s));
        BOOST_REQUIRE(ended);
        BOOST_TEST(ended.value().is_clean(), ended.value().to_text());
        BOOST_TEST(!postgres.is_ready());
    });
}

BOOST_AUTO_TEST_SUITE_END()
