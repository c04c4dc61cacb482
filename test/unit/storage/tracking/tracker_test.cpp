#include "storage/tracking/tracker.h"

#include <boost/test/unit_test.hpp>

#include "base/metrics.h"
#include "test/unit/storage/tracking/cluster_fixture.h"

using namespace storage;
using namespace storage_test;

namespace {

class TrackerFixture : public ClusterFixture {
  public:
    TrackerFixture() {
        options.name = "t";
        options.database = conninfo("roundtable_trackerd");
        options.state_dir = state.path();
        options.helper_program = helper_program();
        options.grace = milliseconds(0);
        options.catch_up_pause = milliseconds(20);
        options.recent_pause = milliseconds(20);
        options.layout_poll = milliseconds(50);
        header.replicas = {store_id(1), store_id(2)};
        header.writer = "a";
        header.segment = SegmentId(base::Uuid::time_ordered());
    }

    void with(const std::function<void(Tracker&)>& body) {
        auto loop = base::Loop::create("tracker");
        BOOST_REQUIRE(loop);
        auto tracker = Tracker::create(*loop.value(), options);
        BOOST_REQUIRE_MESSAGE(tracker, why(tracker));
        tracker.value()->start();
        BOOST_REQUIRE(base::spawn(*loop.value(), "test", [&] {
            body(*tracker.value());
            tracker.value()->stop();
            loop.value()->stop();
        }));
        loop.value()->run();
        kept.clear();
    }

    TempDir state;
    TrackerOptions options;
    std::vector<std::unique_ptr<Tracker>> kept;
    SegmentHeader header = make_header();
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(storage_tracker, TrackerFixture)

BOOST_AUTO_TEST_CASE(acknowledged_frames_are_found_by_listing_and_catalogued_once) {
    SegmentBuilder segment(header);
    (void)segment.add(make_mail(1, ann, "one"));
    const FrameLocation refused = segment.add(make_mail(2, ann, "refused"));
    (void)segment.cancel(message_id(2), refused);
    put(1, segment.id(), segment.bytes);
    put(2, segment.id(), segment.bytes);
    with([&](Tracker& tracker) {
        BOOST_REQUIRE(eventually([&] { return in_inbox(ann) == "1"; }));
        // Its writer goes on, and then seals: what is new is read, and nothing twice.
        (void)segment.add(make_mail(3, ann, "three"));
        put(2, segment.id(), segment.bytes);
        BOOST_REQUIRE(eventually([&] { return in_inbox(ann) == "2"; }));
        (void)segment.seal();
        put(1, segment.id(), segment.bytes);
        put(2, segment.id(), segment.bytes);
        BOOST_REQUIRE(eventually([&] { return state_of(segment.id()) == "sealed"; }));
        BOOST_TEST(in_inbox(ann) == "2");
        BOOST_TEST(tracker.counters().delivered == 2U);
        BOOST_REQUIRE(eventually([&] { return tracker.health().segments_open == 0U; }));
        BOOST_TEST(tracker.health().database_available);
        BOOST_TEST(tracker.health().since_round_ms < 10'000);
    });
    BOOST_TEST(value("SELECT count(*) FROM catalog.aborted") == "1");
}

BOOST_AUTO_TEST_CASE(after_an_outage_what_was_not_known_is_listed_before_anything_is_delivered) {
    // The catalog knows the segment with the refused message; the abort lies in one that it does
    // not know.
    SegmentBuilder first(header);
    const FrameLocation refused = first.add(make_mail(1, ann, "refused"));
    (void)first.add(make_mail(2, ann, "good"));
    put(1, first.id(), first.bytes);
    put(2, first.id(), first.bytes);
    tell(header);
    header.segment = SegmentId(base::Uuid::time_ordered());
    SegmentBuilder second(header);
    (void)second.cancel(message_id(1), refused);
    put(1, second.id(), second.bytes);
    put(2, second.id(), second.bytes);
    options.recent_pause = milliseconds(3'600'000);
    with([&](Tracker&) {
        BOOST_REQUIRE(eventually([&] { return in_inbox(ann) == "1"; }));
        BOOST_TEST(value("SELECT id FROM catalog.message") == message_id(2).text());
    });
}

BOOST_AUTO_TEST_CASE(any_number_run_and_one_delivers) {
    SegmentBuilder segment(header);
    for (std::uint8_t n = 1; n <= 100; ++n) {
        (void)segment.add(make_mail(n, n % 2 == 0 ? ann : bob, "x"));
    }
    put(1, segment.id(), segment.bytes);
    put(2, segment.id(), segment.bytes);
    with([&](Tracker& first) {
        TempDir other_state;
        TrackerOptions other = options;
        other.name = "u";
        other.state_dir = other_state.path();
        auto second = Tracker::create(*base::Loop::current(), other);
        BOOST_REQUIRE(second);
        std::unique_ptr<Tracker> tracker = std::move(second).take_value();
        tracker->start();
        BOOST_REQUIRE(eventually([&] { return in_inbox(ann) == "50" && in_inbox(bob) == "50"; }));
        // Counted when the answer has come, which may be after the rows are seen.
        BOOST_REQUIRE(eventually(
            [&] { return first.counters().delivered + tracker->counters().delivered == 100U; }));
        kept.push_back(std::move(tracker));  // its fibers end with the loop
    });
}

BOOST_AUTO_TEST_CASE(a_database_that_comes_back_is_used) {
    with([&](Tracker& tracker) {
        BOOST_REQUIRE(eventually([&] { return tracker.health().database_available; }));
        take_database_away();
        BOOST_REQUIRE(eventually([&] { return !tracker.health().database_available; }));
        SegmentBuilder segment(header);
        (void)segment.add(make_mail(1, ann, "one"));
        put(1, segment.id(), segment.bytes);
        wake_database();
        BOOST_REQUIRE(eventually([&] { return in_inbox(ann) == "1"; }, milliseconds(40'000)));
    });
}

BOOST_AUTO_TEST_CASE(copies_are_made_and_bad_ones_found_without_a_hand) {
    options.upkeep_pause = milliseconds(20);
    options.attribute_cache = milliseconds(50);
    SegmentBuilder segment(header);
    (void)segment.add(make_mail(1, ann, "one"));
    (void)segment.seal();
    put(1, segment.id(), segment.bytes);
    put(2, segment.id(), segment.bytes);
    spoil(stores.path_of(2, {segment.id(), 1}), segment.bytes.size() / 2);
    with([&](Tracker& tracker) {
        BOOST_REQUIRE(eventually([&] { return state_of(segment.id()) == "sealed"; }));
        sql("SELECT catalog.request_upkeep('scrub', NULL)");
        BOOST_REQUIRE(eventually([&] { return tracker.repair_counters().copies == 1U; }));
        BOOST_TEST(tracker.scrub_counters().lost == 1U);
        BOOST_TEST((file_bytes(stores.path_of(2, {segment.id(), 2})) == segment.bytes));
        // Its writer mirrors to one more.
        add_mail_server("c", 3);
        sql("INSERT INTO directory.mirroring (mail_server_id, peer_id, position) "
            "SELECT x.id, y.id, 2 FROM directory.mail_server x, directory.mail_server y "
            "WHERE x.name = 'a' AND y.name = 'c'");
        BOOST_REQUIRE(eventually([&] { return tracker.repair_counters().copies == 2U; }));
        BOOST_REQUIRE(eventually([&] { return tracker.health().copies_owed == 0U; }));
    });
    BOOST_TEST(stores.files(3).size() == 1U);
}

BOOST_AUTO_TEST_CASE(what_a_lost_primary_had_catalogued_is_found_again) {
    SegmentBuilder segment(header);
    (void)segment.add(make_mail(1, ann, "one"));
    put(1, segment.id(), segment.bytes);
    options.recent_pause = milliseconds(200);
    with([&](Tracker&) {
        BOOST_REQUIRE(eventually([&] { return in_inbox(ann) == "1"; }));
        // A standby that lacks all that is promoted; the tracker's connections stay.
        sql("DELETE FROM catalog.mailbox_message");
        sql("UPDATE catalog.mailbox SET messages = 0, unseen = 0, bytes = 0, uid_next = 1");
        sql("DELETE FROM catalog.delivery");
        sql("DELETE FROM catalog.message");
        sql("DELETE FROM catalog.segment");
        sql("DELETE FROM catalog.commit_mark");
        sql("UPDATE catalog.lineage SET timeline = '00000000'");
        BOOST_REQUIRE(eventually([&] { return in_inbox(ann) == "1"; }));
        BOOST_TEST(value("SELECT uid FROM catalog.mailbox_message") == "65537");
        BOOST_TEST(value("SELECT jumps FROM catalog.lineage") == "1");
    });
}

BOOST_AUTO_TEST_CASE(partitions_are_made_ahead) {
    with([&](Tracker&) {
        BOOST_REQUIRE(eventually([&] {
            return std::stoi(value("SELECT count(*) FROM pg_inherits "
                                   "WHERE inhparent = 'catalog.message'::regclass")) > 2;
        }));
    });
}

BOOST_AUTO_TEST_CASE(without_a_helper_program_there_is_no_tracker) {
    options.helper_program = "/nonexistent";
    auto loop = base::Loop::create("tracker");
    BOOST_CHECK(code_of(Tracker::create(*loop.value(), options)) == base::Errc::NotFound);
}

BOOST_AUTO_TEST_CASE(paths_are_shown_on_the_admin_port) {
    base::Gauge& state_of_path =
        base::gauge("roundtable_storage_path_state",
                    "",
                    {{"folder", "storage"}, {"store", "s1"}, {"path", "s1-1"}});
    state_of_path.set(-7);
    with([&](Tracker&) { BOOST_TEST(eventually([&] { return state_of_path.value() == 2; })); });
}

BOOST_AUTO_TEST_SUITE_END()
