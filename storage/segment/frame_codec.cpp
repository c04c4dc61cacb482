#include "storage/segment/frame_codec.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/hash.h"
#include "storage/segment/little_endian.h"
#include "storage/segment/siphash.h"

namespace storage {

namespace {

using namespace format;  // the layout, used in every line below

std::uint64_t frame_tag(const Salt& salt,
                        std::uint64_t offset,
                        std::span<const std::byte> head) noexcept {
    // The tag covers the offset and every byte before it: lengths, id and both CRCs are among them.
    std::array<std::byte, 8 + kFrameTagAt> input{};
    store_le<std::uint64_t>(input.data(), offset);
    std::memcpy(input.data() + 8, head.data(), kFrameTagAt);
    return siphash_2_4(salt, input);
}

bool is_bare(const FrameHead& head) noexcept {
    return head.envelope_size == 0 && head.summary_size == 0 && head.kind == 0 && head.flags == 0;
}

// Lengths and fields that a writer of this version may have written.
bool is_consistent(const FrameHead& head) noexcept {
    if (head.size > kFrameSizeMax ||
        head.size != frame_size(head.envelope_size, head.summary_size, head.message_size)) {
        return false;
    }
    const bool compressed = (head.flags & kFlagZstd) != 0;
    if ((head.flags & ~kFlagsKnown) != 0 || (!compressed && head.octets != head.message_size) ||
        (compressed && head.octets > kMessageSizeMax)) {
        return false;
    }
    switch (head.type) {
        case FrameType::Message:
            return mail::kind_from_number(head.kind).operator bool();
        case FrameType::Abort:
            return is_bare(head) && head.message_size == kAbortSize;
        case FrameType::Journal:
            return head.envelope_size == 0 && head.summary_size == 0 && head.kind == 0;
        case FrameType::Seal:
            return is_bare(head) && head.message_size >= kSealFixedSize + kTrailerSize;
    }
    return false;
}

}  // namespace

void put_frame_head(const FrameHead& head,
                    const Salt& salt,
                    std::uint64_t offset,
                    std::span<std::byte> out) noexcept {
    std::byte* at = out.data();
    std::memcpy(at + kFrameMagicAt, kFrameMagic.data(), kFrameMagic.size());
    store_le<std::uint8_t>(at + kFrameVersionAt, kFrameVersion);
    store_le<std::uint8_t>(at + kFrameTypeAt, static_cast<std::uint8_t>(head.type));
    store_le<std::uint8_t>(at + kFrameKindAt, head.kind);
    store_le<std::uint8_t>(at + kFrameFlagsAt, head.flags);
    store_le<std::uint32_t>(at + kFrameSizeAt, head.size);
    store_le<std::uint32_t>(at + kFrameEnvelopeSizeAt, head.envelope_size);
    store_le<std::uint32_t>(at + kFrameSummarySizeAt, head.summary_size);
    store_le<std::uint32_t>(at + kFrameMessageSizeAt, head.message_size);
    store_le<std::uint32_t>(at + kFrameOctetsAt, head.octets);
    store_le<std::uint32_t>(at + kFrameReservedAt, 0);
    std::ranges::copy(head.id.bytes(), at + kFrameIdAt);
    store_le<std::uint64_t>(at + kFrameReceivedAt, head.received_us);
    std::ranges::copy(head.server.bytes(), at + kFrameServerAt);
    store_le<std::uint32_t>(at + kFramePayloadCrcAt, head.payload_crc);
    store_le<std::uint32_t>(at + kFrameHeaderCrcAt, base::crc32c({at, kFrameHeaderCrcAt}));
    store_le<std::uint64_t>(at + kFrameTagAt, frame_tag(salt, offset, out));
}

std::optional<FrameHead> get_frame_head(const Salt& salt,
                                        std::uint64_t offset,
                                        std::span<const std::byte> bytes) noexcept {
    const std::byte* at = bytes.data();
    if (std::memcmp(at + kFrameMagicAt, kFrameMagic.data(), kFrameMagic.size()) != 0 ||
        load_le<std::uint8_t>(at + kFrameVersionAt) != kFrameVersion ||
        load_le<std::uint32_t>(at + kFrameHeaderCrcAt) != base::crc32c({at, kFrameHeaderCrcAt}) ||
        load_le<std::uint64_t>(at + kFrameTagAt) != frame_tag(salt, offset, bytes)) {
        return std::nullopt;
    }
    const auto type = load_le<std::uint8_t>(at + kFrameTypeAt);
    if (type < static_cast<std::uint8_t>(FrameType::Message) ||
        type > static_cast<std::uint8_t>(FrameType::Seal) ||
        load_le<std::uint32_t>(at + kFrameReservedAt) != 0) {
        return std::nullopt;
    }
    FrameHead head;
    head.type = static_cast<FrameType>(type);
    head.kind = load_le<std::uint8_t>(at + kFrameKindAt);
    head.flags = load_le<std::uint8_t>(at + kFrameFlagsAt);
    head.size = load_le<std::uint32_t>(at + kFrameSizeAt);
    head.envelope_size = load_le<std::uint32_t>(at + kFrameEnvelopeSizeAt);
    head.summary_size = load_le<std::uint32_t>(at + kFrameSummarySizeAt);
    head.message_size = load_le<std::uint32_t>(at + kFrameMessageSizeAt);
    head.octets = load_le<std::uint32_t>(at + kFrameOctetsAt);
    head.id =
        mail::MessageId::from_bytes(bytes.subspan(kFrameIdAt).first<mail::MessageId::kSize>());
    head.received_us = load_le<std::uint64_t>(at + kFrameReceivedAt);
    std::array<std::byte, base::Uuid::kBytes> server{};
    std::memcpy(server.data(), at + kFrameServerAt, server.size());
    head.server = MailServerId(base::Uuid(server));
    head.payload_crc = load_le<std::uint32_t>(at + kFramePayloadCrcAt);
    if (!is_consistent(head)) {
        return std::nullopt;
    }
    return head;
}

}  // namespace storage
