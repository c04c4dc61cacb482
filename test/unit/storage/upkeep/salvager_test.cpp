#include "storage/upkeep/salvager.h"

#include <boost/test/unit_test.hpp>

#include "storage/journal/journal_frame.h"
#include "test/unit/storage/upkeep/upkeep_fixture.h"

using namespace storage;
using namespace storage_test;

namespace {

class SalvageFixture : public UpkeepFixture {
  public:
    SalvageFixture() { options.tracker = "t"; }

    // Its three messages are delivered to ann.
    SealedSegment delivered() {
        SealedSegment segment = publish({1}, {});
        DeliveryBatch batch;
        batch.committer = "mail a";
        for (std::size_t n = 0; n < 3; ++n) {
            Delivery delivery;
            delivery.id = segment.seal.index[n].id;
            delivery.acknowledged = Acknowledged::Yes;
            delivery.location = {
                segment.id, segment.seal.index[n].offset, segment.seal.index[n].length};
            delivery.message_size = 9;
            delivery.received_us = 1;
            delivery.server = "a";
            delivery.recipients = {to(ann)};
            batch.deliveries.push_back(delivery);
        }
        const auto done = deliver(admin(), batch);
        BOOST_REQUIRE_MESSAGE(done, why(done));
        return segment;
    }

    // The one whole copy is lost; on store 2 it ends before that frame. Repair was tried.
    void lose_whole_copy(const SealedSegment& segment, std::size_t ends_before) {
        std::filesystem::remove(path_of(segment, 1));
        const auto end = static_cast<std::ptrdiff_t>(ends_before < segment.seal.index.size()
                                                         ? segment.seal.index[ends_before].offset
                                                         : segment.seal.data_size);
        put(2, segment.id, {segment.bytes.begin(), segment.bytes.begin() + end});
        give_up(segment);
    }

    void give_up(const SealedSegment& segment) {
        sql("UPDATE catalog.segment_replica SET state = 'lost' WHERE segment_id = $1",
            {segment.id.uuid()});
        tell_sealed(segment, {}, {1, 2});
        sql("UPDATE catalog.copy_owed SET attempts = 1");
    }

    void salvage(std::size_t expected) {
        with([&](Tools& tools) {
            Salvager salvager(tools.servers.set, pool, tools.workers, options);
            const auto done = salvager.run_once();
            BOOST_REQUIRE_MESSAGE(done, why(done));
            BOOST_TEST(done.value() == expected);
            counters = salvager.counters();
        });
    }

    std::string owed_of_live_segments() {
        return value(
            "SELECT count(*) FROM catalog.copy_owed o "
            "JOIN catalog.segment s ON s.id = o.segment_id AND s.superseded_at IS NULL");
    }

    std::string superseded(const SealedSegment& segment) {
        return value("SELECT superseded_at IS NOT NULL FROM catalog.segment WHERE id = $1",
                     {segment.id.uuid()});
    }

    SalvageOptions options;
    SalvageCounters counters;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(storage_salvager, SalvageFixture)

BOOST_AUTO_TEST_CASE(messages_move_out_of_a_segment_that_no_copy_holds_whole) {
    const SealedSegment segment = delivered();
    lose_whole_copy(segment, 3);  // all messages are there, the seal is not
    salvage(1);
    BOOST_TEST(counters.segments == 1U);
    BOOST_TEST(counters.messages == 3U);
    BOOST_TEST(superseded(segment) == "t");
    BOOST_TEST(owed_of_live_segments() == "0");
    BOOST_TEST(value("SELECT count(*) FROM catalog.message m JOIN catalog.segment_replica r "
                     "ON r.segment_id = m.segment_id AND r.state = 'active'") == "6");
    salvage(0);
}

BOOST_AUTO_TEST_CASE(a_message_that_no_copy_holds_stays_with_an_alarm_and_the_others_move) {
    const SealedSegment segment = delivered();
    lose_whole_copy(segment, 2);
    salvage(1);
    BOOST_TEST(counters.messages == 2U);
    BOOST_TEST(counters.lost == 1U);
    BOOST_TEST(superseded(segment) == "f");
    BOOST_TEST(value("SELECT count(*) FROM catalog.message WHERE segment_id = $1",
                     {segment.id.uuid()}) == "1");
    BOOST_TEST(value("SELECT count(*) FROM directory.event WHERE kind = 'messages_lost'") == "1");
    salvage(0);  // not again at once
}

BOOST_AUTO_TEST_CASE(nothing_moves_while_a_copy_may_turn_up) {
    const SealedSegment segment = delivered();
    lose_whole_copy(segment, 2);
    std::filesystem::rename(stores.root(3) + "/roundtable-store", stores.root(3) + "/away");
    run_in_fiber([&](base::Loop& loop) {
        Servers servers(loop, stores, 1);
        servers.set.apply(stores.configs);
        BOOST_REQUIRE(
            eventually([&] { return servers.set.find(store_id(2))->health().is_healthy(); }));
        base::WorkerPool workers("test", 1, 16);
        Salvager salvager(servers.set, pool, workers, options);
        BOOST_TEST(salvager.run_once().value() == 1U);
        BOOST_TEST(salvager.counters().messages == 0U);
    });
    std::filesystem::rename(stores.root(3) + "/away", stores.root(3) + "/roundtable-store");
    BOOST_TEST(superseded(segment) == "f");
}

BOOST_AUTO_TEST_CASE(nothing_moves_before_all_messages_are_catalogued) {
    const SealedSegment segment = publish({1}, {});
    lose_whole_copy(segment, 3);
    salvage(1);
    BOOST_TEST(superseded(segment) == "f");
    BOOST_TEST(owed_count() == "2");
}

BOOST_AUTO_TEST_CASE(what_cannot_be_read_at_all_stays_unless_it_was_catalogued_to_its_end) {
    const SealedSegment segment = publish({1}, {});
    put(1, segment.id, Bytes(500, std::byte{1}));
    give_up(segment);
    sql("UPDATE catalog.segment SET catalogued_to = first_frame");
    salvage(1);
    BOOST_TEST(superseded(segment) == "f");
    sql("UPDATE catalog.segment SET catalogued_to = length, upkeep_until = NULL");
    salvage(1);
    BOOST_TEST(superseded(segment) == "t");
}

BOOST_AUTO_TEST_CASE(a_segment_with_a_good_copy_or_untried_repair_is_left_alone) {
    const SealedSegment good = publish({1}, {2});
    sql("UPDATE catalog.copy_owed SET attempts = 5");
    const SealedSegment untried = publish({1}, {});
    give_up(untried);
    sql("UPDATE catalog.copy_owed SET attempts = 0 WHERE segment_id = $1", {untried.id.uuid()});
    salvage(0);
    BOOST_TEST(superseded(good) == "f");
}

BOOST_AUTO_TEST_CASE(a_lost_journal_segment_is_given_up_and_a_checkpoint_asked_for) {
    const SealedSegment counted = publish({}, {1}, std::string(kJournalWriter));
    const SealedSegment orphan = publish({}, {2}, std::string(kJournalWriter));
    sql("UPDATE catalog.copy_owed SET attempts = 1");
    sql("INSERT INTO catalog.journal_state (id, last_sequence, checkpoint, caught_up_at) "
        "VALUES (1, 9, 9, now()) ON CONFLICT (id) DO UPDATE SET checkpoint = 9");
    sql("INSERT INTO catalog.journal_segment (segment_id, first_sequence, last_sequence, "
        "checkpoint) VALUES ($1, 9, 9, 9)",
        {counted.id.uuid()});
    salvage(2);
    BOOST_TEST(superseded(counted) == "t");
    BOOST_TEST(superseded(orphan) == "t");
    BOOST_TEST(owed_count() == "0");
    BOOST_TEST(value("SELECT checkpoint FROM catalog.journal_state") == "0");
    BOOST_TEST(value("SELECT count(*) FROM catalog.journal_segment") == "0");
}

BOOST_AUTO_TEST_SUITE_END()
