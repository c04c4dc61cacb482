#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include <boost/test/unit_test.hpp>

#include "base/db.h"
#include "test/support/loop_runner.h"
#include "test/support/postgres.h"

using base::ChangeListener;
using base::Connection;
using base::DbPool;
using base::DbPoolOptions;
using base::Deadline;
using base::Errc;
using base::Error;
using base::Loop;
using base::Result;
using base::Rows;
using base::Statement;
using namespace std::chrono_literals;
using test_support::PostgresServer;
using test_support::run_in_fiber;

namespace {

constexpr Statement kEcho{"test_pool_echo", "SELECT $1::text"};

Deadline later() {
    return Deadline::after(30s);
}

struct Database {
    PostgresServer& server = PostgresServer::shared();
    std::string name = server.create_database();

    ~Database() { server.drop_database(name); }

    [[nodiscard]] std::string conninfo() const { return server.conninfo(name); }
};

DbPoolOptions options(std::size_t connections, std::size_t queue_max = 100) {
    DbPoolOptions result;
    result.connections = connections;
    result.queue_max = queue_max;
    return result;
}

template <typename Condition>
bool comes_true(Condition condition) {
    const Deadline deadline = later();
    while (!condition()) {
        if (deadline.passed()) {
            return false;
        }
        std::this_thread::yield();
    }
    return true;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(db_pool)

BOOST_AUTO_TEST_CASE(fibers_query_side_by_side) {
    const Database db;
    run_in_fiber([&db](Loop& loop) {
        DbPool pool(db.conninfo(), "test", options(4));
        int finished = 0;
        base::FiberEvent done;
        constexpr int kFibers = 50;
        for (int i = 0; i < kFibers; ++i) {
            BOOST_REQUIRE(base::spawn(loop, "query", [&, i] {
                auto rows = pool.query(kEcho, {std::to_string(i)}, later());
                BOOST_REQUIRE(rows);
                BOOST_TEST(rows.value()[0].int64(0) == i);
                if (++finished == kFibers) {
                    done.notify();
                }
            }));
        }
        BOOST_TEST(bool(done.wait(later())));
        BOOST_TEST(pool.is_available());
    });
}

BOOST_AUTO_TEST_CASE(a_job_may_be_a_whole_transaction) {
    const Database db;
    DbPool pool(db.conninfo(), "test", options(1));
    auto count = pool.run(
        [](Connection& connection) -> Result<std::int64_t> {
            TRY(connection.query("CREATE TABLE t (i int)"));
            base::Tx tx = TRY(connection.begin());
            TRY(tx.query("INSERT INTO t VALUES (1), (2)"));
            TRY(tx.commit());
            return TRY(connection.query("SELECT count(*) FROM t"))[0].int64(0);
        },
        later());
    BOOST_REQUIRE(count);
    BOOST_TEST(count.value() == 2);
}

BOOST_AUTO_TEST_CASE(a_full_queue_is_busy_and_overdue_jobs_are_dropped) {
    const Database db;
    DbPool pool(db.conninfo(), "test", options(1, 1));
    BOOST_REQUIRE(comes_true([&] { return pool.is_available(); }));
    std::atomic<bool> started{false};
    std::atomic<bool> release{false};
    BOOST_REQUIRE(pool.submit(
        [&](Connection&) {
            started = true;
            (void)comes_true([&] { return release.load(); });
        },
        later()));
    BOOST_REQUIRE(comes_true([&] { return started.load(); }));
    std::atomic<int> dropped{0};
    BOOST_REQUIRE(
        pool.submit([](Connection&) {},
                    Deadline::after(-1s),
                    [&](const Error& error) { dropped = error.code == Errc::Timeout ? 1 : 2; }));
    auto refused = pool.submit([](Connection&) {}, later());
    BOOST_REQUIRE(!refused);
    BOOST_CHECK(refused.error().code == Errc::Busy);
    release = true;
    BOOST_TEST(comes_true([&] { return dropped.load() == 1; }));
}

BOOST_AUTO_TEST_CASE(jobs_wait_for_a_server_that_is_away) {
    PostgresServer server;
    const std::string conninfo = server.conninfo("postgres");
    server.stop();
    DbPool pool(conninfo, "test", options(2));
    auto away = pool.query(kEcho, {"x"}, Deadline::after(50ms));
    BOOST_REQUIRE(!away);
    BOOST_TEST(!pool.is_available());
    BOOST_CHECK(base::is_temporary(away.error().code));
    std::atomic<bool> answered{false};
    std::thread waiter([&] { answered = bool(pool.query(kEcho, {"x"}, later())); });
    server.start();
    waiter.join();
    BOOST_TEST(answered);
    // A crash is noticed without any job, and healed without any hand.
    server.stop(PostgresServer::How::Immediate);
    BOOST_TEST(comes_true([&] { return !pool.is_available(); }));
    server.start();
    BOOST_TEST(comes_true([&] { return pool.is_available(); }));
    BOOST_TEST(bool(pool.query(kEcho, {"x"}, later())));
}

BOOST_AUTO_TEST_CASE(the_end_of_a_pool_tells_those_who_wait) {
    PostgresServer& server = PostgresServer::shared();
    std::atomic<int> code{-1};
    {
        DbPool pool("host=/nonexistent", "test", options(1));
        BOOST_REQUIRE(pool.submit(
            [](Connection&) {}, later(), [&](const Error& error) { code = int(error.code); }));
    }
    BOOST_TEST(code == int(Errc::Cancelled));
    (void)server;
}

// A lock that somebody holds in the database must not keep a daemon from its end.
BOOST_AUTO_TEST_CASE(the_end_of_a_pool_cuts_what_runs_for_long) {
    const Database db;
    std::atomic<bool> runs{false};
    std::atomic<int> code{-1};
    base::Instant begin;
    {
        DbPool pool(db.conninfo(), "test", options(1));
        BOOST_REQUIRE(pool.submit(
            [&](Connection& connection) {
                runs = true;
                const Result<Rows> slept = connection.query("SELECT pg_sleep(25)");
                code = slept ? 0 : int(slept.error().code);
            },
            later()));
        BOOST_REQUIRE(comes_true([&] { return runs.load(); }));
        begin = base::monotonic_now();
    }
    BOOST_TEST((base::monotonic_now() - begin < 15s));
    BOOST_TEST(code == int(Errc::UnknownOutcome));
}

BOOST_AUTO_TEST_CASE(a_change_listener_ends_while_its_server_is_hung) {
    PostgresServer server;
    std::atomic<bool> connected{false};
    std::atomic<bool> ended{false};
    auto listener = std::make_unique<ChangeListener>(
        server.conninfo("postgres"),
        "test-listener",
        std::vector<std::string>{"mail"},
        ChangeListener::Callbacks{[](const std::string&, const std::string&) {},
                                  [&] { connected = true; }});
    BOOST_REQUIRE(comes_true([&] { return connected.load(); }));
    server.freeze();
    // So that a listener that does wait fails this test, and is not waited for.
    std::thread thawing([&] {
        const Deadline deadline = Deadline::after(15s);
        while (!ended && !deadline.passed()) {
            std::this_thread::yield();
        }
        server.thaw();
    });
    const base::Instant begin = base::monotonic_now();
    listener.reset();
    const base::Duration took = base::monotonic_now() - begin;
    ended = true;
    thawing.join();
    BOOST_TEST((took < 12s));
}

BOOST_AUTO_TEST_CASE(a_change_listener_tells_changes_and_reconnects) {
    const Database db;
    std::mutex mutex;
    std::vector<std::string> seen;
    std::atomic<int> connected{0};
    ChangeListener listener(db.conninfo(),
                            "test-listener",
                            {"mail", "zone"},
                            {[&](const std::string& channel, const std::string& payload) {
                                 const std::lock_guard lock(mutex);
                                 seen.push_back(channel + ":" + payload);
                             },
                             [&] { ++connected; }});
    const auto has_seen = [&](const std::string& text) {
        const std::lock_guard lock(mutex);
        return std::find(seen.begin(), seen.end(), text) != seen.end();
    };
    BOOST_REQUIRE(comes_true([&] { return connected == 1; }));
    auto opened = Connection::open(db.conninfo(), "test");
    BOOST_REQUIRE(opened);
    Connection& connection = *opened.value();
    BOOST_REQUIRE(connection.query("SELECT pg_notify('mail', 'a'), pg_notify('zone', 'b')"));
    BOOST_TEST(comes_true([&] { return has_seen("mail:a") && has_seen("zone:b"); }));
    BOOST_REQUIRE(
        connection.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                         "WHERE application_name = 'test-listener'"));
    BOOST_REQUIRE(comes_true([&] { return connected == 2; }));
    BOOST_REQUIRE(connection.query("SELECT pg_notify('mail', 'c')"));
    BOOST_TEST(comes_true([&] { return has_seen("mail:c"); }));
}

BOOST_AUTO_TEST_SUITE_END()
