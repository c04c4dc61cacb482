#include "storage/mirror/copy_merge.h"

#include <boost/test/unit_test.hpp>

#include "test/unit/storage/path/loop_fixture.h"
#include "test/unit/storage/segment/segment_fixture.h"

using namespace storage;
using namespace storage_test;

namespace {

const SegmentCopy kFirst{store_id(1), 1};
const SegmentCopy kSecond{store_id(2), 1};

BuiltSegment built() {
    return build_segment(make_header(), {"one", "two", std::string(500, '3')}, true, true);
}

// One octet in the middle of a frame is turned over.
Bytes without_frame(const BuiltSegment& segment, std::size_t frame) {
    Bytes bytes = segment.bytes;
    const FrameLocation& at = segment.frames[frame];
    bytes[static_cast<std::size_t>(at.offset) + at.length / 2] ^= std::byte{4};
    return bytes;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(storage_copy_merge)

BOOST_AUTO_TEST_CASE(copies_that_miss_different_frames_make_the_file_that_was_sealed) {
    const BuiltSegment segment = built();
    CopyMerge merge;
    merge.add(kFirst, without_frame(segment, 0));
    BOOST_TEST(merge.gaps().size() == 1U);
    BOOST_TEST(merge.told.has_value());
    merge.add(kSecond, without_frame(segment, 2));
    BOOST_TEST(merge.gaps().empty());
    BOOST_REQUIRE(merge.seal_image());
    BOOST_CHECK(merge.image == segment.bytes);
    BOOST_CHECK(merge.seal->digest == merge.told->digest);
    BOOST_TEST(merge.findings.size() == 2U);
    BOOST_TEST(merge.findings[0].in_doubt);
    BOOST_TEST(!merge.findings[0].sealed);
}

BOOST_AUTO_TEST_CASE(a_copy_that_ends_early_gives_what_it_has) {
    const BuiltSegment segment = built();
    Bytes early(segment.bytes.begin(),
                segment.bytes.begin() + static_cast<std::ptrdiff_t>(segment.frames[2].offset));
    CopyMerge merge;
    merge.add(kFirst, early);
    BOOST_TEST(!merge.told.has_value());
    merge.add(kSecond, without_frame(segment, 1));
    BOOST_REQUIRE(merge.seal_image());
    BOOST_CHECK(merge.image == segment.bytes);
}

BOOST_AUTO_TEST_CASE(what_nobody_has_stays_a_gap) {
    const BuiltSegment segment = built();
    CopyMerge merge;
    merge.add(kFirst, without_frame(segment, 1));
    merge.add(kSecond, without_frame(segment, 1));
    BOOST_REQUIRE(merge.seal_image());
    BOOST_REQUIRE(merge.gaps().size() == 1U);
    BOOST_TEST(merge.gaps()[0].begin == segment.frames[1].offset);
    BOOST_TEST(merge.gaps()[0].end == segment.frames[2].offset);
    BOOST_CHECK(merge.seal->digest != merge.told->digest);
}

BOOST_AUTO_TEST_CASE(a_good_copy_is_taken_as_it_is) {
    const BuiltSegment segment = built();
    CopyMerge merge;
    merge.add(kFirst, without_frame(segment, 1));
    Bytes longer = segment.bytes;
    longer.resize(longer.size() + 100);  // behind the seal: not there
    merge.add(kSecond, longer);
    BOOST_TEST(merge.seal.has_value());
    BOOST_CHECK(merge.image == segment.bytes);
    BOOST_TEST(merge.gaps().empty());
    BOOST_TEST(merge.findings[1].sealed);
}

BOOST_AUTO_TEST_CASE(another_segment_and_rubbish_add_nothing) {
    const BuiltSegment segment = built();
    SegmentHeader other = make_header();
    other.salt[0] ^= std::byte{1};
    CopyMerge merge;
    merge.add(kFirst, without_frame(segment, 1));
    merge.add(kSecond, build_segment(other, {"x", "y", "z"}, false, true).bytes);
    merge.add(kSecond, Bytes(300, std::byte{7}));
    merge.add(kSecond, {});
    BOOST_TEST(merge.frames.size() == segment.frames.size() - 1);
    BOOST_TEST(merge.findings.size() == 4U);
}

BOOST_AUTO_TEST_SUITE_END()
