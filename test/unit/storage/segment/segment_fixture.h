#pragma once

// Segments for tests: deterministic ids, salts and frames.

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "storage/segment/encoder.h"
#include "storage/segment/frame.h"

namespace storage_test {

inline base::Uuid uuid_of(std::uint8_t group, std::uint8_t number) {
    std::array<std::byte, 16> bytes{};
    bytes[0] = std::byte{1};
    bytes[6] = std::byte{0x70};
    bytes[8] = std::byte{0x80};
    bytes[14] = static_cast<std::byte>(group);
    bytes[15] = static_cast<std::byte>(number);
    return base::Uuid(bytes);
}

inline mail::MessageId message_id(std::uint8_t number) {
    return mail::MessageId::from_bytes(uuid_of(9, number).bytes());
}

inline storage::SegmentHeader make_header(std::uint8_t salt = 7, std::uint8_t number = 1) {
    storage::SegmentHeader header;
    header.segment = storage::SegmentId(uuid_of(1, number));
    header.writer = "mx1";
    header.writer_id = storage::MailServerId(uuid_of(2, 1));
    header.boot_epoch = 41;
    header.replicas = {storage::StorageServerId(uuid_of(3, 1)),
                       storage::StorageServerId(uuid_of(3, 2))};
    header.min_copies = 2;
    header.created_us = 1'795'345'200'000'000U;
    header.salt.fill(static_cast<std::byte>(salt));
    return header;
}

inline storage::FrameInput make_frame(std::uint8_t number, std::string message) {
    storage::FrameInput frame;
    frame.id = message_id(number);
    frame.kind = number % 3 == 0 ? mail::Kind::Fax : mail::Kind::Email;
    frame.received_us = 1'795'345'200'000'000U + number;
    frame.server = storage::MailServerId(uuid_of(2, 1));
    frame.envelope = "envelope " + std::to_string(number);
    frame.summary = "summary";
    frame.message = std::move(message);
    return frame;
}

/// A segment in memory and where its frames lie.
struct BuiltSegment {
    storage::SegmentHeader header;
    storage::Bytes bytes;
    std::vector<storage::FrameLocation> frames;
    std::uint64_t data_size = 0;
};

/// One frame for each message; then an abort of the first, if asked; then the seal, if asked.
inline BuiltSegment build_segment(const storage::SegmentHeader& header,
                                  const std::vector<std::string>& messages,
                                  bool with_abort,
                                  bool with_seal) {
    BuiltSegment built;
    built.header = header;
    storage::SegmentEncoder encoder = storage::SegmentEncoder::create(header).take_value();
    encoder.begin(built.bytes);
    std::uint8_t number = 1;
    for (const std::string& message : messages) {
        built.frames.push_back(encoder.append(make_frame(number++, message), built.bytes).value());
    }
    if (with_abort) {
        built.frames.push_back(encoder
                                   .append_abort({message_id(1), header.segment, 0},
                                                 header.created_us,
                                                 header.writer_id,
                                                 built.bytes)
                                   .value());
    }
    built.data_size = encoder.size();
    if (with_seal) {
        encoder.seal(built.bytes);
    }
    return built;
}

}  // namespace storage_test
