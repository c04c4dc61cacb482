#include "storage/mirror/agent_state.h"

#include <boost/test/unit_test.hpp>

#include "test/unit/storage/path/loop_fixture.h"

using namespace storage;
using namespace storage_test;

namespace {

SegmentId segment(std::uint8_t number) {
    return SegmentId(uuid_of(1, number));
}

void record_open(AgentState& state, const SegmentId& id) {
    base::Completion<base::Done> done;
    state.record_open(id, [done](base::Status status) { done.fulfil(std::move(status)); });
    BOOST_REQUIRE(done.await(in(5'000)));
}

using Ids = std::vector<SegmentId>;

}  // namespace

BOOST_AUTO_TEST_SUITE(storage_agent_state)

BOOST_AUTO_TEST_CASE(the_epoch_grows_and_open_segments_are_handed_on) {
    const TempDir dir;
    {
        const auto state = AgentState::open(dir.path()).take_value();
        BOOST_TEST(state->boot_epoch() == 1U);
        BOOST_TEST(state->unsealed().empty());
        record_open(*state, segment(1));
        record_open(*state, segment(2));
        record_open(*state, segment(3));
        state->record_done(segment(2));
        BOOST_TEST(state->unsealed().empty());  // what is open now is nobody's to recover
        state->record_unsealed(segment(3));
        state->record_unsealed(segment(3));
        BOOST_CHECK(state->unsealed() == Ids{segment(3)});
        state->flush(in(5'000));
    }
    {
        const auto state = AgentState::open(dir.path()).take_value();
        BOOST_TEST(state->boot_epoch() == 2U);
        BOOST_CHECK((state->unsealed() == Ids{segment(1), segment(3)}));
        state->record_done(segment(1));
        BOOST_CHECK(state->unsealed() == Ids{segment(3)});
        state->flush(in(5'000));
    }
    const auto state = AgentState::open(dir.path()).take_value();
    BOOST_TEST(state->boot_epoch() == 3U);
    BOOST_CHECK(state->unsealed() == Ids{segment(3)});
}

BOOST_AUTO_TEST_CASE(only_one_agent_holds_a_directory) {
    const TempDir dir;
    const auto first = AgentState::open(dir.path());
    BOOST_REQUIRE(first);
    BOOST_CHECK(AgentState::open(dir.path()).error().code == base::Errc::Busy);
}

BOOST_AUTO_TEST_CASE(a_torn_or_foreign_line_is_ignored) {
    const TempDir dir;
    (void)AgentState::open(dir.path());
    std::ofstream(dir / "segments-agent/journal", std::ios::app)
        << "open " << segment(1).text() << "\n"
        << "open 0123\nnonsense\n"
        << "open " << segment(2).text();  // no newline
    const auto state = AgentState::open(dir.path()).take_value();
    BOOST_CHECK(state->unsealed() == Ids{segment(1)});
    record_open(*state, segment(4));
    BOOST_TEST(file_text(dir / "segments-agent/journal") ==
               "open " + segment(1).text() + "\nopen " + segment(4).text() + "\n");
}

BOOST_AUTO_TEST_CASE(an_epoch_is_never_guessed) {
    for (const char* text : {"", "x\n", "12", "12x\n", "-1\n"}) {
        const TempDir dir;
        (void)AgentState::open(dir.path());
        std::ofstream(dir / "segments-agent/boot-epoch") << text;
        BOOST_CHECK(AgentState::open(dir.path()).error().code == base::Errc::Corrupt);
    }
}

BOOST_AUTO_TEST_SUITE_END()
