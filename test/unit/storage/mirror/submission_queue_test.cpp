#include "storage/mirror/submission_queue.h"

#include <boost/test/unit_test.hpp>

#include "test/unit/storage/path/loop_fixture.h"

using namespace storage;
using namespace storage_test;

namespace {

PendingFrame frame_of(std::uint8_t number, std::size_t size) {
    PendingFrame pending;
    pending.content = make_frame(number, std::string(size, 'x'));
    return pending;
}

std::uint8_t number_of(const PendingFrame& frame) {
    return std::to_integer<std::uint8_t>(std::get<FrameInput>(frame.content).id.bytes()[15]);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(storage_submission_queue)

BOOST_AUTO_TEST_CASE(first_in_first_out_within_the_bounds_of_a_batch) {
    SubmissionQueue queue(100, 1U << 20U);
    BOOST_CHECK(queue.put(frame_of(1, 100)).value() == SubmissionQueue::Put::First);
    for (std::uint8_t i = 2; i <= 6; ++i) {
        BOOST_CHECK(queue.put(frame_of(i, 100)).value() == SubmissionQueue::Put::Behind);
    }
    auto batch = queue.take(4, 1U << 20U);
    BOOST_REQUIRE(batch.size() == 4U);
    BOOST_TEST(number_of(batch[0]) == 1);
    BOOST_TEST(number_of(batch[3]) == 4);
    batch = queue.take(4, 1);  // one at least
    BOOST_REQUIRE(batch.size() == 1U);
    BOOST_TEST(number_of(batch[0]) == 5);
    BOOST_TEST(queue.take(4, 1U << 20U).size() == 1U);
    BOOST_TEST(queue.take(4, 1U << 20U).empty());
    BOOST_TEST(queue.size().bytes == 0U);
}

BOOST_AUTO_TEST_CASE(what_does_not_fit_stays_with_the_caller) {
    SubmissionQueue queue(2, 10'000);
    BOOST_REQUIRE(queue.put(frame_of(1, 50'000)));  // one, however large
    PendingFrame second = frame_of(2, 10);
    BOOST_CHECK(queue.put(std::move(second)).error().code == base::Errc::Busy);
    BOOST_TEST(number_of(second) == 2);
    BOOST_TEST(queue.take(1, 1).size() == 1U);
    BOOST_REQUIRE(queue.put(std::move(second)));
    BOOST_REQUIRE(queue.put(frame_of(3, 10)));
    BOOST_CHECK(queue.put(frame_of(4, 10)).error().code == base::Errc::Busy);  // two frames
    queue.close();
    BOOST_CHECK(queue.put(frame_of(5, 10)).error().code == base::Errc::Cancelled);
    BOOST_TEST(queue.take(9, 1'000'000).size() == 2U);
}

BOOST_AUTO_TEST_CASE(answers_come_on_the_loop_of_the_one_who_asked) {
    run_in_fiber([](base::Loop& loop) {
        bool answered = false;
        PendingFrame frame = frame_of(1, 1);
        frame.reply_to = loop.poster();
        frame.on_done = [&](const base::Result<Stored>& result) {
            answered = code_of(result) == base::Errc::Busy;
        };
        frame.answer(base::Error{base::Errc::Busy, ""});
        BOOST_TEST(!answered);
        BOOST_TEST(eventually([&] { return answered; }));
    });
}

BOOST_AUTO_TEST_SUITE_END()
