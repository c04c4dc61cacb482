#include "storage/tracking/segment_ledger.h"

#include <boost/test/unit_test.hpp>

#include "test/unit/storage/segment/segment_fixture.h"

using namespace storage;
using storage_test::make_header;
using storage_test::uuid_of;

namespace {

constexpr std::uint64_t kFirst = 128;

StorageServerId store(std::uint8_t number) {
    return StorageServerId(uuid_of(3, number));
}

std::shared_ptr<const SegmentHeader> header(std::uint8_t number = 1) {
    return std::make_shared<const SegmentHeader>(make_header(7, number));
}

FrameLocation at(std::uint64_t n, std::uint8_t segment = 1) {
    return {SegmentId(uuid_of(1, segment)), kFirst + n * 100, 100};
}

Stored stored(std::uint64_t n, std::uint8_t segment = 1) {
    Stored made;
    made.location = at(n, segment);
    made.segment = header(segment);
    made.durable = {store(1), store(2)};
    return made;
}

SegmentClosed closed(std::uint64_t frames, std::uint32_t generation = 1) {
    SegmentClosed made;
    made.generation = generation;
    made.segment = header();
    made.sealed = true;
    made.seal.data_size = kFirst + frames * 100;
    made.seal.file_size = made.seal.data_size + 200;
    for (const std::uint8_t number : std::vector<std::uint8_t>{1, 2}) {
        made.replicas.push_back(
            {store(number), ReplicaEnd::Sealed, made.seal.file_size, "", generation});
    }
    return made;
}

// One statement that succeeds with all its frames.
SegmentLedger::Plan told(SegmentLedger& ledger, const std::vector<FrameLocation>& frames) {
    SegmentLedger::Plan plan = ledger.plan(frames);
    ledger.settle(plan, frames);
    return plan;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(storage_segment_ledger)

BOOST_AUTO_TEST_CASE(a_segment_is_told_with_its_first_message_and_once) {
    SegmentLedger ledger;
    ledger.note_stored(stored(0), kFirst);
    BOOST_TEST(!ledger.is_due());  // not without a message
    const auto first = told(ledger, {at(0)});
    BOOST_REQUIRE(first.segments.size() == 1U);
    BOOST_TEST(first.segments[0].first_frame == kFirst);
    BOOST_TEST(first.segments[0].writer == "mx1");
    BOOST_CHECK(
        (first.covered == std::vector<CoveredStretch>{{at(0).segment, kFirst, kFirst + 100}}));
    ledger.note_stored(stored(1), kFirst);
    const auto second = told(ledger, {at(1)});
    BOOST_TEST(second.segments.empty());
    BOOST_TEST(second.covered[0].from == kFirst + 100);
}

BOOST_AUTO_TEST_CASE(a_statement_that_failed_is_said_again) {
    SegmentLedger ledger;
    ledger.note_stored(stored(0), kFirst);
    const std::vector<FrameLocation> frames{at(0)};
    (void)ledger.plan(frames);
    const auto again = ledger.plan(frames);
    BOOST_TEST(again.segments.size() == 1U);
    BOOST_TEST(again.covered.size() == 1U);
}

BOOST_AUTO_TEST_CASE(the_mark_stays_before_a_refused_frame_until_its_abort) {
    SegmentLedger ledger;
    const std::vector<FrameLocation> frames{at(0), at(1), at(2)};
    ledger.note_stored(stored(0), kFirst);
    const auto plan = ledger.plan(frames);
    BOOST_TEST(plan.covered[0].to == kFirst + 300);  // the statement itself stops before it
    ledger.settle(plan, std::vector{at(0), at(2)});
    BOOST_TEST(!ledger.is_due());
    const auto next = ledger.plan(std::vector{at(3)});
    BOOST_TEST(next.covered.empty());
    ledger.settle(next, std::vector{at(3)});
    // The abort frame lies at 4.
    const auto abort = told(ledger, {at(1), at(4)});
    BOOST_CHECK((abort.covered ==
                 std::vector<CoveredStretch>{{at(0).segment, kFirst + 100, kFirst + 500}}));
}

BOOST_AUTO_TEST_CASE(a_seal_is_told_without_a_message_and_covers_itself) {
    SegmentLedger ledger;
    ledger.note_stored(stored(0), kFirst);
    (void)told(ledger, {at(0)});
    ledger.note_closed(closed(1), kFirst);
    BOOST_TEST(ledger.is_due());
    const auto plan = told(ledger, {});
    BOOST_REQUIRE(plan.segments.size() == 1U);
    BOOST_CHECK(plan.segments[0].state == SegmentState::Sealed);
    BOOST_TEST(plan.segments[0].length == kFirst + 300);
    BOOST_TEST(plan.covered[0].to == kFirst + 300);
    BOOST_TEST(!ledger.is_due());
}

BOOST_AUTO_TEST_CASE(each_copy_is_told_with_the_generation_of_its_file) {
    SegmentLedger ledger;
    SegmentClosed recovered = closed(1, 2);
    recovered.replicas[0].generation = 1;  // it had its seal already; the other was written anew
    ledger.note_closed(recovered, kFirst);
    const auto plan = told(ledger, {});
    BOOST_REQUIRE(plan.segments[0].replicas.size() == 2U);
    BOOST_TEST(plan.segments[0].generation == 2U);
    BOOST_TEST(plan.segments[0].replicas[0].generation == 1U);
    BOOST_TEST(plan.segments[0].replicas[1].generation == 2U);
}

BOOST_AUTO_TEST_CASE(owed_copies_are_told_with_their_reason) {
    SegmentLedger ledger;
    Stored short_one = stored(0);
    short_one.owed = {{store(2), OwedReason::Unhealthy, "no identity"},
                      {store(3), OwedReason::Late, ""}};
    ledger.note_stored(short_one, kFirst);
    const auto plan = told(ledger, {at(0)});
    BOOST_REQUIRE(plan.segments[0].owed.size() == 2U);
    BOOST_TEST(plan.segments[0].owed[0].reason == "unhealthy: no identity");
    BOOST_TEST(plan.segments[0].owed[1].reason == "late");
}

BOOST_AUTO_TEST_CASE(a_replica_left_behind_is_owed) {
    SegmentLedger ledger;
    SegmentClosed one_behind = closed(1);
    one_behind.replicas[1] = {store(2), ReplicaEnd::Behind, kFirst, "disk full"};
    ledger.note_closed(one_behind, kFirst);
    const auto plan = told(ledger, {});
    BOOST_CHECK(plan.segments[0].replicas[1].state == ReplicaState::Behind);
    BOOST_TEST(plan.segments[0].replicas[1].durable_length == kFirst);
    BOOST_REQUIRE(plan.segments[0].owed.size() == 1U);
    BOOST_TEST(plan.segments[0].owed[0].reason == "behind: disk full");
}

BOOST_AUTO_TEST_CASE(what_recovery_may_still_seal_is_not_owed) {
    SegmentLedger ledger;
    SegmentClosed given_up = closed(1);
    given_up.sealed = false;
    for (ReplicaOutcome& replica : given_up.replicas) {
        replica.end = ReplicaEnd::Behind;
        replica.detail = "paused";
    }
    ledger.note_closed(given_up, kFirst);
    const auto open = told(ledger, {});
    BOOST_CHECK(open.segments[0].state == SegmentState::Open);
    BOOST_TEST(open.segments[0].owed.empty());
    // Each attempt of recovery says it again: it is told once, as it was last.
    SegmentClosed half = closed(1, 2);
    half.replicas[1] = {store(2), ReplicaEnd::Behind, 0, "away"};
    for (int n = 0; n < 3; ++n) {
        ledger.note_closed(half, kFirst);
    }
    const auto partly = told(ledger, {});
    BOOST_TEST(partly.segments[0].owed.size() == 1U);
    SegmentClosed whole = closed(1, 2);
    ledger.note_closed(whole, kFirst);
    const auto all = told(ledger, {});
    BOOST_TEST(all.segments[0].owed.empty());
    BOOST_TEST(all.segments[0].replicas[0].generation == 2U);
    BOOST_CHECK(all.segments[0].replicas[1].state == ReplicaState::Active);
}

BOOST_AUTO_TEST_CASE(a_restored_catalog_is_told_everything_again) {
    SegmentLedger ledger;
    ledger.note_stored(stored(0), kFirst);
    (void)told(ledger, {at(0)});
    ledger.forget_told();
    const auto plan = ledger.plan(std::vector{at(1)});
    BOOST_TEST(plan.segments.size() == 1U);
}

BOOST_AUTO_TEST_CASE(segments_are_bounded_and_open_ones_stay_longest) {
    SegmentLedger ledger;
    ledger.note_stored(stored(0, 1), kFirst);
    ledger.note_closed(closed(1), kFirst);
    (void)told(ledger, {at(0)});
    for (std::uint8_t n = 2; n < 2 + SegmentLedger::kSegmentsMax; ++n) {
        ledger.note_stored(stored(0, n), kFirst);
    }
    // Number 1 was done with: its next note begins anew, those after it are still there.
    const auto plan = ledger.plan(std::vector{at(0, 1), at(0, 2)});
    BOOST_REQUIRE(plan.segments.size() == 1U);
    BOOST_CHECK(plan.segments[0].id == at(0, 2).segment);
}

BOOST_AUTO_TEST_SUITE_END()
