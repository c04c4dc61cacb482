#include "storage/tracking/layout_follower.h"

#include <boost/test/unit_test.hpp>

#include "test/unit/storage/tracking/cluster_fixture.h"

using namespace storage;
using namespace storage_test;

namespace {

class FollowerFixture : public ClusterFixture {
  public:
    FollowerFixture()
        : source{conninfo("roundtable_mtad"), ServerRole::Mail, "a", state.path()},
          pool(source.database, "test", {1, 16, {}}),
          workers("test", 1, 16) {}

    // Runs the body beside a follower that was started with `start`.
    void follow(const StartLayout& start,
                milliseconds poll,
                const std::function<void(LayoutFollower&)>& body) {
        auto made = base::Loop::create("test");
        BOOST_REQUIRE(made);
        base::Loop& loop = *made.value();
        {
            LayoutFollower follower(
                loop, pool, workers, source, {poll, milliseconds(5'000)}, start);
            follower.set_on_change([this](const Layout& layout) { seen.push_back(layout); });
            follower.start();
            BOOST_REQUIRE(base::spawn(loop, "test", [&] {
                body(follower);
                follower.stop();
                loop.stop();
            }));
            loop.run();
        }
    }

    StartLayout start() {
        auto layout = start_layout(source, in(5'000));
        BOOST_REQUIRE_MESSAGE(layout, why(layout));
        return std::move(layout).take_value();
    }

    TempDir state;
    LayoutSource source;
    base::DbPool pool;
    base::WorkerPool workers;
    std::vector<Layout> seen;
};

constexpr milliseconds kNever{3'600'000};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(storage_layout_follower, FollowerFixture)

BOOST_AUTO_TEST_CASE(the_directory_is_kept_for_a_start_without_it) {
    const StartLayout first = start();
    BOOST_TEST(!first.from_cache);
    source.database = "host=/nonexistent dbname=none";
    const StartLayout second = start();
    BOOST_TEST(second.from_cache);
    BOOST_CHECK(second.layout.servers == first.layout.servers);
    BOOST_CHECK(second.layout.table == first.layout.table);
}

BOOST_AUTO_TEST_CASE(without_directory_and_copy_there_is_no_start) {
    source.database = "host=/nonexistent dbname=none";
    BOOST_CHECK(code_of(start_layout(source, in(5'000))) == base::Errc::Unavailable);
    std::ofstream(state / "layout") << "rubbish";
    BOOST_CHECK(code_of(start_layout(source, in(5'000))) == base::Errc::Corrupt);
}

BOOST_AUTO_TEST_CASE(a_server_that_the_directory_lacks_does_not_start_from_a_copy) {
    (void)start();
    source.server = "c";
    BOOST_CHECK(code_of(start_layout(source, in(5'000))) == base::Errc::NotFound);
}

BOOST_AUTO_TEST_CASE(a_notice_is_enough) {
    follow(start(), kNever, [&](LayoutFollower& follower) {
        sql("UPDATE directory.cluster SET min_copies = 1");
        BOOST_REQUIRE(eventually([&] { return follower.layout().policy.min_copies == 1; }));
        BOOST_REQUIRE(
            eventually([&] { return file_text(state / "layout") == encode(follower.layout()); }));
        BOOST_TEST(!follower.is_from_cache());
        BOOST_REQUIRE(!seen.empty());
        BOOST_CHECK(seen.back() == follower.layout());
    });
}

BOOST_AUTO_TEST_CASE(a_missed_notice_is_found_by_looking) {
    StartLayout old = start();
    follow(old, milliseconds(20), [&](LayoutFollower& follower) {
        // As if it had come and gone unheard: the listener's notices are not what is waited for.
        sql("UPDATE directory.storage_server SET state = 'draining' WHERE name = 's3'");
        BOOST_REQUIRE(eventually(
            [&] { return follower.layout().servers[2].use == StorageServerUse::Draining; }));
    });
}

BOOST_AUTO_TEST_CASE(what_does_not_concern_storage_is_no_change) {
    follow(start(), milliseconds(20), [&](LayoutFollower& follower) {
        const std::int64_t before = follower.layout().version;
        add_account("carl");
        BOOST_REQUIRE(eventually([&] { return follower.layout().version > before; }));
        BOOST_TEST(seen.empty());
    });
}

BOOST_AUTO_TEST_CASE(a_copy_is_read_anew_as_soon_as_the_directory_is_back) {
    StartLayout cached = start();
    cached.from_cache = true;
    cached.layout.table.peers.clear();  // it is an old one, whatever its version says
    take_database_away();
    follow(cached, milliseconds(20), [&](LayoutFollower& follower) {
        BOOST_TEST(follower.is_from_cache());
        wake_database();
        BOOST_REQUIRE(eventually([&] { return !follower.is_from_cache(); }));
        BOOST_TEST(follower.layout().table.peers.size() == 1U);
        BOOST_TEST(seen.size() == 1U);
        BOOST_TEST(follower.age_ms() < 10'000);
    });
}

BOOST_AUTO_TEST_CASE(a_row_that_is_gone_leaves_the_layout_as_it_is) {
    const StartLayout before = start();
    follow(before, milliseconds(20), [&](LayoutFollower& follower) {
        sql("DELETE FROM directory.mirroring");
        BOOST_REQUIRE(eventually([&] { return follower.layout().table.peers.empty(); }));
        sql("DELETE FROM directory.mail_server WHERE name = 'a'");
        sql("UPDATE directory.cluster SET min_copies = 1");
        BOOST_TEST(!eventually([&] { return follower.layout().policy.min_copies == 1; },
                               milliseconds(300)));
        BOOST_CHECK(follower.layout().table.own == store_id(1));
    });
}

BOOST_AUTO_TEST_SUITE_END()
