#include "storage/mirror/whole_segment.h"

#include <boost/test/unit_test.hpp>

#include "test/unit/storage/tracking/cluster_fixture.h"

using namespace storage;
using namespace storage_test;

namespace {

// Three servers, each with a failure domain of its own; the segment is that of server a.
struct Writing {
    explicit Writing(base::Loop& loop) : stores(3), servers(loop, stores), workers("test", 1, 4) {
        segment.writer = "a";
        segment.writer_id = MailServerId(uuid_of(2, 1));
        segment.table = {store_id(1), {store_id(2)}};
        for (std::uint8_t n = 1; n <= 3; ++n) {
            segment.frames.push_back(make_frame(n, "message " + std::to_string(n)));
        }
        segment.aborts = {{{message_id(9), SegmentId(uuid_of(1, 9)), 176}, 5, segment.writer_id}};
    }

    base::Result<WrittenSegment> write(int deadline_ms = 10'000) {
        return write_whole_segment(servers.set, workers, policy, segment, in(deadline_ms));
    }

    void lose(std::uint8_t store) {
        std::filesystem::remove(stores.root(store) + "/roundtable-store");
        BOOST_REQUIRE(
            eventually([&] { return !servers.set.find(store_id(store))->health().is_healthy(); }));
    }

    Bytes file(std::uint8_t store, const SegmentId& id) const {
        return file_bytes(stores.path_of(store, {id, 1}));
    }

    Stores stores;
    Servers servers;
    base::WorkerPool workers;
    CopyPolicy policy{2, false};
    WholeSegment segment;
};

// A folder whose files cannot be made, although the server is healthy.
void block_today(const Stores& stores, std::uint8_t store) {
    std::ofstream(stores.root(store) + "/segments") << "in the way";
}

}  // namespace

BOOST_AUTO_TEST_SUITE(storage_whole_segment)

BOOST_AUTO_TEST_CASE(it_is_sealed_and_the_same_on_each_server_of_the_table) {
    run_in_fiber([](base::Loop& loop) {
        Writing writing(loop);
        const auto written = writing.write();
        BOOST_REQUIRE(written);
        const WrittenSegment& segment = written.value();
        const SegmentId& id = segment.header->segment;
        const Bytes file = writing.file(1, id);
        BOOST_CHECK(file == writing.file(2, id));
        BOOST_TEST(writing.stores.files(3).empty());
        const auto seal = verify_sealed(file);
        BOOST_REQUIRE(seal);
        BOOST_CHECK(seal.value() == segment.seal);
        const auto found = replay(file);
        BOOST_REQUIRE(found);
        BOOST_CHECK(found.value().header.header == *segment.header);
        BOOST_TEST(segment.header->boot_epoch == 0U);
        BOOST_TEST(segment.header->writer == "a");
        BOOST_TEST(segment.first_frame == found.value().header.size);
        BOOST_CHECK((segment.durable == std::vector{store_id(1), store_id(2)}));
        BOOST_TEST(segment.owed.empty());
        BOOST_REQUIRE(segment.locations.size() == 4U);
        for (std::size_t n = 0; n < 3; ++n) {
            BOOST_TEST(message_at(writing.stores.path_of(2, {id, 1}), segment.locations[n]) ==
                       "message " + std::to_string(n + 1));
        }
        BOOST_REQUIRE(found.value().aborts.size() == 1U);
        BOOST_CHECK(found.value().aborts[0] == writing.segment.aborts[0].target);
        BOOST_TEST(found.value().frames[3].offset == segment.locations[3].offset);
    });
}

BOOST_AUTO_TEST_CASE(the_note_says_what_is_where_and_what_is_owed) {
    run_in_fiber([](base::Loop& loop) {
        Writing writing(loop);
        writing.lose(2);
        const auto written = writing.write();
        BOOST_REQUIRE(written);
        const SegmentNote& note = written.value().note;
        BOOST_CHECK((written.value().durable == std::vector{store_id(1), store_id(3)}));
        BOOST_CHECK(note.state == SegmentState::Sealed);
        BOOST_TEST(note.length == written.value().seal.file_size);
        BOOST_TEST(note.first_frame == written.value().first_frame);
        BOOST_REQUIRE(note.replicas.size() == 2U);
        BOOST_CHECK(note.replicas[1].store == store_id(3));
        BOOST_CHECK(note.replicas[1].state == ReplicaState::Active);
        BOOST_TEST(note.replicas[1].durable_length == note.length);
        BOOST_REQUIRE(note.owed.size() == 1U);
        BOOST_CHECK(note.owed[0].store == store_id(2));
        BOOST_TEST(note.owed[0].reason.starts_with("unhealthy"));
    });
}

BOOST_AUTO_TEST_CASE(another_server_takes_the_place_of_one_that_fails) {
    run_in_fiber([](base::Loop& loop) {
        Writing writing(loop);
        block_today(writing.stores, 2);
        const auto written = writing.write();
        BOOST_REQUIRE(written);
        BOOST_CHECK((written.value().durable == std::vector{store_id(1), store_id(3)}));
        BOOST_REQUIRE(written.value().owed.size() == 1U);
        BOOST_CHECK(written.value().owed[0].server == store_id(2));
        // A tracker may have told of the whole copy of the first attempt: it stays what it is.
        const auto files = writing.stores.files(1);
        BOOST_TEST(files.size() == 2U);
        for (const auto& [name, path] : files) {
            BOOST_TEST(verify_sealed(file_bytes(path)).operator bool());
        }
    });
}

BOOST_AUTO_TEST_CASE(a_failed_copy_that_is_not_needed_is_owed) {
    run_in_fiber([](base::Loop& loop) {
        Writing writing(loop);
        writing.segment.table.peers = {store_id(2), store_id(3)};
        block_today(writing.stores, 3);
        const auto written = writing.write();
        BOOST_REQUIRE(written);
        BOOST_TEST(written.value().durable.size() == 2U);
        BOOST_REQUIRE(written.value().note.owed.size() == 1U);
        BOOST_CHECK(written.value().note.owed[0].store == store_id(3));
        BOOST_TEST(written.value().note.owed[0].reason.starts_with("failed"));
    });
}

BOOST_AUTO_TEST_CASE(too_few_domains_are_unavailable_and_leave_whole_copies) {
    run_in_fiber([](base::Loop& loop) {
        Writing writing(loop);
        writing.lose(3);
        block_today(writing.stores, 2);
        const auto written = writing.write();
        BOOST_REQUIRE(!written);
        BOOST_CHECK(written.error().code == base::Errc::Unavailable);
        for (const auto& [name, path] : writing.stores.files(1)) {
            BOOST_TEST(verify_sealed(file_bytes(path)).operator bool());
        }
        writing.lose(2);
        const auto again = writing.write();
        BOOST_REQUIRE(!again);
        BOOST_CHECK(again.error().code == base::Errc::Unavailable);
    });
}

BOOST_AUTO_TEST_CASE(without_a_table_the_ring_decides) {
    run_in_fiber([](base::Loop& loop) {
        Writing writing(loop);
        writing.segment.writer = "/journal";
        writing.segment.writer_id = MailServerId();
        writing.segment.table = {};
        writing.segment.aborts.clear();
        writing.segment.frames.clear();
        FrameInput frame;
        frame.type = FrameType::Journal;
        frame.id = message_id(1);
        frame.message = "journal";
        writing.segment.frames.push_back(frame);
        writing.lose(1);
        const auto written = writing.write();
        BOOST_REQUIRE(written);
        BOOST_CHECK((written.value().durable == std::vector{store_id(2), store_id(3)}));
        BOOST_TEST(written.value().owed.empty());
        const auto found = replay(writing.file(3, written.value().header->segment));
        BOOST_REQUIRE(found);
        BOOST_TEST(found.value().header.header.writer_id.is_nil());
        BOOST_CHECK(found.value().frames[0].type == FrameType::Journal);
    });
}

BOOST_AUTO_TEST_CASE(nothing_and_too_much_are_refused) {
    run_in_fiber([](base::Loop& loop) {
        Writing writing(loop);
        writing.segment.aborts.clear();
        writing.segment.frames.clear();
        const auto nothing = writing.write();
        BOOST_REQUIRE(!nothing);
        BOOST_CHECK(nothing.error().code == base::Errc::Invalid);
        const std::string half(static_cast<std::size_t>(kWholeSegmentMax / 2 + 1), 'x');
        writing.segment.frames = {make_frame(1, half), make_frame(2, half)};
        const auto much = writing.write();
        BOOST_REQUIRE(!much);
        BOOST_CHECK(much.error().code == base::Errc::TooLarge);
        BOOST_TEST(writing.stores.files(1).empty());
    });
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(storage_whole_segment_catalog, ClusterFixture)

BOOST_AUTO_TEST_CASE(it_is_catalogued_to_its_end_from_the_start) {
    SegmentHeader header = make_header();
    header.boot_epoch = 0;
    SegmentBuilder segment(header);
    segment.add(make_frame(1, "one"));
    const Seal seal = segment.seal();
    SegmentNote note = note_of(header, encode_header(header).value().size());
    note.state = SegmentState::Sealed;
    note.length = seal.file_size;
    const auto tracker = open("roundtable_trackerd");
    BOOST_REQUIRE(note_whole_segments(*tracker, std::vector{note}));
    BOOST_TEST(static_cast<std::uint64_t>(catalogued_to(segment.id())) == seal.file_size);
    BOOST_TEST(state_of(segment.id()) == "sealed");
}

BOOST_AUTO_TEST_SUITE_END()
