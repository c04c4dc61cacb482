#pragma once

// The fixed part of a frame, shared by encoder and reader so that both agree on every byte; nobody
// else needs it. Thread rule: pure.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "storage/segment/frame.h"

namespace storage {

/// The 88 bytes before a frame's payload, less magic, version and checksums.
struct FrameHead {
    FrameType type = FrameType::Message;
    std::uint8_t kind = 0;
    std::uint8_t flags = 0;
    std::uint32_t size = 0;
    std::uint32_t envelope_size = 0;
    std::uint32_t summary_size = 0;
    std::uint32_t message_size = 0;
    std::uint32_t octets = 0;
    mail::MessageId id;
    std::uint64_t received_us = 0;
    MailServerId server;
    std::uint32_t payload_crc = 0;
};

/// `bytes` up to the next multiple of format::kAlignment.
[[nodiscard]] constexpr std::uint64_t aligned(std::uint64_t bytes) noexcept {
    return (bytes + format::kAlignment - 1) / format::kAlignment * format::kAlignment;
}

/// Size of a frame with these parts.
[[nodiscard]] constexpr std::uint64_t frame_size(std::uint64_t envelope,
                                                 std::uint64_t summary,
                                                 std::uint64_t message) noexcept {
    return aligned(format::kFrameHeaderSize + envelope + summary + message);
}

/// Size of the seal of a segment with so many frames.
[[nodiscard]] constexpr std::uint64_t seal_size(std::uint64_t frames) noexcept {
    return frame_size(
        0, 0, format::kSealFixedSize + frames * format::kIndexEntrySize + format::kTrailerSize);
}

/// Writes the 88 bytes, checksum and tag included, to `out` (at least kFrameHeaderSize).
void put_frame_head(const FrameHead& head,
                    const Salt& salt,
                    std::uint64_t offset,
                    std::span<std::byte> out) noexcept;

/// Reads them; nothing unless all of it is right: magic, version, checksum, tag, and lengths that
/// agree with each other and with the type. `bytes`: at least kFrameHeaderSize.
[[nodiscard]] std::optional<FrameHead> get_frame_head(const Salt& salt,
                                                      std::uint64_t offset,
                                                      std::span<const std::byte> bytes) noexcept;

}  // namespace storage
