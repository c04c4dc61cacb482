#include "storage/mirror/open_segment.h"

#include <boost/test/unit_test.hpp>

#include "test/unit/storage/tracking/cluster_fixture.h"

using namespace storage;
using namespace storage_test;

namespace {

OpenSegment make_open(StorageServerSet& servers, std::uint8_t count = 2) {
    SegmentHeader header = make_header();
    Placement placement;
    header.replicas.clear();
    for (std::uint8_t n = 1; n <= count; ++n) {
        header.replicas.push_back(store_id(n));
    }
    header.min_copies = std::min<std::uint8_t>(count, 2);
    placement.replicas = header.replicas;
    return OpenSegment(
        servers, SegmentEncoder::create(header, Digest::ByOwner).take_value(), placement);
}

// Appends a frame and writes it.
std::vector<StorageServerId> add(OpenSegment& segment,
                                 std::uint8_t number,
                                 int deadline_ms = 5'000) {
    auto bytes = std::make_shared<Bytes>();
    const std::uint64_t offset = segment.encoder().size();
    BOOST_REQUIRE(segment.encoder().append(make_frame(number, "x"), *bytes));
    return segment.write(offset, bytes, in(deadline_ms));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(storage_open_segment)

BOOST_AUTO_TEST_CASE(copies_are_equal_from_header_to_seal) {
    run_in_fiber([](base::Loop& loop) {
        Stores stores(2);
        Servers servers(loop, stores, 2);
        OpenSegment segment = make_open(servers.set);
        BOOST_REQUIRE(segment.create_files(in(5'000)));
        BOOST_CHECK(add(segment, 1) == (Ids{store_id(1), store_id(2)}));
        const SegmentClosed closed = segment.seal(in(5'000));
        BOOST_TEST(closed.sealed);
        const std::string first = stores.path_of(1, {segment.header()->segment, 1});
        const std::string second = stores.path_of(2, {segment.header()->segment, 1});
        BOOST_CHECK(file_bytes(first) == file_bytes(second));
        BOOST_TEST(verify_sealed(file_bytes(first)).operator bool());
        BOOST_TEST(closed.replicas[0].durable_size == file_bytes(first).size());
    });
}

BOOST_AUTO_TEST_CASE(one_replica_that_fails_fails_the_creation_and_nothing_is_left) {
    run_in_fiber([](base::Loop& loop) {
        Stores stores(2);
        Servers servers(loop, stores, 2);
        std::ofstream(stores.root(2) + "/segments") << "no folder";
        OpenSegment segment = make_open(servers.set);
        BOOST_TEST(!segment.create_files(in(5'000)));
        BOOST_TEST(!segment.replicas()[0].behind);
        BOOST_TEST(segment.replicas()[1].behind);
        BOOST_CHECK(segment.replicas()[1].reason == OwedReason::Failed);
        segment.discard();
        BOOST_TEST(eventually([&] { return stores.files(1).empty(); }));
    });
}

BOOST_AUTO_TEST_CASE(late_once_is_behind_for_good) {
    run_in_fiber([](base::Loop& loop) {
        Stores stores(2);
        Servers servers(loop, stores, 2);
        OpenSegment segment = make_open(servers.set);
        BOOST_REQUIRE(segment.create_files(in(5'000)));
        const std::uint64_t begin = segment.encoder().size();
        const pid_t helper = servers.helper(2);
        stop_process(helper);
        BOOST_CHECK(add(segment, 1, 100) == Ids{store_id(1)});
        BOOST_TEST(segment.has_behind());
        BOOST_CHECK(segment.replicas()[1].reason == OwedReason::Late);
        BOOST_REQUIRE(::kill(helper, SIGCONT) == 0);
        servers.settle();
        BOOST_CHECK(add(segment, 2) == Ids{store_id(1)});
        const SegmentClosed closed = segment.seal(in(5'000));
        BOOST_TEST(closed.sealed);
        BOOST_CHECK(closed.replicas[1].end == ReplicaEnd::Behind);
        BOOST_TEST(closed.replicas[1].durable_size == begin);
        BOOST_TEST(!closed.replicas[1].detail.empty());
    });
}

BOOST_AUTO_TEST_CASE(a_server_that_is_taken_away_is_behind) {
    run_in_fiber([](base::Loop& loop) {
        Stores stores(2);
        Servers servers(loop, stores, 2);
        OpenSegment segment = make_open(servers.set);
        BOOST_REQUIRE(segment.create_files(in(5'000)));
        servers.set.apply({stores.configs[0]});
        BOOST_CHECK(add(segment, 1) == Ids{store_id(1)});
        // One that comes back under the same id does not take the old handle.
        servers.set.apply(stores.configs);
        servers.settle();
        BOOST_CHECK(add(segment, 2) == Ids{store_id(1)});
    });
}

BOOST_AUTO_TEST_CASE(given_up_it_says_nothing_more_to_its_files) {
    run_in_fiber([](base::Loop& loop) {
        Stores stores(2);
        Servers servers(loop, stores, 2);
        OpenSegment segment = make_open(servers.set);
        BOOST_REQUIRE(segment.create_files(in(5'000)));
        (void)add(segment, 1);
        const std::string path = stores.path_of(1, {segment.header()->segment, 1});
        const Bytes before = file_bytes(path);
        const SegmentClosed closed = segment.give_up("paused");
        BOOST_TEST(!closed.sealed);
        for (const ReplicaOutcome& replica : closed.replicas) {
            BOOST_CHECK(replica.end == ReplicaEnd::Behind);
            BOOST_TEST(replica.detail == "paused");
            BOOST_TEST(replica.durable_size == before.size());
        }
        BOOST_CHECK(file_bytes(path) == before);
    });
}

BOOST_AUTO_TEST_CASE(no_replica_that_takes_the_seal_is_no_seal) {
    run_in_fiber([](base::Loop& loop) {
        Stores stores(1);
        Servers servers(loop, stores, 1);
        OpenSegment segment = make_open(servers.set, 1);
        BOOST_REQUIRE(segment.create_files(in(5'000)));
        BOOST_REQUIRE(::kill(servers.helper(1), SIGKILL) == 0);
        const SegmentClosed closed = segment.seal(in(5'000));
        BOOST_TEST(!closed.sealed);
        BOOST_CHECK(closed.replicas[0].end == ReplicaEnd::Behind);
    });
}

BOOST_AUTO_TEST_SUITE_END()
