#include "storage/catalog/catalog.h"

#include <boost/test/unit_test.hpp>

#include "test/unit/storage/catalog/deliver_fixture.h"

// The delivery statement has tests of its own: deliver_test.cpp, deliver_race_test.cpp.

using namespace storage;
using test_support::DeliverFixture;
using test_support::kFirstFrame;

namespace {

SegmentHeader header_of(const SegmentNote& note) {
    SegmentHeader header;
    header.segment = note.id;
    header.writer = "a";
    header.boot_epoch = 3;
    header.min_copies = 2;
    header.created_us = 1'795'000'000'000'000;
    for (const ReplicaNote& replica : note.replicas) {
        header.replicas.push_back(replica.store);
    }
    return header;
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(storage_catalog, DeliverFixture)

BOOST_AUTO_TEST_CASE(a_note_says_what_the_header_says) {
    const SegmentHeader header = header_of(segment);
    const SegmentNote note = note_of(header, kFirstFrame);
    BOOST_REQUIRE(note_segments(admin(), std::vector{note}));
    BOOST_TEST(
        value("SELECT writer || ' ' || boot_epoch || ' ' || generation || ' ' || first_frame "
              "|| ' ' || catalogued_to || ' ' || min_copies || ' ' || state "
              "FROM catalog.segment") == "a 3 1 512 512 2 open");
    BOOST_TEST(value("SELECT opened_at = '2026-11-18T11:06:40Z' FROM catalog.segment") == "t");
    BOOST_TEST(value("SELECT count(*) FROM catalog.segment_replica WHERE state = 'active'") == "2");
    BOOST_TEST(note_segments(admin(), {}).operator bool());
}

BOOST_AUTO_TEST_CASE(states_only_move_on) {
    SegmentNote note = segment;
    note.state = SegmentState::Sealed;
    note.length = 2'000;
    BOOST_REQUIRE(note_segments(admin(), std::vector{note}));
    BOOST_REQUIRE(note_segments(admin(), std::vector{segment}));  // open: old news
    BOOST_TEST(value("SELECT state || ' ' || length FROM catalog.segment") == "sealed 2000");
    BOOST_TEST(value("SELECT sealed_at IS NOT NULL FROM catalog.segment") == "t");
    note.replicas[0].state = ReplicaState::Behind;
    note.replicas[0].reason = "with \"quotes\" and \\";
    BOOST_REQUIRE(note_segments(admin(), std::vector{note}));
    BOOST_REQUIRE(note_segments(admin(), std::vector{segment}));
    BOOST_TEST(value("SELECT reason FROM catalog.segment_replica WHERE state = 'behind'") ==
               note.replicas[0].reason);
}

BOOST_AUTO_TEST_CASE(places_have_the_good_copies_first_and_the_lost_ones_not) {
    sql("INSERT INTO directory.storage_server (name, failure_domain) VALUES ('s3', 'h3')");
    segment = new_segment();
    const auto one = message(0, {to(ann)});
    deliver(batch({one}));
    const auto store_of = [&](const char* name) {
        return StorageServerId::parse(
                   value("SELECT store_id FROM directory.storage_server WHERE name = $1", {name}))
            .value();
    };
    sql("UPDATE catalog.segment_replica r SET state = 'lost' FROM directory.storage_server s "
        "WHERE s.id = r.storage_server_id AND s.name = 's2'");
    BOOST_REQUIRE(suspect_replica(admin(), segment.id, store_of("s1"), "bad CRC"));
    const auto places = locate(
        admin(), std::vector{one.id, mail::MessageId::from_bytes(base::Uuid::random().bytes())});
    BOOST_REQUIRE(places);
    BOOST_REQUIRE(places.value().size() == 1U);
    const MessagePlace& place = places.value()[0];
    BOOST_CHECK(place.location == one.location);
    BOOST_REQUIRE(place.replicas.size() == 2U);
    BOOST_CHECK(place.replicas[0].store == store_of("s3"));
    BOOST_CHECK(place.replicas[1].state == ReplicaState::Suspect);
    BOOST_TEST(value("SELECT reason FROM catalog.segment_replica WHERE state = 'suspect'") ==
               "bad CRC");
}

BOOST_AUTO_TEST_CASE(a_copy_that_ends_before_a_frame_cannot_hold_it) {
    ReplicaPlace place;
    const FrameLocation frame{segment.id, 1'000, 100};
    BOOST_TEST(place.may_hold(frame));  // active: its length is not known
    place.state = ReplicaState::Behind;
    place.durable_length = 1'099;
    BOOST_TEST(!place.may_hold(frame));
    place.durable_length = 1'100;
    BOOST_TEST(place.may_hold(frame));
}

BOOST_AUTO_TEST_CASE(events_are_raised_with_their_severity) {
    BOOST_REQUIRE(raise_event(admin(), {Severity::Alarm, "degraded", "a", "one copy"}));
    BOOST_REQUIRE(raise_event(admin(), {Severity::Warning, "w", "a", "x"}));
    BOOST_REQUIRE(raise_event(admin(), {Severity::Info, "i", "a", "y"}));
    BOOST_TEST(
        value("SELECT string_agg(severity || ' ' || kind || ' ' || subject, ', ' ORDER BY id) "
              "FROM directory.event") == "alarm degraded one copy, warning w x, info i y");
}

BOOST_AUTO_TEST_CASE(agents_may_do_what_they_need_to) {
    deliver(batch({message(0, {to(ann)})}));
    for (const char* role : {"roundtable_mtad", "roundtable_accessd", "roundtable_trackerd"}) {
        const auto connection = open(role);
        BOOST_TEST_CONTEXT(role) {
            BOOST_TEST(note_segments(*connection, std::vector{segment}).operator bool());
            BOOST_TEST(locate(*connection, std::vector{new_id()}).operator bool());
            BOOST_TEST(suspect_replica(*connection, segment.id, segment.replicas[0].store, "x")
                           .
                           operator bool());
            BOOST_TEST(raise_event(*connection, {Severity::Info, "i", "a", "y"}).operator bool());
        }
    }
}

BOOST_AUTO_TEST_SUITE_END()
