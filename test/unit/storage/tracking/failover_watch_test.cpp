#include "storage/tracking/failover_watch.h"

#include <boost/test/unit_test.hpp>

#include "base/file.h"
#include "test/unit/storage/tracking/cluster_fixture.h"

using namespace storage;
using namespace storage_test;

namespace {

class WatchFixture : public ClusterFixture {
  public:
    WatchFixture()
        : pool(conninfo("roundtable_trackerd"), "test", {2, 16, {}}), workers("test", 1, 16) {
        options.committer = "tracker t";
        options.database = conninfo("roundtable_trackerd");
        options.file = state.path() + "/commit-sequence";
    }

    // From a fiber.
    bool changed(FailoverWatch& watch) {
        const auto looked = watch.look();
        BOOST_REQUIRE_MESSAGE(looked, why(looked));
        return looked.value();
    }

    // Since the test began.
    int jumps() { return std::stoi(value("SELECT jumps FROM catalog.lineage")) - jumps_before; }

    // A commit of a sequence that no jump has covered yet.
    std::int64_t commit(std::int64_t number) {
        const std::int64_t sequence =
            std::stoll(value("SELECT last_value FROM catalog.commit_sequence")) + number;
        sql("INSERT INTO catalog.commit_mark (committer, sequence) VALUES ('mail a', $1) "
            "ON CONFLICT (committer) DO UPDATE SET sequence = excluded.sequence",
            {sequence});
        return sequence;
    }

    const int jumps_before = std::stoi(value("SELECT jumps FROM catalog.lineage"));
    TempDir state;
    base::DbPool pool;
    base::WorkerPool workers;
    FailoverWatchOptions options;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(storage_failover_watch, WatchFixture)

BOOST_AUTO_TEST_CASE(a_promoted_primary_jumps_without_any_mail) {
    run_in_fiber([&](base::Loop&) {
        FailoverWatch watch(pool, workers, options);
        BOOST_TEST(!changed(watch));
        sql("UPDATE catalog.lineage SET timeline = '00000000'");
        BOOST_TEST(changed(watch));
        BOOST_TEST(!changed(watch));
        BOOST_TEST(jumps() == 1);
    });
}

BOOST_AUTO_TEST_CASE(a_jump_of_somebody_else_is_noticed) {
    run_in_fiber([&](base::Loop&) {
        FailoverWatch watch(pool, workers, options);
        BOOST_TEST(!changed(watch));
        sql("UPDATE catalog.lineage SET jumps = jumps + 1");
        BOOST_TEST(changed(watch));
    });
}

BOOST_AUTO_TEST_CASE(a_catalog_put_back_while_nobody_ran_jumps) {
    run_in_fiber([&](base::Loop&) {
        const std::int64_t newest = commit(900);
        FailoverWatch before(pool, workers, options);
        BOOST_TEST(!changed(before));
        BOOST_TEST(file_text(options.file) == std::to_string(newest) + "\n");
        commit(899);
        FailoverWatch after(pool, workers, options);
        BOOST_TEST(!changed(after));
        BOOST_TEST(jumps() == 1);
        BOOST_TEST(!changed(after));
        BOOST_TEST(jumps() == 1);
    });
}

BOOST_AUTO_TEST_CASE(the_file_is_not_written_at_each_look) {
    run_in_fiber([&](base::Loop&) {
        FailoverWatch watch(pool, workers, options);
        const std::int64_t first = commit(5);
        BOOST_TEST(!changed(watch));
        commit(6);
        BOOST_TEST(!changed(watch));
        BOOST_TEST(file_text(options.file) == std::to_string(first) + "\n");
    });
}

BOOST_AUTO_TEST_CASE(an_unreadable_number_is_none) {
    for (const char* text : {"", "x\n", "12", "-3\n"}) {
        BOOST_REQUIRE(base::write_file_atomic(options.file, text, 0600));
        run_in_fiber([&](base::Loop&) {
            FailoverWatch watch(pool, workers, options);
            BOOST_TEST(!changed(watch));
            BOOST_TEST(jumps() == 0);
        });
    }
}

BOOST_AUTO_TEST_CASE(an_error_of_the_database_is_told) {
    run_in_fiber([&](base::Loop&) {
        base::DbPool stranger(conninfo("roundtable_dnsd"), "test", {1, 16, {}});
        FailoverWatch watch(stranger, workers, options);
        BOOST_CHECK(code_of(watch.look()) == base::Errc::Refused);
    });
}

BOOST_AUTO_TEST_SUITE_END()
