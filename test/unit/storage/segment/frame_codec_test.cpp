#include "storage/segment/frame_codec.h"

#include <boost/test/unit_test.hpp>

#include "test/unit/storage/segment/segment_fixture.h"

using namespace storage;
using namespace storage_test;

namespace {

FrameHead good_head() {
    FrameHead head;
    head.kind = 1;
    head.message_size = 10;
    head.octets = 10;
    head.size = static_cast<std::uint32_t>(frame_size(0, 0, 10));
    head.id = message_id(1);
    return head;
}

bool survives(const FrameHead& head) {
    const Salt salt{};
    std::array<std::byte, format::kFrameHeaderSize> bytes{};
    put_frame_head(head, salt, 64, bytes);  // with a right CRC and tag
    return get_frame_head(salt, 64, bytes).has_value();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(storage_frame_codec)

BOOST_AUTO_TEST_CASE(sizes_are_aligned) {
    BOOST_TEST(frame_size(0, 0, 0) == 88U);
    BOOST_TEST(frame_size(1, 0, 0) == 96U);
    BOOST_TEST(frame_size(3, 3, 2) == 96U);
    BOOST_TEST(seal_size(1) == 88U + 56U + 32U + 24U);
}

BOOST_AUTO_TEST_CASE(a_tagged_head_with_impossible_fields_is_refused) {
    BOOST_TEST(survives(good_head()));
    const std::vector<void (*)(FrameHead&)> spoil{
        [](FrameHead& h) { h.size += 8; },
        [](FrameHead& h) { h.message_size += 1; },
        [](FrameHead& h) { h.envelope_size = 0xFFFFFFFF; },
        [](FrameHead& h) {
            h.envelope_size = format::kFrameSizeMax;
            h.size = static_cast<std::uint32_t>(frame_size(h.envelope_size, 0, h.message_size));
        },
        [](FrameHead& h) { h.kind = 0; },
        [](FrameHead& h) { h.kind = 4; },
        [](FrameHead& h) { h.flags = 2; },
        [](FrameHead& h) { h.octets = 11; },
        [](FrameHead& h) { h.type = FrameType::Abort; },
        [](FrameHead& h) { h.type = FrameType::Seal; },
        [](FrameHead& h) { h.type = FrameType::Journal; },  // with a kind
        [](FrameHead& h) { h.type = static_cast<FrameType>(5); },
        [](FrameHead& h) { h.type = static_cast<FrameType>(0); },
    };
    for (const auto& change : spoil) {
        FrameHead head = good_head();
        change(head);
        BOOST_TEST(!survives(head));
    }
}

BOOST_AUTO_TEST_SUITE_END()
