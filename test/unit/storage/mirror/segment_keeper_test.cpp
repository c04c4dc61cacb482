#include "storage/mirror/segment_keeper.h"

#include <boost/test/unit_test.hpp>

#include "test/unit/storage/tracking/cluster_fixture.h"

using namespace storage;
using namespace storage_test;

namespace {

// A keeper on `count` servers that writes to 1 and 2. In a fiber.
struct Kept {
    Stores stores;
    TempDir dir;
    Servers servers;
    std::unique_ptr<AgentState> state = AgentState::open(dir.path()).take_value();
    MirrorOptions options;
    SegmentKeeper keeper;
    std::vector<SegmentClosed> closed;

    explicit Kept(base::Loop& loop, std::size_t count = 2, MirrorOptions with = quick_mirror())
        : stores(count),
          servers(loop, stores, count),
          options(std::move(with)),
          keeper(loop, servers.set, *state, options) {
        keeper.set_table({store_id(1), {store_id(2)}});
        keeper.set_policy({2, false});
        keeper.set_on_closed([this](const SegmentClosed& segment) { closed.push_back(segment); });
        keeper.start();
    }

    ~Kept() { keeper.stop_work(in(10'000)); }

    SegmentId open() {
        BOOST_REQUIRE(keeper.ensure_open(in(5'000)));
        return keeper.open()->header()->segment;
    }

    void stand_still(milliseconds span) const {
        const base::Deadline until = base::Deadline::after(span);
        while (!until.passed()) {  // the whole loop
        }
    }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(storage_segment_keeper)

BOOST_AUTO_TEST_CASE(an_open_segment_stays_while_nothing_speaks_against_it) {
    run_in_fiber([](base::Loop& loop) {
        Kept kept(loop);
        const SegmentId first = kept.open();
        BOOST_CHECK(kept.open() == first);
        BOOST_CHECK(kept.keeper.open()->placement().replicas == (Ids{store_id(1), store_id(2)}));
        BOOST_TEST(kept.keeper.fitness().fit);
        BOOST_TEST(kept.keeper.counters().segments_opened == 1U);
        BOOST_TEST(file_text(kept.dir / "segments-agent/journal") == "open " + first.text() + "\n");
    });
}

BOOST_AUTO_TEST_CASE(a_pause_longer_than_the_lease_opens_a_new_segment) {
    run_in_fiber([](base::Loop& loop) {
        MirrorOptions options = quick_mirror();
        options.lease = milliseconds(300);
        Kept kept(loop, 2, options);
        const SegmentId first = kept.open();
        BOOST_TEST(kept.keeper.holds_lease());
        kept.stand_still(milliseconds(400));
        BOOST_TEST(!kept.keeper.holds_lease());
        BOOST_TEST(!kept.keeper.holds_lease());  // until a new segment is open
        BOOST_CHECK(kept.open() != first);
        BOOST_TEST(kept.keeper.holds_lease());
        BOOST_TEST(kept.keeper.counters().lease_breaks == 1U);
        BOOST_REQUIRE(kept.closed.size() == 1U);
        BOOST_TEST(!kept.closed[0].sealed);
        BOOST_CHECK(kept.state->unsealed() == std::vector{first});
    });
}

BOOST_AUTO_TEST_CASE(no_seal_is_written_after_a_pause) {
    run_in_fiber([](base::Loop& loop) {
        MirrorOptions options = quick_mirror();
        options.lease = milliseconds(300);
        Kept kept(loop, 2, options);
        const SegmentId first = kept.open();
        kept.keeper.close();
        kept.stand_still(milliseconds(400));  // before the fiber of the seal runs
        BOOST_REQUIRE(eventually([&] { return kept.closed.size() == 1U; }));
        BOOST_TEST(!kept.closed[0].sealed);
        BOOST_TEST(
            !replay(file_bytes(kept.stores.path_of(1, {first, 1}))).value().seal.has_value());
    });
}

BOOST_AUTO_TEST_CASE(a_server_where_a_file_cannot_be_made_is_passed_over) {
    run_in_fiber([](base::Loop& loop) {
        Kept kept(loop, 3);
        std::ofstream(kept.stores.root(2) + "/segments") << "no folder";
        (void)kept.open();
        BOOST_CHECK(kept.keeper.open()->placement().replicas == (Ids{store_id(1), store_id(3)}));
        BOOST_REQUIRE(kept.keeper.open()->placement().owed.size() == 1U);
        BOOST_CHECK(kept.keeper.open()->placement().owed[0].server == store_id(2));
        // The server that failed may have made its file: recovery looks.
        BOOST_REQUIRE(kept.state->unsealed().size() == 1U);
        BOOST_REQUIRE(eventually([&] { return kept.stores.files(1).size() == 1U; }));
        std::filesystem::remove(kept.stores.root(2) + "/segments");
        BOOST_TEST(recover_all(kept.servers.set, *kept.state, {}, [](const RecoveredSegment&) {}) ==
                   0U);
    });
}

BOOST_AUTO_TEST_CASE(a_draining_server_takes_no_new_segment_but_counts_in_the_open_one) {
    run_in_fiber([](base::Loop& loop) {
        Kept kept(loop, 3);
        const SegmentId first = kept.open();
        kept.servers.set.apply(kept.stores.configs, {store_id(2)});
        BOOST_TEST(kept.keeper.domains({store_id(1), store_id(2)}) == 2U);
        BOOST_REQUIRE(eventually([&] { return kept.open() != first; }));
        BOOST_CHECK(kept.keeper.open()->placement().replicas == (Ids{store_id(1), store_id(3)}));
        BOOST_REQUIRE(eventually([&] { return kept.closed.size() == 1U; }));
        BOOST_CHECK(kept.closed[0].replicas[1].end == ReplicaEnd::Sealed);
    });
}

BOOST_AUTO_TEST_CASE(only_those_who_come_first_wait_for_a_server) {
    run_in_fiber([](base::Loop& loop) {
        Kept kept(loop);
        (void)kept.open();
        kept.servers.set.apply({kept.stores.configs[0]});
        kept.keeper.close();
        BOOST_CHECK(code_of(kept.keeper.ensure_open(in(5'000))) == base::Errc::Unavailable);
        const base::Instant start = base::monotonic_now();
        BOOST_CHECK(code_of(kept.keeper.ensure_open(in(5'000))) == base::Errc::Unavailable);
        BOOST_TEST((base::monotonic_now() - start < milliseconds(100)));
        BOOST_TEST(!kept.keeper.fitness().fit);
        BOOST_TEST(kept.keeper.fitness().stores_healthy == 1U);
        BOOST_TEST(kept.keeper.fitness().min_copies == 2);
    });
}

BOOST_AUTO_TEST_CASE(a_segment_that_is_to_be_renewed_takes_no_further_batch) {
    run_in_fiber([](base::Loop& loop) {
        Kept kept(loop);
        kept.keeper.renew();  // none is open: nothing to renew
        const SegmentId first = kept.open();
        BOOST_CHECK(kept.open() == first);
        kept.keeper.renew();
        const SegmentId second = kept.open();
        BOOST_CHECK(second != first);
        BOOST_CHECK(kept.open() == second);
        BOOST_REQUIRE(eventually([&] { return kept.closed.size() == 1U; }));
        BOOST_TEST(kept.closed[0].sealed);
    });
}

BOOST_AUTO_TEST_CASE(idle_segments_end_by_age) {
    run_in_fiber([](base::Loop& loop) {
        MirrorOptions options = quick_mirror();
        options.segment_age_max = milliseconds(50);
        Kept kept(loop, 2, options);
        (void)kept.open();
        BOOST_REQUIRE(eventually([&] {
            kept.keeper.look_after();
            return kept.closed.size() == 1U;
        }));
        BOOST_TEST(kept.closed[0].sealed);
        BOOST_TEST(kept.keeper.open() == nullptr);
        BOOST_TEST(kept.state->unsealed().empty());
    });
}

BOOST_AUTO_TEST_CASE(stopped_it_is_not_fit) {
    run_in_fiber([](base::Loop& loop) {
        Kept kept(loop);
        (void)kept.open();
        kept.keeper.close();
        kept.keeper.stop_work(in(5'000));
        BOOST_TEST(!kept.keeper.is_sealing());
        BOOST_TEST(!kept.keeper.fitness().fit);
        BOOST_TEST(kept.keeper.fitness().reason == "shutting down");
    });
}

BOOST_AUTO_TEST_SUITE_END()
