#include "storage/tracking/discovery.h"

#include <boost/test/unit_test.hpp>

#include "test/unit/storage/tracking/cluster_fixture.h"

using namespace storage;
using namespace storage_test;

namespace {

class DiscoveryFixture : public ClusterFixture {
  public:
    DiscoveryFixture() : pool(conninfo("roundtable_trackerd"), "test", {1, 16, {}}) {}

    void with(const std::function<void(Servers&, Discovery&)>& body) {
        run_in_fiber([&](base::Loop& loop) {
            Servers servers(loop, stores);
            Discovery discovery(servers.set, pool);
            body(servers, discovery);
        });
    }

    // Of now (0) or of that many days ago.
    static SegmentHeader header_of(int days_ago) {
        SegmentHeader header = make_header();
        header.writer = "a";
        std::array<std::byte, 16> bytes = base::Uuid::time_ordered().bytes();
        const auto lower = base::Uuid::lower_bound_at(
            base::wall_us() - static_cast<std::int64_t>(days_ago) * 86'400'000'000);
        std::copy_n(lower.bytes().begin(), 6, bytes.begin());
        header.segment = SegmentId(base::Uuid(bytes));
        return header;
    }

    // A segment of then, on these stores.
    SegmentId put_segment(int days_ago, const std::vector<std::uint8_t>& on) {
        const SegmentBuilder segment(header_of(days_ago));
        for (const std::uint8_t store : on) {
            put(store, segment.id(), segment.bytes);
        }
        return segment.id();
    }

    base::DbPool pool;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(storage_discovery, DiscoveryFixture)

BOOST_AUTO_TEST_CASE(segments_opened_while_the_catalog_was_away_are_found) {
    const SegmentId today = put_segment(0, {1, 2});
    const SegmentId yesterday = put_segment(1, {2});
    const SegmentId older = put_segment(10, {3});
    with([&](Servers&, Discovery& discovery) {
        BOOST_TEST(discovery.run_once(DiscoveryDepth::Recent).value() == 2U);
        BOOST_TEST(state_of(today) == "open");
        BOOST_TEST(state_of(yesterday) == "open");
        BOOST_TEST(state_of(older).empty());
        BOOST_TEST(discovery.run_once(DiscoveryDepth::All).value() == 1U);
        BOOST_TEST(state_of(older) == "open");
        BOOST_TEST(discovery.run_once(DiscoveryDepth::All).value() == 0U);
        BOOST_TEST(value("SELECT writer FROM catalog.segment LIMIT 1") == "a");
        // None of its frames counts as catalogued.
        BOOST_TEST(value("SELECT bool_and(catalogued_to = first_frame) FROM catalog.segment") ==
                   "t");
    });
}

// As while a lost directory is put back.
BOOST_AUTO_TEST_CASE(segments_on_storage_servers_that_the_directory_has_not_are_told_later) {
    const SegmentId id = put_segment(0, {1, 2});
    with([&](Servers&, Discovery& discovery) {
        sql("UPDATE directory.storage_server SET store_id = gen_random_uuid()");
        BOOST_TEST(discovery.run_once(DiscoveryDepth::Recent).value() == 0U);
        BOOST_TEST(state_of(id).empty());
        for (const std::uint8_t store : {std::uint8_t{1}, std::uint8_t{2}, std::uint8_t{3}}) {
            sql("UPDATE directory.storage_server SET store_id = $1 WHERE name = $2",
                {store_id(store).uuid(), "s" + std::to_string(store)});
        }
        BOOST_TEST(discovery.run_once(DiscoveryDepth::Recent).value() == 1U);
        BOOST_TEST(value("SELECT count(*) FROM catalog.segment_replica WHERE segment_id = $1",
                         {id.uuid()}) != "0");
    });
}

BOOST_AUTO_TEST_CASE(one_bad_copy_does_not_hide_a_segment) {
    const SegmentId id = put_segment(0, {1, 2, 3});
    spoil(stores.path_of(1, {id, 1}), 30);
    put(2, id, {});
    with([&](Servers&, Discovery& discovery) {
        BOOST_TEST(discovery.run_once(DiscoveryDepth::Recent).value() == 1U);
        BOOST_TEST(state_of(id) == "open");
    });
}

BOOST_AUTO_TEST_CASE(a_header_that_no_copy_has_is_passed_over) {
    const SegmentId torn = put_segment(0, {});
    put(1, torn, Bytes(20, std::byte{1}));
    const SegmentId good = put_segment(0, {1});
    with([&](Servers&, Discovery& discovery) {
        BOOST_TEST(discovery.run_once(DiscoveryDepth::Recent).value() == 1U);
        BOOST_TEST(state_of(good) == "open");
        BOOST_TEST(state_of(torn).empty());
    });
}

BOOST_AUTO_TEST_CASE(a_segment_written_whole_is_one_only_with_its_seal) {
    SegmentHeader header = header_of(0);
    header.boot_epoch = 0;
    SegmentBuilder segment(header);
    segment.add(make_mail(1, ann, "one"));
    const Bytes torn = segment.bytes;
    const Seal seal = segment.seal();
    put(1, segment.id(), torn);
    with([&](Servers&, Discovery& discovery) {
        BOOST_TEST(discovery.run_once(DiscoveryDepth::Recent).value() == 0U);
        // A file whose end is there and whose middle is not.
        put(1, segment.id(), segment.bytes);
        spoil(stores.path_of(1, {segment.id(), 1}), seal.data_size - 20);
        BOOST_TEST(discovery.run_once(DiscoveryDepth::Recent).value() == 0U);
        BOOST_TEST(state_of(segment.id()).empty());
        put(2, segment.id(), segment.bytes, 3);
        BOOST_TEST(discovery.run_once(DiscoveryDepth::Recent).value() == 1U);
    });
    BOOST_TEST(state_of(segment.id()) == "sealed");
    BOOST_TEST(value("SELECT length FROM catalog.segment") == std::to_string(seal.file_size));
    BOOST_TEST(value("SELECT catalogued_to = first_frame FROM catalog.segment") == "t");
    BOOST_TEST(value("SELECT string_agg(r.state || ' ' || r.generation, ',' "
                     "ORDER BY storage_server_id) FROM catalog.segment_replica r") ==
               "suspect 1,active 3");
}

BOOST_AUTO_TEST_CASE(a_store_that_does_not_answer_is_passed_over) {
    const SegmentId id = put_segment(0, {3});
    const SegmentId other = put_segment(0, {1});
    with([&](Servers& servers, Discovery& discovery) {
        std::filesystem::remove(stores.root(3) + "/roundtable-store");
        BOOST_REQUIRE(
            eventually([&] { return !servers.set.find(store_id(3))->health().is_healthy(); }));
        BOOST_TEST(discovery.run_once(DiscoveryDepth::All).value() == 1U);
        BOOST_TEST(state_of(other) == "open");
        write_identity(stores.root(3), store_id(3));
        servers.settle();
        BOOST_TEST(discovery.run_once(DiscoveryDepth::All).value() == 1U);
        BOOST_TEST(state_of(id) == "open");
    });
}

BOOST_AUTO_TEST_CASE(a_catalog_restored_from_before_is_told_again) {
    const SegmentId id = put_segment(0, {1});
    with([&](Servers&, Discovery& discovery) {
        BOOST_TEST(discovery.run_once(DiscoveryDepth::Recent).value() == 1U);
        BOOST_TEST(discovery.run_once(DiscoveryDepth::Recent).value() == 0U);
        sql("DELETE FROM catalog.segment");
        BOOST_TEST(discovery.run_once(DiscoveryDepth::All).value() == 1U);
        BOOST_TEST(state_of(id) == "open");
    });
}

BOOST_AUTO_TEST_CASE(folders_of_thousands_are_listed_in_pages) {
    const SegmentId id = put_segment(0, {});
    const std::string folder =
        std::filesystem::path(stores.path_of(1, {id, 1})).parent_path().string();
    std::filesystem::create_directories(folder);
    for (int n = 0; n < 5'000; ++n) {
        std::ofstream(folder + "/0" + std::to_string(10'000 + n));  // names of something else
    }
    const SegmentId last = put_segment(0, {1});
    with([&](Servers&, Discovery& discovery) {
        BOOST_TEST(discovery.run_once(DiscoveryDepth::Recent).value() == 1U);
        BOOST_TEST(state_of(last) == "open");
    });
}

BOOST_AUTO_TEST_SUITE_END()
