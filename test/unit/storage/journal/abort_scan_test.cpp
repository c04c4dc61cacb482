#include "storage/journal/abort_scan.h"

#include <boost/test/unit_test.hpp>

#include "test/unit/storage/tracking/cluster_fixture.h"

using namespace storage;
using namespace storage_test;

namespace {

// A segment with an abort, with or without its seal, and where it is said to be.
struct Fixture {
    Fixture() : stores(3) {
        header.replicas = {store_id(1), store_id(2)};
        places.id = header.segment;
        places.replicas = {{store_id(1), 1, ReplicaState::Active, 0},
                           {store_id(2), 1, ReplicaState::Active, 0}};
    }

    Bytes build(bool with_seal) {
        SegmentBuilder segment(header);
        (void)segment.add(make_mail(1, 7, "one"));
        const FrameLocation refused = segment.add(make_mail(2, 7, "two"));
        (void)segment.cancel(message_id(2), refused);
        if (with_seal) {
            (void)segment.seal();
        }
        return segment.bytes;
    }

    void put(std::uint8_t store, const Bytes& bytes) {
        put_file(stores.path_of(store, {header.segment, 1}), bytes);
    }

    void with(const std::function<void(Servers&)>& body) {
        run_in_fiber([&](base::Loop& loop) {
            Servers servers(loop, stores);
            body(servers);
        });
    }

    Stores stores;
    SegmentHeader header = make_header();
    SegmentPlaces places;
};

const std::vector<mail::MessageId> kTwo{message_id(2)};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(storage_abort_scan, Fixture)

BOOST_AUTO_TEST_CASE(a_seal_names_the_aborts_and_its_frames_are_not_read) {
    Bytes bytes = build(true);
    put(2, bytes);
    bytes.at(300) ^= std::byte{1};  // in a frame
    put(1, bytes);
    with([&](Servers& servers) {
        BOOST_CHECK(find_aborted(servers.set, places, in(5'000)).value() == kTwo);
        const auto seal = read_seal(servers.set, places.id, {store_id(2), 1}, in(5'000));
        BOOST_REQUIRE(seal);
        BOOST_TEST(seal.value().index.size() == 3U);
        BOOST_TEST(seal.value().file_size == bytes.size());
    });
}

BOOST_AUTO_TEST_CASE(without_a_seal_every_copy_is_read) {
    const Bytes whole = build(false);
    put(1, Bytes(whole.begin(), whole.end() - 100));  // the abort is torn here
    put(2, whole);
    with([&](Servers& servers) {
        BOOST_CHECK(code_of(read_seal(servers.set, places.id, {store_id(1), 1}, in(5'000))) ==
                    base::Errc::Corrupt);
        BOOST_CHECK(find_aborted(servers.set, places, in(5'000)).value() == kTwo);
    });
}

BOOST_AUTO_TEST_CASE(a_copy_that_is_away_is_not_one_that_is_bad) {
    put(1, Bytes(64));
    with([&](Servers& servers) {
        // One is no segment, of the other there is no file: nothing to be known.
        BOOST_TEST(find_aborted(servers.set, places, in(5'000)).value().empty());
        places.replicas = {{store_id(9), 1, ReplicaState::Active, 0}};
        BOOST_CHECK(code_of(find_aborted(servers.set, places, in(5'000))) ==
                    base::Errc::Unavailable);
    });
}

BOOST_AUTO_TEST_SUITE_END()
