#include "storage/segment/reader.h"

#include <algorithm>
#include <random>

#include <boost/test/unit_test.hpp>

#include "test/unit/storage/segment/segment_fixture.h"

using namespace storage;
using namespace storage_test;

namespace {

const std::vector<std::string> kMessages{"first", std::string(300, 'x'), "", "the last one"};

bool has_frame_at(const ReplayResult& found, std::uint64_t offset) {
    return std::ranges::any_of(found.frames,
                               [&](const IndexEntry& entry) { return entry.offset == offset; });
}

// Each frame that a replay found is, byte for byte, one that the writer wrote there.
bool only_genuine(const Bytes& damaged, const BuiltSegment& built, const ReplayResult& found) {
    return std::ranges::all_of(found.frames, [&](const IndexEntry& entry) {
        const auto written = std::ranges::find(built.frames, entry.offset, &FrameLocation::offset);
        return written != built.frames.end() && written->length == entry.length &&
               std::equal(
                   damaged.begin() + static_cast<std::ptrdiff_t>(entry.offset),
                   damaged.begin() + static_cast<std::ptrdiff_t>(entry.offset + entry.length),
                   built.bytes.begin() + static_cast<std::ptrdiff_t>(entry.offset));
    });
}

// Feeds a replay through windows of at most `window` bytes (but what it asks for).
std::vector<std::uint64_t> offsets_by_windows(const BuiltSegment& built, std::size_t window) {
    std::vector<std::uint64_t> offsets;
    const DecodedHeader header = decode_header(built.bytes).take_value();
    Replay walk(header.header, header.size);
    std::size_t size = window;
    for (;;) {
        const auto from = static_cast<std::size_t>(walk.position());
        const std::size_t shown = std::min(size, built.bytes.size() - from);
        const auto at_end =
            from + shown == built.bytes.size() ? Replay::AtEnd::Yes : Replay::AtEnd::No;
        const auto event = walk.next(std::span(built.bytes).subspan(from, shown), at_end);
        if (const auto* more = std::get_if<Replay::NeedMore>(&event)) {
            size = std::max<std::size_t>(window, more->bytes);
        } else if (const auto* frame = std::get_if<FrameView>(&event)) {
            offsets.push_back(frame->offset);
        } else if (std::holds_alternative<Replay::End>(event)) {
            return offsets;
        }
    }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(storage_reader)

BOOST_AUTO_TEST_CASE(replay_finds_all_frames_and_aborts_of_an_open_segment) {
    const BuiltSegment built = build_segment(make_header(), kMessages, true, false);
    const auto found = replay(built.bytes);
    BOOST_REQUIRE(found);
    BOOST_TEST(found.value().frames.size() == 5U);
    BOOST_REQUIRE_EQUAL(found.value().aborts.size(), 1U);
    BOOST_CHECK(found.value().aborts[0].id == message_id(1));
    BOOST_CHECK(found.value().aborts[0].segment == built.header.segment);
    BOOST_TEST(found.value().gaps.empty());
    BOOST_TEST(found.value().durable_size == built.bytes.size());
    BOOST_TEST(!found.value().seal.has_value());
}

BOOST_AUTO_TEST_CASE(bytes_behind_the_seal_do_not_exist) {
    BuiltSegment built = build_segment(make_header(), kMessages, false, true);
    const std::size_t size = built.bytes.size();
    // Even a genuine frame of this segment for this very offset.
    const std::size_t payload = size - built.frames[0].offset - format::kFrameHeaderSize;
    const std::string filler(payload - std::string("envelope 1summary").size(), 'p');
    const auto behind = build_segment(make_header(), {filler, "late"}, false, false);
    BOOST_REQUIRE_EQUAL(behind.frames[1].offset, size);
    built.bytes.insert(
        built.bytes.end(), behind.bytes.end() - behind.frames[1].length, behind.bytes.end());
    const auto found = replay(built.bytes);
    BOOST_REQUIRE(found);
    BOOST_REQUIRE(found.value().seal.has_value());
    BOOST_TEST(found.value().seal->file_size == size);
    BOOST_TEST(found.value().durable_size == size);
    BOOST_TEST(found.value().frames.size() == kMessages.size());
    BOOST_TEST(verify_sealed(built.bytes).operator bool());
}

BOOST_AUTO_TEST_CASE(the_seal_is_found_from_the_end) {
    const BuiltSegment built = build_segment(make_header(), kMessages, false, true);
    const auto offset = seal_offset(built.bytes);
    BOOST_REQUIRE(offset);
    BOOST_TEST(offset.value() == built.data_size);
    const auto frame =
        decode_frame(built.header, offset.value(), std::span(built.bytes).subspan(built.data_size));
    BOOST_REQUIRE(frame);
    const auto seal = seal_of(frame.value());
    BOOST_REQUIRE(seal);
    BOOST_TEST(seal.value().index.size() == kMessages.size());
    BOOST_CHECK(seal.value().index[1].id == message_id(2));
    BOOST_TEST(!seal_offset(build_segment(make_header(), {"x"}, false, false).bytes));
}

BOOST_AUTO_TEST_CASE(a_scrub_compares_index_and_digest_with_the_bytes) {
    const BuiltSegment built = build_segment(make_header(), kMessages, false, false);
    const BuiltSegment whole = build_segment(make_header(), kMessages, false, true);
    const Seal good = verify_sealed(whole.bytes).take_value();
    Seal other_digest = good;
    other_digest.digest[5] ^= std::byte{1};
    Seal short_index = good;
    short_index.index.pop_back();
    short_index.file_size -= format::kIndexEntrySize;
    for (const Seal& seal : {other_digest, short_index}) {
        Bytes bytes = built.bytes;
        const Bytes end = encode_seal(built.header, seal).take_value();
        bytes.insert(bytes.end(), end.begin(), end.end());
        BOOST_TEST(replay(bytes).value().seal.has_value());
        BOOST_CHECK(verify_sealed(bytes).error().code == base::Errc::Corrupt);
    }
}

BOOST_AUTO_TEST_CASE(an_empty_segment_replays_and_seals) {
    const BuiltSegment built = build_segment(make_header(), {}, false, true);
    BOOST_TEST(verify_sealed(built.bytes).operator bool());
}

BOOST_AUTO_TEST_CASE(any_flipped_bit_costs_at_most_its_own_frame) {
    for (const bool sealed : {false, true}) {
        const BuiltSegment built = build_segment(make_header(), kMessages, true, sealed);
        const std::size_t header_size = built.frames[0].offset;
        for (std::size_t bit = 0; bit < built.bytes.size() * 8; ++bit) {
            Bytes damaged = built.bytes;
            const std::size_t at = bit / 8;
            damaged[at] ^= std::byte{1} << (bit % 8);
            const auto found = replay(damaged);
            if (at < header_size) {
                BOOST_REQUIRE(!found);
                continue;
            }
            BOOST_REQUIRE(found);
            BOOST_REQUIRE(only_genuine(damaged, built, found.value()));
            std::size_t missing = 0;
            for (const FrameLocation& frame : built.frames) {
                const bool hit = at >= frame.offset && at < frame.offset + frame.length;
                BOOST_REQUIRE(has_frame_at(found.value(), frame.offset) == !hit);
                missing += hit ? 1 : 0;
            }
            const bool last_hit = missing == 1 && at >= built.frames.back().offset;
            BOOST_REQUIRE(found.value().gaps.size() ==
                          (missing == 1 && (!last_hit || sealed) ? 1U : 0U));
            BOOST_REQUIRE(!verify_sealed(damaged));
        }
    }
}

BOOST_AUTO_TEST_CASE(truncated_anywhere_the_whole_frames_before_are_found) {
    const BuiltSegment built = build_segment(make_header(), kMessages, true, true);
    for (std::size_t size = 0; size < built.bytes.size(); ++size) {
        const std::span<const std::byte> cut = std::span(built.bytes).first(size);
        const auto found = replay(cut);
        if (size < built.frames[0].offset) {
            BOOST_REQUIRE(!found);
            continue;
        }
        BOOST_REQUIRE(found);
        std::size_t whole = 0;
        std::uint64_t end = built.frames[0].offset;
        for (const FrameLocation& frame : built.frames) {
            if (frame.offset + frame.length <= size) {
                ++whole;
                end = frame.offset + frame.length;
            }
        }
        BOOST_REQUIRE(found.value().frames.size() == whole);
        BOOST_REQUIRE(found.value().durable_size == end);
        BOOST_REQUIRE(found.value().gaps.empty());
        BOOST_REQUIRE(!found.value().seal.has_value());
    }
}

BOOST_AUTO_TEST_CASE(random_damage_never_forges_a_frame) {
    const BuiltSegment built = build_segment(make_header(), kMessages, true, true);
    const unsigned seed = 20261122;
    BOOST_TEST_MESSAGE("seed " << seed);
    std::mt19937 random(seed);
    for (int round = 0; round < 3'000; ++round) {
        Bytes damaged = built.bytes;
        for (auto edits = random() % 8 + 1; edits > 0; --edits) {
            const std::size_t from =
                built.frames[0].offset + random() % (damaged.size() - built.frames[0].offset);
            const std::size_t size = std::min<std::size_t>(random() % 64, damaged.size() - from);
            if (random() % 2 == 0) {  // a piece of the segment itself, elsewhere
                const std::size_t source = random() % (damaged.size() - size);
                std::copy_n(Bytes(damaged).begin() + static_cast<std::ptrdiff_t>(source),
                            size,
                            damaged.begin() + static_cast<std::ptrdiff_t>(from));
            } else {
                for (std::size_t i = 0; i < size; ++i) {
                    damaged[from + i] = static_cast<std::byte>(random());
                }
            }
        }
        const auto found = replay(damaged);
        BOOST_REQUIRE(found);
        BOOST_REQUIRE(only_genuine(damaged, built, found.value()));
    }
}

BOOST_AUTO_TEST_CASE(a_copy_of_another_segment_in_a_body_is_not_taken_for_frames) {
    // Another salt; its frames lie in the body at the very offsets that they have in their own
    // file.
    const BuiltSegment other =
        build_segment(make_header(99, 1), {"forged one", "forged two"}, false, true);
    const std::size_t body_at =
        other.frames[0].offset + format::kFrameHeaderSize + std::string("envelope 1summary").size();
    const std::string copy(base::as_text(other.bytes));
    const std::string body = copy.substr(body_at) + copy;
    BuiltSegment built = build_segment(make_header(), {body, "genuine"}, false, false);
    BOOST_REQUIRE_EQUAL(built.frames[0].offset, other.frames[0].offset);
    const auto inner = std::span(built.bytes).subspan(other.frames[1].offset, 88);
    BOOST_REQUIRE(
        std::equal(inner.begin(),
                   inner.end(),
                   other.bytes.begin() + static_cast<std::ptrdiff_t>(other.frames[1].offset)));
    built.bytes[built.frames[0].offset] ^= std::byte{1};  // now replay must scan the body
    const auto found = replay(built.bytes);
    BOOST_REQUIRE(found);
    BOOST_REQUIRE_EQUAL(found.value().frames.size(), 1U);
    BOOST_CHECK(found.value().frames[0].id == message_id(2));
    BOOST_REQUIRE_EQUAL(found.value().gaps.size(), 1U);
    BOOST_CHECK((found.value().gaps[0] == Gap{built.frames[0].offset, built.frames[1].offset}));
}

BOOST_AUTO_TEST_CASE(a_copy_of_this_segment_in_a_body_is_not_taken_for_frames) {
    // The same salt, as if its bytes had leaked: the offset in the tag tells.
    const BuiltSegment before = build_segment(make_header(), {"one", "two"}, false, false);
    for (std::size_t shift = 0; shift < 8; ++shift) {
        const std::string copy = std::string(shift, 'p') + std::string(base::as_text(before.bytes));
        BuiltSegment built =
            build_segment(make_header(), {"one", "two", copy, "four"}, false, false);
        built.bytes[built.frames[2].offset + 40] ^= std::byte{1};
        const auto found = replay(built.bytes);
        BOOST_REQUIRE(found);
        BOOST_REQUIRE_EQUAL(found.value().frames.size(), 3U);
        BOOST_CHECK(found.value().frames[2].id == message_id(4));
    }
}

BOOST_AUTO_TEST_CASE(a_frame_is_good_at_its_own_offset_only) {
    const BuiltSegment built = build_segment(make_header(), {"one"}, false, false);
    const auto bytes = std::span(built.bytes).subspan(built.frames[0].offset);
    BOOST_TEST(decode_frame(built.header, built.frames[0].offset, bytes).operator bool());
    BOOST_TEST(!decode_frame(built.header, built.frames[0].offset + 8, bytes));
    SegmentHeader other = built.header;
    other.salt[3] ^= std::byte{1};
    BOOST_TEST(!decode_frame(other, built.frames[0].offset, bytes));
}

BOOST_AUTO_TEST_CASE(windows_of_any_size_give_the_same_frames) {
    const BuiltSegment built = build_segment(make_header(), kMessages, true, true);
    const std::vector<std::uint64_t> whole = offsets_by_windows(built, built.bytes.size());
    BOOST_TEST(whole.size() == 6U);
    for (const std::size_t window : {1U, 8U, 87U, 88U, 89U, 100U, 333U}) {
        BOOST_TEST(offsets_by_windows(built, window) == whole, boost::test_tools::per_element());
    }
}

BOOST_AUTO_TEST_CASE(other_files_and_versions_are_told_apart) {
    BOOST_CHECK(decode_header({}).error().code == base::Errc::Corrupt);
    const Bytes zero(2'000);
    BOOST_CHECK(decode_header(zero).error().code == base::Errc::Corrupt);
    Bytes later = encode_header(make_header()).take_value();
    later[format::kHeaderVersionAt] = std::byte{2};
    BOOST_CHECK(decode_header(later).error().code == base::Errc::Unsupported);
}

BOOST_AUTO_TEST_SUITE_END()
