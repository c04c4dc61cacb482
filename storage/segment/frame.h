#pragma once

// Frames and segment headers as values: what a writer puts in and what a reader gets out. The bytes
// are in storage/SEGMENT.md; encoder.h makes them, reader.h reads them.
//
// Thread rule: values. A FrameView borrows the bytes that it was decoded from.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "mail/kind.h"
#include "mail/message_id.h"
#include "storage/segment/format.h"
#include "storage/segment/ids.h"

namespace storage {

using Bytes = std::vector<std::byte>;
using Salt = std::array<std::byte, format::kSaltSize>;

/// What the first bytes of every copy of a segment say. Fixed when the segment is opened.
struct SegmentHeader {
    SegmentId segment;
    std::string writer;  ///< name of the mail server (or tracker) that writes it
    MailServerId writer_id;
    std::uint64_t boot_epoch = 0;  ///< of the writer: grows at each of its starts
    std::uint32_t generation =
        1;  ///< as first written; a repaired copy keeps it, its name does not
    std::vector<StorageServerId> replicas;
    std::uint8_t min_copies = 1;   ///< distinct failure domains that an acknowledged frame is in
    std::uint64_t created_us = 0;  ///< microseconds since 1970
    Salt salt{};                   ///< random, per segment; keys the tags; told to no peer

    friend bool operator==(const SegmentHeader&, const SegmentHeader&) = default;
};

enum class FrameType : std::uint8_t { Message = 1, Abort = 2, Journal = 3, Seal = 4 };

enum class Compression : std::uint8_t { None, Zstd };

/// A frame as its writer hands it in. The three texts are octets, kept as they are.
/// Message: all fields. Journal: `id`, `received_us`, `server`, `message` (its meaning is the
/// writer's); kind is not stored.
struct FrameInput {
    FrameType type = FrameType::Message;  ///< Message or Journal; aborts and seals are made inside
    mail::MessageId id;
    mail::Kind kind = mail::Kind::Email;
    Compression compression = Compression::None;  ///< of the message, kept only if it gains
    std::uint32_t octets = 0;       ///< not 0: `message` is compressed already, and was so large
    std::uint64_t received_us = 0;  ///< microseconds since 1970
    MailServerId server;            ///< which mail server accepted it
    std::string envelope;           ///< mail::encode(Envelope)
    std::string summary;            ///< mail::encode(Summary)
    std::string message;            ///< octet-exact
};

/// A whole, checked frame: magic, lengths, both CRCs and the tag were right.
struct FrameView {
    FrameType type = FrameType::Message;
    mail::MessageId id;  ///< of an abort: the id that it cancels; of a seal: the segment's
    mail::Kind kind = mail::Kind::Email;  ///< meaningful for messages only
    Compression compression = Compression::None;
    std::uint64_t received_us = 0;
    MailServerId server;
    std::uint64_t offset = 0;  ///< where in the segment
    std::uint32_t length = 0;  ///< whole frame
    std::uint32_t octets = 0;  ///< size of the message before compression
    std::string_view envelope;
    std::string_view summary;
    std::string_view message;  ///< as stored: see message_octets() in compress.h
};

/// What an abort frame cancels.
struct AbortTarget {
    mail::MessageId id;
    SegmentId segment;
    std::uint64_t offset = 0;

    friend bool operator==(const AbortTarget&, const AbortTarget&) = default;
};

/// One line of a seal's index.
struct IndexEntry {
    FrameType type = FrameType::Message;
    mail::Kind kind = mail::Kind::Email;  ///< meaningful for messages only
    std::uint64_t offset = 0;
    std::uint32_t length = 0;
    mail::MessageId id;

    friend bool operator==(const IndexEntry&, const IndexEntry&) = default;
};

/// What a seal says. Bytes at and beyond `file_size` do not exist.
struct Seal {
    std::uint64_t data_size = 0;  ///< header and frames: what `digest` covers
    std::uint64_t file_size = 0;  ///< the seal included
    base::Digest256 digest{};     ///< SHA-256 of the first data_size bytes
    std::vector<IndexEntry> index;

    friend bool operator==(const Seal&, const Seal&) = default;
};

}  // namespace storage
