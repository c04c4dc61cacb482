#include "storage/upkeep/merged_copy.h"

#include <boost/test/unit_test.hpp>

#include "test/unit/storage/upkeep/upkeep_fixture.h"

using namespace storage;
using namespace storage_test;

namespace {

class MergedFixture : public UpkeepFixture {
  public:
    MergedCopy merge(const SealedSegment& segment, const SealedShape& shape) {
        MergedCopy merged;
        with([&](Tools& tools) {
            base::Result<MergedCopy> done =
                merge_copies(tools.servers.set, tools.workers, segment.id, shape, in(10'000));
            BOOST_REQUIRE_MESSAGE(done, why(done));
            merged = std::move(done).take_value();
        });
        return merged;
    }

    // Its last message and the seal are missing: its storage server failed in the last batch.
    static Bytes early(const SealedSegment& segment) {
        const auto end = static_cast<std::ptrdiff_t>(segment.seal.index.back().offset);
        return {segment.bytes.begin(), segment.bytes.begin() + end};
    }

    static std::uint64_t in_frame(const SealedSegment& segment, std::size_t frame) {
        return segment.seal.index[frame].offset + segment.seal.index[frame].length / 2;
    }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(storage_merged_copy, MergedFixture)

BOOST_AUTO_TEST_CASE(a_damaged_copy_and_one_that_ends_early_make_a_good_one) {
    const SealedSegment segment = publish({1, 2});
    spoil(path_of(segment, 1), in_frame(segment, 0));
    put(2, segment.id, early(segment));
    const MergedCopy merged = merge(segment, segment.shape());
    BOOST_REQUIRE_MESSAGE(merged.bytes, merged.problem);
    BOOST_CHECK(*merged.bytes == segment.bytes);
    BOOST_CHECK(merged.digest == segment.seal.digest);
    BOOST_TEST(merged.bytes_read == segment.bytes.size() + early(segment).size());
    // The catalog need not know the digest.
    BOOST_TEST(merge(segment, {segment.seal.file_size, {}}).bytes.operator bool());
}

BOOST_AUTO_TEST_CASE(a_damaged_header_is_borrowed_from_another_copy) {
    const SealedSegment segment = publish({1, 2});
    spoil(path_of(segment, 1), 60);  // the salt
    put(2, segment.id, early(segment));
    const MergedCopy merged = merge(segment, segment.shape());
    BOOST_REQUIRE_MESSAGE(merged.bytes, merged.problem);
    BOOST_CHECK(*merged.bytes == segment.bytes);
}

BOOST_AUTO_TEST_CASE(a_damaged_seal_is_made_anew) {
    const SealedSegment segment = publish({1});
    spoil(path_of(segment, 1), segment.bytes.size() - 40);
    const MergedCopy merged = merge(segment, segment.shape());
    BOOST_REQUIRE_MESSAGE(merged.bytes, merged.problem);
    BOOST_CHECK(*merged.bytes == segment.bytes);
}

BOOST_AUTO_TEST_CASE(what_no_copy_has_is_not_made_up) {
    const SealedSegment segment = publish({1, 2});
    spoil(path_of(segment, 1), in_frame(segment, 2));
    put(2, segment.id, early(segment));
    const MergedCopy gap = merge(segment, segment.shape());
    BOOST_TEST(!gap.bytes);
    BOOST_TEST(gap.problem.find("no copy is good") != std::string::npos);

    // Nobody has the end: all frames that are there make a shorter file than was sealed.
    put(1, segment.id, early(segment));
    BOOST_TEST(!merge(segment, segment.shape()).bytes);

    SealedShape other = segment.shape();
    (*other.digest)[0] ^= std::byte{1};
    put(1, segment.id, segment.bytes);
    BOOST_TEST(!merge(segment, other).bytes);

    for (const std::uint8_t store : {std::uint8_t{1}, std::uint8_t{2}}) {
        put(store, segment.id, Bytes(500, std::byte{1}));
    }
    BOOST_TEST(!merge(segment, segment.shape()).bytes);
}

BOOST_AUTO_TEST_SUITE_END()
