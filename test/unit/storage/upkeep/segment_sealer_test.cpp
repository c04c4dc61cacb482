#include "storage/upkeep/segment_sealer.h"

#include <boost/test/unit_test.hpp>

#include "test/unit/storage/upkeep/upkeep_fixture.h"

using namespace storage;
using namespace storage_test;

namespace {

class SealerFixture : public UpkeepFixture {
  public:
    SealerFixture() {
        options.tracker = "t";
        options.pause = milliseconds(0);
        header.replicas = {store_id(1), store_id(2)};
        header.writer = "a";
        header.segment = SegmentId(base::Uuid::time_ordered());
    }

    // What a mail server left open, as catch-up notes it once an operator has retired that.
    SegmentBuilder abandon(const std::vector<std::uint8_t>& on) {
        SegmentBuilder segment(header);
        (void)segment.add(make_mail(1, ann, "one"));
        (void)segment.add(make_mail(2, ann, "two"));
        for (const std::uint8_t store : on) {
            put(store, segment.id(), segment.bytes);
        }
        tell(header);
        sql("UPDATE catalog.segment SET state = 'retired'");
        return segment;
    }

    std::size_t seal_with(std::size_t stores_reached) {
        std::size_t sealed = 0;
        run_in_fiber([&](base::Loop& loop) {
            Servers servers(loop, stores, stores_reached);
            SegmentSealer sealer(servers.set, pool, options);
            const auto done = sealer.run_once();
            BOOST_REQUIRE_MESSAGE(done, why(done));
            sealed = done.value();
        });
        return sealed;
    }

    SealOptions options;
    SegmentHeader header = make_header();
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(storage_segment_sealer, SealerFixture)

BOOST_AUTO_TEST_CASE(what_a_retired_mail_server_left_open_is_sealed_on_its_replicas) {
    const SegmentBuilder segment = abandon({1, 2});
    BOOST_TEST(seal_with(3) == 1U);
    BOOST_TEST(state_of(segment.id()) == "sealed");
    for (const std::uint8_t store : std::vector<std::uint8_t>{1, 2}) {
        const Bytes file = file_bytes(stores.path_of(store, {segment.id(), 2}));
        BOOST_TEST(verify_sealed(file).operator bool());
        BOOST_TEST(value("SELECT length FROM catalog.segment") == std::to_string(file.size()));
    }
    BOOST_TEST(value("SELECT count(*) FROM catalog.segment_replica "
                     "WHERE state = 'active' AND generation = 2") == "2");
    BOOST_TEST(seal_with(3) == 0U);
}

BOOST_AUTO_TEST_CASE(segments_of_writers_that_live_are_left_alone) {
    const SegmentBuilder segment = abandon({1, 2});
    sql("UPDATE catalog.segment SET state = 'open'");
    BOOST_TEST(seal_with(3) == 0U);
    BOOST_TEST(state_of(segment.id()) == "open");
}

BOOST_AUTO_TEST_CASE(what_cannot_be_sealed_is_released_and_tried_again) {
    const SegmentBuilder segment = abandon({});
    BOOST_TEST(seal_with(3) == 0U);
    BOOST_TEST(value("SELECT claimed_by IS NULL AND read_at IS NOT NULL FROM catalog.segment") ==
               "t");
    put(1, segment.id(), segment.bytes);
    put(2, segment.id(), segment.bytes);
    BOOST_TEST(seal_with(3) == 1U);
}

BOOST_AUTO_TEST_SUITE_END()
