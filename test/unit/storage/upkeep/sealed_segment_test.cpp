#include "storage/upkeep/sealed_segment.h"

#include <boost/test/unit_test.hpp>

#include "test/unit/storage/tracking/cluster_fixture.h"

using namespace storage;
using namespace storage_test;

namespace {

const std::vector<ReplicaPlace> kCopies{{store_id(1), 1, ReplicaState::Active, 0},
                                        {store_id(2), 1, ReplicaState::Active, 0}};

}  // namespace

BOOST_AUTO_TEST_SUITE(storage_sealed_segment)

BOOST_AUTO_TEST_CASE(the_first_good_copy_tells) {
    run_in_fiber([](base::Loop& loop) {
        Stores stores(2);
        Servers servers(loop, stores, 2);
        SegmentBuilder segment;
        const FrameLocation at = segment.add(make_frame(1, "one"));
        const FrameLocation abort = segment.cancel(message_id(1), at);
        const Seal seal = segment.seal();
        put_file(stores.path_of(1, {segment.id(), 1}), segment.bytes);
        put_file(stores.path_of(2, {segment.id(), 1}), segment.bytes);
        const auto read = [&] {
            return read_sealed(servers.set, segment.id(), segment.bytes.size(), kCopies, in(5'000));
        };
        const auto sealed = read();
        BOOST_REQUIRE(sealed);
        BOOST_CHECK(sealed.value().seal == seal);
        BOOST_CHECK(sealed.value().header == segment.header());
        BOOST_REQUIRE(sealed.value().aborts.size() == 1U);
        BOOST_CHECK(sealed.value().aborts[0].target ==
                    (AbortTarget{message_id(1), segment.id(), at.offset}));
        BOOST_TEST(sealed.value().aborts[0].at_us == 1U);
        // A bad abort frame in one copy, then in both.
        spoil(stores.path_of(1, {segment.id(), 1}), abort.offset + 90);
        BOOST_TEST(read().operator bool());
        spoil(stores.path_of(2, {segment.id(), 1}), segment.bytes.size() - 30);
        BOOST_CHECK(code_of(read()) == base::Errc::Corrupt);
        // One that is away may be good.
        std::filesystem::remove(stores.root(2) + "/roundtable-store");
        BOOST_REQUIRE(
            eventually([&] { return !servers.set.find(store_id(2))->health().is_healthy(); }));
        BOOST_CHECK(code_of(read()) == base::Errc::Unavailable);
    });
}

BOOST_AUTO_TEST_SUITE_END()
