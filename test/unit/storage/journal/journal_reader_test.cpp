#include "storage/journal/journal_reader.h"

#include <boost/test/unit_test.hpp>

#include "test/unit/storage/tracking/cluster_fixture.h"

using namespace storage;
using namespace storage_test;

namespace {

FrameInput journal_frame(std::uint8_t number, const std::string& text) {
    FrameInput frame = make_frame(number, text);
    frame.type = FrameType::Journal;
    frame.compression = Compression::Zstd;
    frame.envelope.clear();
    frame.summary.clear();
    return frame;
}

class ReaderFixture : public ClusterFixture {
  public:
    ReaderFixture() {
        header.replicas = {store_id(1), store_id(2)};
        header.writer = kJournalWriter;
        header.boot_epoch = format::kWholeBootEpoch;
        head.round = 5;
        head.sequence = 5;
        SegmentBuilder segment(header);
        (void)segment.add(journal_frame(1, encode_journal(head, std::string(5'000, 'x'))));
        head.part = 2;
        head.end = JournalEnd::Yes;
        (void)segment.add(journal_frame(2, encode_journal(head, "{}")));
        (void)segment.seal();
        bytes = segment.bytes;
        places.id = header.segment;
        places.replicas = {{store_id(1), 1, ReplicaState::Active, 0},
                           {store_id(2), 1, ReplicaState::Active, 0}};
    }

    base::Result<std::vector<JournalText>> read() {
        base::Result<std::vector<JournalText>> result = base::Error{};
        run_in_fiber([&](base::Loop& loop) {
            Servers servers(loop, stores);
            base::WorkerPool workers("test", 1, 4);
            result = JournalReader(servers.set, workers).read(places);
        });
        return result;
    }

    SegmentHeader header = make_header();
    JournalHead head;
    Bytes bytes;
    SegmentPlaces places;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(storage_journal_reader, ReaderFixture)

BOOST_AUTO_TEST_CASE(frames_come_back_from_the_copy_that_is_good) {
    put(1, places.id, bytes);
    put(2, places.id, bytes);
    spoil(stores.path_of(1, {places.id, 1}), bytes.size() / 2);
    const auto frames = read();
    BOOST_REQUIRE_MESSAGE(frames, why(frames));
    BOOST_REQUIRE(frames.value().size() == 2U);
    BOOST_TEST(frames.value()[0].body == std::string(5'000, 'x'));
    BOOST_CHECK(frames.value()[1].head == head);
}

BOOST_AUTO_TEST_CASE(bad_everywhere_is_corrupt_and_away_is_unavailable) {
    put(1, places.id, bytes);
    spoil(stores.path_of(1, {places.id, 1}), 100);
    BOOST_CHECK(code_of(read()) == base::Errc::Corrupt);
    places.replicas.push_back({store_id(9), 1, ReplicaState::Active, 0});
    BOOST_CHECK(code_of(read()) == base::Errc::Unavailable);
    places.replicas.clear();
    BOOST_CHECK(code_of(read()) == base::Errc::Corrupt);
}

BOOST_AUTO_TEST_CASE(segments_are_listed_in_pages_with_their_copies) {
    tell(header);
    header.writer = "a";
    header.segment = SegmentId(uuid_of(1, 200));
    tell(header);
    sql("UPDATE directory.storage_server SET state = 'retired' WHERE name = 's2'");
    const auto all = list_segments(admin(), WhichSegments::All, SegmentId());
    BOOST_REQUIRE_MESSAGE(all, why(all));
    BOOST_REQUIRE(all.value().size() == 2U);
    BOOST_REQUIRE(all.value()[0].replicas.size() == 1U);
    BOOST_CHECK(all.value()[0].replicas[0].store == store_id(1));
    BOOST_TEST(list_segments(admin(), WhichSegments::All, all.value()[0].id).value().size() == 1U);
    const auto journals = list_segments(admin(), WhichSegments::Journals, SegmentId());
    BOOST_REQUIRE(journals.value().size() == 1U);
    BOOST_CHECK(journals.value()[0].id == places.id);
}

BOOST_AUTO_TEST_SUITE_END()
