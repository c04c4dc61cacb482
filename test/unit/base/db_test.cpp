#include "base/db.h"

#include <limits>
#include <thread>

#include <boost/test/unit_test.hpp>

#include "base/db_detail.h"
#include "test/support/postgres.h"

using base::Bytes;
using base::Connection;
using base::DbTimeouts;
using base::Errc;
using base::Error;
using base::Param;
using base::Params;
using base::Rows;
using base::Statement;
using base::Status;
using base::Uuid;
using namespace std::chrono_literals;
using test_support::PostgresServer;

namespace {

constexpr Statement kEcho{"test_echo", "SELECT $1::text"};

// An empty database, and a connection to it. The same for all cases: making one takes long.
struct Database {
    PostgresServer& server = PostgresServer::shared();
    std::string name = shared_name();
    std::unique_ptr<Connection> connection = open();

    Database() {
        (void)must(
            "DROP SCHEMA public CASCADE; CREATE SCHEMA public; GRANT ALL ON SCHEMA public TO "
            "PUBLIC");
    }

    static const std::string& shared_name() {
        static const std::string shared = PostgresServer::shared().create_database();
        return shared;
    }

    [[nodiscard]] std::unique_ptr<Connection> open(const std::string& extra = {}) const {
        auto opened = Connection::open(server.conninfo(name) + extra, "test", timeouts());
        BOOST_REQUIRE_MESSAGE(bool(opened), (opened ? std::string() : opened.error().detail));
        return std::move(opened).take_value();
    }

    static DbTimeouts timeouts() {
        DbTimeouts timeouts;
        timeouts.statement = 1s;
        timeouts.grace = 500ms;
        return timeouts;
    }

    Rows must(std::string_view sql, const Params& params = {}) const {
        auto rows = connection->query(sql, params);
        BOOST_REQUIRE_MESSAGE(bool(rows),
                              sql << ": " << (rows ? std::string() : rows.error().detail));
        return std::move(rows).take_value();
    }

    [[nodiscard]] Errc code(std::string_view sql, const Params& params = {}) const {
        auto rows = connection->query(sql, params);
        BOOST_REQUIRE_MESSAGE(!rows, sql);
        return rows.error().code;
    }
};

// Ends the session of `victim` as an operator or a crash of the server would.
void terminate(const Connection& killer, const std::string& application) {
    auto ended = const_cast<Connection&>(killer).query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1",
        {application});
    BOOST_REQUIRE(ended);
    BOOST_REQUIRE(ended.value().size() == 1);
}

Bytes bytes_of(std::string_view text) {
    const auto span = std::as_bytes(std::span(text));
    return {span.begin(), span.end()};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(db)

BOOST_AUTO_TEST_CASE(values_of_every_kind_come_back) {
    const Database db;
    const Uuid id = Uuid::random();
    const Rows rows = db.must(
        "SELECT $1::text, $2::int8, $3::bool, $4::float8, $5::bytea, $6::uuid, $7::text, $8::int8",
        {"ä \"quoted\" \\ 'x'",
         std::numeric_limits<std::int64_t>::min(),
         true,
         0.1,
         bytes_of(std::string_view("\0\x01\xFF\\x", 5)),
         id,
         nullptr,
         std::optional<int>()});
    BOOST_REQUIRE(rows.size() == 1);
    const base::Row row = rows[0];
    BOOST_TEST(row.text(0) == "ä \"quoted\" \\ 'x'");
    BOOST_TEST(row.int64(1) == std::numeric_limits<std::int64_t>::min());
    BOOST_TEST(row.boolean(2));
    BOOST_TEST(row.real(3) == 0.1);
    BOOST_CHECK(row.bytes(4) == bytes_of(std::string_view("\0\x01\xFF\\x", 5)));
    BOOST_CHECK(row.uuid(5) == id);
    BOOST_TEST(row.is_null(6));
    BOOST_TEST(row.text(6).empty());
    BOOST_TEST(!row.optional_string(6));
    BOOST_TEST(!row.optional_int64(7));
    BOOST_TEST(row.int64(7) == 0);
    BOOST_TEST(!row.is_null(0));
}

BOOST_AUTO_TEST_CASE(an_empty_text_is_not_null) {
    const Database db;
    const Rows rows = db.must("SELECT $1::text, $2::bytea", {"", Bytes()});
    BOOST_TEST(!rows[0].is_null(0));
    BOOST_TEST(!rows[0].is_null(1));
    BOOST_TEST(rows[0].bytes(1).empty());
}

BOOST_AUTO_TEST_CASE(large_unsigned_numbers_keep_their_value) {
    const Database db;
    const Rows rows = db.must("SELECT $1::numeric::text, $2::int8",
                              {std::numeric_limits<std::uint64_t>::max(), std::size_t{7}});
    BOOST_TEST(rows[0].text(0) == "18446744073709551615");
    BOOST_TEST(rows[0].int64(1) == 7);
}

BOOST_AUTO_TEST_CASE(arrays_of_every_kind_come_back) {
    const Database db;
    const std::vector<std::string> texts{"", "NULL", "a,b", "{x}", "\"q\"", "back\\slash", " ä "};
    const std::vector<Bytes> blobs{Bytes(), bytes_of(std::string_view("\0,\"", 3))};
    const Uuid id = Uuid::random();
    const Rows rows = db.must(
        "SELECT $1::text[], $2::int8[], array_length($3::bytea[], 1), ($3::bytea[])[2], "
        "($4::uuid[])[1], $5::text[], ($6::bool[])[2], ($7::float8[])[1], $8::text[]",
        {texts,
         std::vector<std::int64_t>{1, -2, 3},
         blobs,
         std::vector<Uuid>{id},
         std::vector<Param::OptionalText>{"x", std::nullopt},
         std::vector<bool>{true, false},
         std::vector<double>{2.5},
         std::vector<std::string>()});
    const base::Row row = rows[0];
    BOOST_TEST(row.string_array(0) == texts, boost::test_tools::per_element());
    const std::vector<std::int64_t> numbers{1, -2, 3};
    BOOST_TEST(row.int64_array(1) == numbers, boost::test_tools::per_element());
    BOOST_TEST(row.int64(2) == 2);
    BOOST_CHECK(row.bytes(3) == blobs[1]);
    BOOST_CHECK(row.uuid(4) == id);
    BOOST_TEST(row.text(5) == "{x,NULL}");
    BOOST_TEST(!row.boolean(6));
    BOOST_TEST(row.real(7) == 2.5);
    BOOST_TEST(row.string_array(8).empty());
}

BOOST_AUTO_TEST_CASE(arrays_of_arrays_and_rubbish_are_refused) {
    for (const char* text : {"", "{", "}", "x", "{{1,2}}", "{\"a}", "{a}b", "{\"a\\", "{a,b"}) {
        BOOST_TEST(!base::detail::parse_array(text), text);
    }
    auto shifted = base::detail::parse_array("[0:1]={a,b}");
    BOOST_REQUIRE(shifted);
    BOOST_TEST(shifted.value().size() == 2U);
    BOOST_TEST(base::array_literal(std::vector<std::string>{"a\"b", "c\\d"}) ==
               R"({"a\"b","c\\d"})");
}

BOOST_AUTO_TEST_CASE(a_text_with_nul_is_refused_before_it_is_cut) {
    const Database db;
    BOOST_CHECK(db.code("SELECT $1::text", {std::string("a\0b", 3)}) == Errc::Invalid);
    BOOST_CHECK(db.code("SELECT $1::text", {std::string("\xFF")}) == Errc::Invalid);
    BOOST_CHECK(db.code("SELECT 1", Params(base::kDbParamsMax + 1, Param(1))) == Errc::Invalid);
    BOOST_TEST(db.must("SELECT 1")[0].int64(0) == 1);
}

BOOST_AUTO_TEST_CASE(prepared_statements_are_reused) {
    const Database db;
    for (int i = 0; i < 3; ++i) {
        auto rows = db.connection->query(kEcho, {std::to_string(i)});
        BOOST_REQUIRE(rows);
        BOOST_TEST(rows.value()[0].int64(0) == i);
    }
    BOOST_TEST(db.must("SELECT count(*) FROM pg_prepared_statements")[0].int64(0) == 1);
}

BOOST_AUTO_TEST_CASE(rows_are_iterated_and_counted) {
    const Database db;
    const Rows rows = db.must("SELECT i AS number, -i FROM generate_series(1, 3) i");
    std::int64_t sum = 0;
    for (const base::Row row : rows) {
        sum += row.int64(rows.column("number"));
    }
    BOOST_TEST(sum == 6);
    BOOST_TEST(rows.column_count() == 2);
    (void)db.must("CREATE TABLE t (i int)");
    BOOST_TEST(db.must("INSERT INTO t SELECT generate_series(1, 5)").affected() == 5U);
    BOOST_TEST(db.must("SELECT * FROM t WHERE false").empty());
    BOOST_TEST(Rows().empty());
}

BOOST_AUTO_TEST_CASE(each_refusal_of_the_server_has_its_kind) {
    const Database db;
    (void)db.must(
        "CREATE TABLE t (id int PRIMARY KEY, n int NOT NULL CHECK (n > 0));"
        "CREATE TABLE u (id int REFERENCES t);"
        "INSERT INTO t VALUES (1, 1);"
        "CREATE ROLE nobody_special; GRANT SELECT ON t TO nobody_special");

    struct Case {
        const char* sql;
        Errc code;
    };

    for (const Case& c :
         {Case{"INSERT INTO t VALUES (1, 1)", Errc::Exists},
          Case{"INSERT INTO t VALUES (2, 0)", Errc::Invalid},
          Case{"INSERT INTO t VALUES (2, NULL)", Errc::Invalid},
          Case{"INSERT INTO u VALUES (9)", Errc::Invalid},
          Case{"SELECT 'x'::int", Errc::Invalid},
          Case{"SELECT 1/0", Errc::Invalid},
          Case{"SELECT nothing", Errc::Invalid},
          Case{"SELEKT 1", Errc::Invalid},
          // Made anew by somebody, or still to come: away, not wrong.
          Case{"SELECT 1 FROM no_such_table", Errc::Unavailable},
          Case{"SELECT no_such_function()", Errc::Unavailable},
          Case{"CREATE TABLE no_such_schema.t (x int)", Errc::Unavailable},
          Case{"DO $$ BEGIN RAISE EXCEPTION 'no such thing'; END $$", Errc::Invalid},
          Case{"SET ROLE nobody_special; DELETE FROM t", Errc::Refused},
          Case{"SELECT pg_sleep(10)", Errc::Timeout},
          Case{"DO $$ BEGIN RAISE serialization_failure; END $$", Errc::Busy},
          Case{"DO $$ BEGIN RAISE unique_violation; END $$", Errc::Exists},
          Case{"DO $$ BEGIN RAISE disk_full; END $$", Errc::Io}}) {
        auto rows = db.connection->query(c.sql);
        BOOST_REQUIRE_MESSAGE(!rows, c.sql);
        BOOST_TEST(int(rows.error().code) == int(c.code), c.sql << ": " << rows.error().detail);
        BOOST_TEST(db.connection->is_open(), c.sql);
    }
    auto raised = db.connection->query("DO $$ BEGIN RAISE EXCEPTION 'no such thing'; END $$");
    BOOST_REQUIRE(!raised);
    BOOST_TEST(raised.error().detail == "no such thing");
    (void)db.must("RESET ROLE; DROP OWNED BY nobody_special; DROP ROLE nobody_special");
}

// What a constraint forbids may be a secret: the server quotes the row, we do not.
BOOST_AUTO_TEST_CASE(a_row_that_is_refused_is_not_told) {
    const Database db;
    (void)db.must(
        "CREATE TABLE s (secret text NOT NULL CONSTRAINT long CHECK (secret <> 'abc'), "
        "other int NOT NULL)");
    for (const char* values : {"('abc', 1)", "('abcd', NULL)"}) {
        const auto rows = db.connection->query("INSERT INTO s VALUES " + std::string(values));
        BOOST_REQUIRE(!rows);
        BOOST_TEST((rows.error().code == Errc::Invalid));
        BOOST_TEST(rows.error().detail.find("abc") == std::string::npos, rows.error().detail);
        BOOST_TEST(rows.error().detail.find("\"s\"") != std::string::npos, rows.error().detail);
    }
}

BOOST_AUTO_TEST_CASE(a_server_that_is_no_primary_is_left) {
    const Database db;
    (void)db.must("SET default_transaction_read_only = on");
    BOOST_CHECK(db.code("CREATE TABLE v ()") == Errc::Unavailable);
    BOOST_TEST(!db.connection->is_open());
    (void)db.must("CREATE TABLE v ()");
}

BOOST_AUTO_TEST_CASE(a_changed_result_type_heals_by_a_new_session) {
    constexpr Statement kAll{"test_all", "SELECT * FROM t"};
    const Database db;
    (void)db.must("CREATE TABLE t (i int)");
    BOOST_REQUIRE(db.connection->query(kAll));
    (void)db.must("ALTER TABLE t ADD COLUMN j int");
    auto stale = db.connection->query(kAll);
    BOOST_REQUIRE(!stale);
    BOOST_CHECK(stale.error().code == Errc::Busy);
    auto fresh = db.connection->query(kAll);
    BOOST_REQUIRE(fresh);
    BOOST_TEST(fresh.value().column_count() == 2);
}

BOOST_AUTO_TEST_CASE(transactions_commit_and_roll_back) {
    const Database db;
    (void)db.must("CREATE TABLE t (i int PRIMARY KEY)");
    {
        auto tx = db.connection->begin();
        BOOST_REQUIRE(tx);
        BOOST_TEST(bool(tx.value().query("INSERT INTO t VALUES ($1)", {1})));
    }
    BOOST_TEST(db.must("SELECT * FROM t").empty());
    {
        auto tx = db.connection->begin();
        BOOST_REQUIRE(tx);
        BOOST_TEST(bool(tx.value().query("INSERT INTO t VALUES ($1)", {2})));
        BOOST_TEST(bool(tx.value().commit()));
    }
    BOOST_TEST(db.must("SELECT i FROM t")[0].int64(0) == 2);
    {
        auto tx = db.connection->begin();
        BOOST_REQUIRE(tx);
        BOOST_TEST(bool(tx.value().query("INSERT INTO t VALUES (3)")));
        BOOST_TEST(!tx.value().query("INSERT INTO t VALUES (2)"));
        BOOST_TEST(!tx.value().commit());  // PostgreSQL itself would answer without an error
    }
    BOOST_TEST(db.must("SELECT * FROM t").size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_session_lost_while_idle_is_replaced_unseen) {
    const Database db;
    const auto killer = db.open(" application_name=killer");
    BOOST_REQUIRE(db.connection->query(kEcho, {"x"}));
    terminate(*killer, "test");
    // The server's goodbye travels; until it is here the session looks alive.
    const base::Deadline deadline = base::Deadline::after(10s);
    while (db.connection->is_alive() && !deadline.passed()) {
        std::this_thread::yield();
    }
    BOOST_TEST(!db.connection->is_alive());
    BOOST_TEST(bool(db.connection->query(kEcho, {"y"})));
}

BOOST_AUTO_TEST_CASE(a_session_lost_in_a_statement_has_an_unknown_outcome) {
    const Database db;
    const auto killer = db.open(" application_name=killer");
    std::thread thread([&] {
        while (true) {
            auto busy = killer->query(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = "
                "'test' AND state = 'active'");
            if (!busy || !busy.value().empty()) {
                return;
            }
        }
    });
    BOOST_CHECK(db.code("SELECT pg_sleep(0.9)") == Errc::UnknownOutcome);
    thread.join();
    BOOST_TEST(!db.connection->is_open());
    BOOST_TEST(bool(db.connection->query(kEcho, {"y"})));
}

BOOST_AUTO_TEST_CASE(a_session_lost_in_a_transaction_changed_nothing) {
    const Database db;
    const auto killer = db.open(" application_name=killer");
    (void)db.must("CREATE TABLE t (i int)");
    {
        auto tx = db.connection->begin();
        BOOST_REQUIRE(tx);
        BOOST_TEST(bool(tx.value().query("INSERT INTO t VALUES (1)")));
        terminate(*killer, "test");
        auto lost = tx.value().query("INSERT INTO t VALUES (2)");
        BOOST_REQUIRE(!lost);
        BOOST_CHECK(lost.error().code == Errc::Unavailable);
        auto commit = tx.value().commit();
        BOOST_REQUIRE(!commit);
        BOOST_CHECK(commit.error().code == Errc::Unavailable);
    }
    BOOST_TEST(db.must("SELECT * FROM t").empty());
}

BOOST_AUTO_TEST_CASE(a_session_lost_at_commit_has_an_unknown_outcome) {
    const Database db;
    const auto killer = db.open(" application_name=killer");
    (void)db.must("CREATE TABLE t (i int)");
    auto tx = db.connection->begin();
    BOOST_REQUIRE(tx);
    BOOST_TEST(bool(tx.value().query("INSERT INTO t VALUES (1)")));
    terminate(*killer, "test");
    auto commit = tx.value().commit();
    BOOST_REQUIRE(!commit);
    BOOST_CHECK(commit.error().code == Errc::UnknownOutcome);
}

BOOST_AUTO_TEST_CASE(deadlocks_are_busy) {
    const Database db;
    const auto other = db.open(" application_name=other");
    (void)db.must("CREATE TABLE t (i int PRIMARY KEY); INSERT INTO t VALUES (1), (2)");
    auto mine = db.connection->begin();
    auto theirs = other->begin();
    BOOST_REQUIRE(mine && theirs);
    constexpr std::string_view kLock = "SELECT i FROM t WHERE i = $1 FOR UPDATE";
    BOOST_REQUIRE(mine.value().query(kLock, {1}));
    BOOST_REQUIRE(theirs.value().query(kLock, {2}));
    bool theirs_ok = false;
    std::thread thread([&] {
        auto got = theirs.value().query(kLock, {1});
        theirs_ok = bool(got) || got.error().code == Errc::Busy;
        Status dropped = theirs.value().commit();
        (void)dropped;  // only the locks matter
    });
    auto got = mine.value().query(kLock, {2});
    thread.join();
    BOOST_TEST(theirs_ok);
    BOOST_CHECK(got || got.error().code == Errc::Busy);
}

BOOST_AUTO_TEST_CASE(failures_to_connect_have_their_kind) {
    const Database db;

    struct Case {
        std::string conninfo;
        Errc code;
    };

    for (const Case& c : {Case{"host=127.0.0.1 port=1 dbname=x", Errc::Unavailable},
                          Case{"postgresql://127.0.0.1:1/x?application_name=y", Errc::Unavailable},
                          Case{"host=/nonexistent dbname=x", Errc::Unavailable},
                          Case{"no such setting", Errc::Invalid},
                          Case{"colour=blue", Errc::Invalid}}) {
        auto opened = Connection::open(c.conninfo, "test's \\ name");
        BOOST_REQUIRE(!opened);
        BOOST_TEST(int(opened.error().code) == int(c.code),
                   c.conninfo << ": " << opened.error().detail);
    }
}

BOOST_AUTO_TEST_CASE(names_and_timeouts_reach_the_session) {
    const Database db;
    BOOST_TEST(db.must("SHOW jit")[0].text(0) == "off");
    BOOST_TEST(db.must("SHOW statement_timeout")[0].text(0) == "1s");
    BOOST_TEST(db.must("SHOW application_name")[0].text(0) == "test");
    auto odd = Connection::open(db.server.conninfo(db.name), "it's \\ me");
    BOOST_REQUIRE(odd);
    BOOST_TEST(odd.value()->query("SHOW application_name").value()[0].text(0) == "it's \\ me");
    const auto mine = db.open(" options='-c statement_timeout=7s'");
    BOOST_TEST(mine->query("SHOW statement_timeout").value()[0].text(0) == "7s");
}

BOOST_AUTO_TEST_CASE(notifications_arrive_and_loss_is_told) {
    const Database db;
    const auto listener = db.open(" application_name=listener");
    BOOST_REQUIRE(listener->listen("changes"));
    BOOST_REQUIRE(listener->listen("changes"));
    BOOST_TEST(listener->wait_notifications(0s).value().empty());
    (void)db.must("SELECT pg_notify('changes', 'one'), pg_notify('other', 'x')");
    auto got = listener->wait_notifications(10s);
    BOOST_REQUIRE(got);
    BOOST_REQUIRE(got.value().size() == 1U);
    BOOST_TEST(got.value()[0].channel == "changes");
    BOOST_TEST(got.value()[0].payload == "one");
    terminate(*db.connection, "listener");
    const base::Deadline deadline = base::Deadline::after(10s);
    bool told = false;
    while (!told && !deadline.passed()) {
        auto lost = listener->wait_notifications(100ms);
        told = !lost && lost.error().code == Errc::Unavailable;
    }
    BOOST_TEST(told);
    // The next use opens anew and listens again.
    BOOST_REQUIRE(listener->query("SELECT 1"));
    (void)db.must("SELECT pg_notify('changes', 'two')");
    auto again = listener->wait_notifications(10s);
    BOOST_REQUIRE(again);
    BOOST_REQUIRE(again.value().size() == 1U);
    BOOST_TEST(again.value()[0].payload == "two");
}

BOOST_AUTO_TEST_CASE(a_hung_server_is_cut_off_in_time) {
    PostgresServer server;
    auto opened = Connection::open(server.conninfo("postgres"), "test", Database::timeouts());
    BOOST_REQUIRE(opened);
    server.freeze();
    const base::Instant start = base::monotonic_now();
    auto hung = opened.value()->query("SELECT 1");
    const base::Duration took = base::monotonic_now() - start;
    server.thaw();
    BOOST_REQUIRE(!hung);
    BOOST_CHECK(hung.error().code == Errc::UnknownOutcome);
    BOOST_CHECK(took >= 1500ms);
    BOOST_CHECK(took < 10s);
    BOOST_TEST(bool(opened.value()->query("SELECT 1")));
}

BOOST_AUTO_TEST_SUITE_END()
