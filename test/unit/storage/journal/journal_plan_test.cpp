#include "storage/journal/journal_plan.h"

#include <boost/test/unit_test.hpp>

#include "test/unit/storage/segment/segment_fixture.h"

using namespace storage;

namespace {

SegmentId segment_id(std::uint8_t number) {
    return SegmentId(storage_test::uuid_of(1, number));
}

struct Part {
    std::uint64_t part;
    std::uint64_t sequence;
    JournalEnd end = JournalEnd::No;
};

JournalContents contents(std::uint8_t number,
                         JournalKind kind,
                         std::uint64_t round,
                         const std::vector<Part>& parts,
                         std::uint64_t after = 0) {
    JournalContents made;
    made.segment = segment_id(number);
    for (const Part& part : parts) {
        JournalHead head;
        head.kind = kind;
        head.round = round;
        head.part = part.part;
        head.end = part.end;
        head.sequence = part.sequence;
        head.after = after;
        head.at_us = static_cast<std::int64_t>(round) * 1'000;
        made.heads.push_back(head);
    }
    return made;
}

JournalContents delta(std::uint8_t number, std::uint64_t round) {
    return contents(
        number, JournalKind::Delta, round, {{1, round}, {2, round + 1, JournalEnd::Yes}});
}

using Ids = std::vector<SegmentId>;

}  // namespace

BOOST_AUTO_TEST_SUITE(storage_journal_plan)

BOOST_AUTO_TEST_CASE(without_a_checkpoint_all_deltas_are_replayed_in_order) {
    const JournalPlan plan = plan_replay({delta(1, 30), delta(2, 10), delta(3, 20)});
    BOOST_TEST(plan.checkpoint == 0U);
    BOOST_CHECK((plan.segments == Ids{segment_id(2), segment_id(3), segment_id(1)}));
    BOOST_TEST(plan.at_us == 30'000);
    BOOST_TEST(plan_replay({}).segments.empty());
}

BOOST_AUTO_TEST_CASE(the_newest_complete_checkpoint_replaces_what_was_before_it_began) {
    // It began after the delta of 10 (sequences 10, 11) and ended after that of 20.
    const auto old = contents(1, JournalKind::Checkpoint, 5, {{1, 5}, {2, 6, JournalEnd::Yes}}, 0);
    const auto first = contents(4, JournalKind::Checkpoint, 12, {{1, 12}, {2, 13}}, 11);
    const auto second = contents(5, JournalKind::Checkpoint, 12, {{3, 25, JournalEnd::Yes}}, 11);
    const JournalPlan plan =
        plan_replay({second, delta(3, 20), old, delta(2, 10), first, delta(6, 30)});
    BOOST_TEST(plan.checkpoint == 12U);
    BOOST_CHECK((plan.segments == Ids{segment_id(4), segment_id(5), segment_id(3), segment_id(6)}));
    BOOST_TEST(plan.incomplete == 0U);
}

BOOST_AUTO_TEST_CASE(a_round_without_its_end_or_with_a_hole_does_not_count) {
    const auto old = contents(1, JournalKind::Checkpoint, 5, {{1, 5}, {2, 6, JournalEnd::Yes}}, 0);
    const auto open = contents(2, JournalKind::Checkpoint, 12, {{1, 12}, {2, 13}}, 11);
    const auto holed = contents(3, JournalKind::Delta, 20, {{1, 20}, {3, 22, JournalEnd::Yes}});
    const JournalPlan plan = plan_replay({old, open, holed, delta(4, 10)});
    BOOST_TEST(plan.checkpoint == 5U);
    BOOST_CHECK((plan.segments == Ids{segment_id(1), segment_id(4)}));
    BOOST_TEST(plan.incomplete == 2U);
}

BOOST_AUTO_TEST_SUITE_END()
