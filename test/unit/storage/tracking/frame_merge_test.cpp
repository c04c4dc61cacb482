#include "storage/tracking/frame_merge.h"

#include <boost/test/unit_test.hpp>

#include "test/unit/storage/segment/segment_fixture.h"

using namespace storage;
using storage_test::message_id;

namespace {

constexpr std::uint64_t kFirst = 128;
constexpr std::uint64_t kLater = UINT64_MAX;  // no message is younger

ScannedFrame frame(std::uint64_t number, FrameType type = FrameType::Message) {
    ScannedFrame made;
    made.entry = {type,
                  mail::Kind::Email,
                  kFirst + number * 100,
                  100,
                  message_id(static_cast<std::uint8_t>(number))};
    return made;
}

ScannedFrame abort_of(std::uint64_t number, std::uint8_t cancelled) {
    ScannedFrame made = frame(number, FrameType::Abort);
    made.abort = AbortTarget{message_id(cancelled), {}, 0};
    return made;
}

CopyScan scan(std::vector<ScannedFrame> frames) {
    CopyScan made;
    made.first_frame = kFirst;
    made.frames = std::move(frames);
    return made;
}

Seal seal_of(const std::vector<ScannedFrame>& frames, std::uint64_t data_size) {
    Seal seal;
    seal.data_size = data_size;
    seal.file_size = data_size + 200;
    for (const ScannedFrame& each : frames) {
        seal.index.push_back(each.entry);
    }
    return seal;
}

std::string text(const std::vector<FrameMerge::Step>& steps) {
    std::string all;
    for (const FrameMerge::Step& step : steps) {
        all += std::to_string((step.from - kFirst) / 100) + (step.message != nullptr ? "m" : "-") +
               (step.contiguous ? " " : "? ");
    }
    return all;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(storage_frame_merge)

BOOST_AUTO_TEST_CASE(a_frame_is_taken_if_any_copy_has_it) {
    FrameMerge merge(kFirst);
    merge.add(scan({frame(0), frame(2)}));
    BOOST_TEST(text(merge.steps(kLater, FrameMerge::SealStep::Yes)) == "0m 2m? ");
    merge.add(scan({frame(1), frame(2), frame(3)}));
    BOOST_TEST(text(merge.steps(kLater, FrameMerge::SealStep::Yes)) == "0m 1m 2m 3m ");
    BOOST_TEST(merge.end() == kFirst + 400);
    BOOST_TEST(merge.size() == 4U);
}

BOOST_AUTO_TEST_CASE(an_aborted_message_is_a_step_without_one_wherever_its_abort_is) {
    FrameMerge merge(kFirst);
    merge.add(scan({frame(0), frame(1)}));
    merge.add(scan({frame(0), frame(1), abort_of(2, 0), abort_of(3, 77)}));
    BOOST_TEST(text(merge.steps(kLater, FrameMerge::SealStep::Yes)) == "0- 1m 2- 3- ");
    BOOST_CHECK((merge.aborted() == std::vector{message_id(0), message_id(77)}));
}

BOOST_AUTO_TEST_CASE(a_young_message_and_all_behind_it_are_left_to_their_agent) {
    FrameMerge merge(kFirst);
    ScannedFrame young = frame(1);
    young.entry.id = mail::MessageId::from_bytes(base::Uuid::time_ordered().bytes());
    merge.add(scan({frame(0), young, frame(2)}));
    BOOST_TEST(text(merge.steps(young.entry.id.unix_ms(), FrameMerge::SealStep::Yes)) == "0m ");
    BOOST_TEST(text(merge.steps(young.entry.id.unix_ms() + 1, FrameMerge::SealStep::Yes)) ==
               "0m 1m 2m ");
}

BOOST_AUTO_TEST_CASE(the_seal_is_the_last_step_when_nothing_is_missing_before_it) {
    FrameMerge merge(kFirst);
    CopyScan first = scan({frame(0), frame(2)});
    first.seal = seal_of({frame(0), frame(1), frame(2)}, kFirst + 300);
    merge.add(first);
    BOOST_TEST(!merge.is_whole());
    BOOST_TEST(text(merge.steps(kLater, FrameMerge::SealStep::Yes)) == "0m 2m? ");
    merge.add(scan({frame(1)}));
    BOOST_TEST(merge.is_whole());
    BOOST_TEST(text(merge.steps(kLater, FrameMerge::SealStep::Yes)) == "0m 1m 2m 3- ");
    BOOST_TEST(merge.steps(kLater, FrameMerge::SealStep::Yes).back().to == kFirst + 500);
}

BOOST_AUTO_TEST_CASE(a_place_that_the_seal_leaves_out_is_no_gap) {
    FrameMerge merge(kFirst);
    CopyScan only = scan({frame(0), frame(2)});
    only.seal = seal_of({frame(0), frame(2)}, kFirst + 300);
    merge.add(only);
    BOOST_TEST(merge.is_whole());
    BOOST_TEST(text(merge.steps(kLater, FrameMerge::SealStep::Yes)) == "0m 2m 3- ");
}

BOOST_AUTO_TEST_CASE(what_lies_before_the_mark_is_not_missed) {
    FrameMerge merge(kFirst + 200);
    CopyScan only = scan({frame(2)});
    only.seal = seal_of({frame(0), frame(1), frame(2)}, kFirst + 300);
    merge.add(only);
    BOOST_TEST(merge.is_whole());
    BOOST_TEST(text(merge.steps(kLater, FrameMerge::SealStep::Yes)) == "2m 3- ");
}

BOOST_AUTO_TEST_CASE(an_empty_segment_has_its_seal_alone) {
    FrameMerge merge(kFirst);
    BOOST_TEST(!merge.is_whole());
    BOOST_TEST(merge.steps(kLater, FrameMerge::SealStep::Yes).empty());
    CopyScan only = scan({});
    only.seal = seal_of({}, kFirst);
    merge.add(only);
    BOOST_TEST(merge.is_whole());
    BOOST_TEST(text(merge.steps(kLater, FrameMerge::SealStep::Yes)) == "0- ");
}

BOOST_AUTO_TEST_SUITE_END()
