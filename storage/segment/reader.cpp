#include "storage/segment/reader.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "base/hash.h"
#include "storage/segment/frame_codec.h"
#include "storage/segment/little_endian.h"

namespace storage {

namespace {

using namespace format;  // the layout, used in every line below

base::Error corrupt(std::string_view detail) {
    return base::Error{base::Errc::Corrupt, "segment: " + std::string(detail)};
}

template <typename Id>
Id get_id(const std::byte* at) noexcept {
    std::array<std::byte, base::Uuid::kBytes> bytes{};
    std::memcpy(bytes.data(), at, bytes.size());
    return Id(base::Uuid(bytes));
}

mail::MessageId get_message_id(const std::byte* at) noexcept {
    return mail::MessageId::from_bytes(
        std::span<const std::byte, mail::MessageId::kSize>(at, mail::MessageId::kSize));
}

bool payload_is_good(const FrameHead& head, std::span<const std::byte> frame) noexcept {
    return base::crc32c(frame.first(head.size).subspan(kFrameHeaderSize)) == head.payload_crc;
}

FrameView make_view(const FrameHead& head, std::uint64_t offset, std::span<const std::byte> bytes) {
    const std::string_view payload =
        base::as_text(bytes.first(head.size).subspan(kFrameHeaderSize));
    FrameView view;
    view.type = head.type;
    view.id = head.id;
    view.kind =
        head.type == FrameType::Message ? static_cast<mail::Kind>(head.kind) : mail::Kind::Email;
    view.compression = (head.flags & kFlagZstd) != 0 ? Compression::Zstd : Compression::None;
    view.received_us = head.received_us;
    view.server = head.server;
    view.offset = offset;
    view.length = head.size;
    view.octets = head.octets;
    view.envelope = payload.substr(0, head.envelope_size);
    view.summary = payload.substr(head.envelope_size, head.summary_size);
    view.message = payload.substr(head.envelope_size + head.summary_size, head.message_size);
    return view;
}

// Sizes of the fixed part of a header that agree with each other.
base::Result<std::size_t> header_size(std::span<const std::byte> bytes) {
    const std::byte* at = bytes.data();
    if (bytes.size() < kHeaderReplicasAt ||
        std::memcmp(at + kHeaderMagicAt, kSegmentMagic.data(), kSegmentMagic.size()) != 0) {
        return corrupt("not a segment");
    }
    if (load_le<std::uint16_t>(at + kHeaderVersionAt) != kSegmentVersion) {
        return base::Error{base::Errc::Unsupported, "segment: unknown version"};
    }
    const std::size_t size = load_le<std::uint16_t>(at + kHeaderSizeAt);
    const std::size_t replicas = load_le<std::uint16_t>(at + kHeaderReplicaCountAt);
    const std::size_t writer = load_le<std::uint8_t>(at + kHeaderWriterSizeAt);
    const std::size_t min_copies = load_le<std::uint8_t>(at + kHeaderMinCopiesAt);
    if (replicas == 0 || replicas > kReplicasMax || writer == 0 || min_copies == 0 ||
        min_copies > replicas ||
        size !=
            aligned(kHeaderReplicasAt + replicas * base::Uuid::kBytes + writer + kHeaderCrcSize) ||
        size > bytes.size()) {
        return corrupt("header with impossible sizes");
    }
    return size;
}

}  // namespace

base::Result<DecodedHeader> decode_header(std::span<const std::byte> bytes) {
    const std::size_t size = TRY(header_size(bytes));
    const std::byte* at = bytes.data();
    if (load_le<std::uint32_t>(at + size - kHeaderCrcSize) !=
        base::crc32c({at, size - kHeaderCrcSize})) {
        return corrupt("header with a bad CRC");
    }
    DecodedHeader decoded;
    decoded.size = size;
    SegmentHeader& header = decoded.header;
    header.segment = get_id<SegmentId>(at + kHeaderSegmentAt);
    header.writer_id = get_id<MailServerId>(at + kHeaderWriterIdAt);
    header.boot_epoch = load_le<std::uint64_t>(at + kHeaderBootEpochAt);
    header.generation = load_le<std::uint32_t>(at + kHeaderGenerationAt);
    header.min_copies = load_le<std::uint8_t>(at + kHeaderMinCopiesAt);
    header.created_us = load_le<std::uint64_t>(at + kHeaderCreatedAt);
    std::memcpy(header.salt.data(), at + kHeaderSaltAt, header.salt.size());
    const std::size_t replicas = load_le<std::uint16_t>(at + kHeaderReplicaCountAt);
    std::size_t next = kHeaderReplicasAt;
    for (std::size_t i = 0; i < replicas; ++i, next += base::Uuid::kBytes) {
        header.replicas.push_back(get_id<StorageServerId>(at + next));
    }
    header.writer =
        base::as_text(bytes.subspan(next, load_le<std::uint8_t>(at + kHeaderWriterSizeAt)));
    if (header.segment.is_nil() || header.generation == 0) {
        return corrupt("header without id or generation");
    }
    return decoded;
}

base::Result<FrameView> decode_frame(const SegmentHeader& header,
                                     std::uint64_t offset,
                                     std::span<const std::byte> bytes) {
    if (bytes.size() < kFrameHeaderSize) {
        return corrupt("frame cut short");
    }
    const std::optional<FrameHead> head = get_frame_head(header.salt, offset, bytes);
    if (!head || head->size != bytes.size()) {
        return corrupt("no frame of this segment at this offset");
    }
    if (!payload_is_good(*head, bytes)) {
        return corrupt("frame with a bad CRC");
    }
    return make_view(*head, offset, bytes);
}

base::Result<AbortTarget> abort_target(const FrameView& frame) {
    if (frame.type != FrameType::Abort || frame.message.size() != kAbortSize) {
        return corrupt("not an abort frame");
    }
    const std::byte* at = base::as_bytes(frame.message).data();
    return AbortTarget{frame.id,
                       get_id<SegmentId>(at + kAbortSegmentAt),
                       load_le<std::uint64_t>(at + kAbortOffsetAt)};
}

base::Result<Seal> seal_of(const FrameView& frame) {
    const std::span<const std::byte> payload = base::as_bytes(frame.message);
    if (frame.type != FrameType::Seal || payload.size() < kSealFixedSize + kTrailerSize) {
        return corrupt("not a seal");
    }
    const std::byte* at = payload.data();
    Seal seal;
    seal.data_size = load_le<std::uint64_t>(at + kSealDataSizeAt);
    seal.file_size = load_le<std::uint64_t>(at + kSealFileSizeAt);
    const std::size_t count = load_le<std::uint32_t>(at + kSealFrameCountAt);
    if (count > kFramesMax || load_le<std::uint32_t>(at + kSealEntrySizeAt) != kIndexEntrySize ||
        payload.size() != kSealFixedSize + count * kIndexEntrySize + kTrailerSize ||
        seal.data_size != frame.offset || seal.file_size != frame.offset + frame.length) {
        return corrupt("a seal that contradicts itself");
    }
    std::memcpy(seal.digest.data(), at + kSealDigestAt, seal.digest.size());
    at += kSealFixedSize;
    seal.index.reserve(count);
    for (std::size_t i = 0; i < count; ++i, at += kIndexEntrySize) {
        const auto kind = load_le<std::uint8_t>(at + kIndexKindAt);
        seal.index.push_back(IndexEntry{
            static_cast<FrameType>(load_le<std::uint8_t>(at + kIndexTypeAt)),
            kind == 0 ? mail::Kind::Email : static_cast<mail::Kind>(kind),
            load_le<std::uint64_t>(at + kIndexOffsetAt),
            load_le<std::uint32_t>(at + kIndexLengthAt),
            get_message_id(at + kIndexIdAt),
        });
    }
    return seal;
}

base::Result<std::uint64_t> seal_offset(std::span<const std::byte> last_bytes) {
    if (last_bytes.size() < kTrailerSize) {
        return corrupt("too short for a seal");
    }
    const std::byte* at = last_bytes.last(kTrailerSize).data();
    if (std::memcmp(at + kTrailerMagicAt, kTrailerMagic.data(), kTrailerMagic.size()) != 0 ||
        load_le<std::uint32_t>(at + kTrailerCrcAt) != base::crc32c({at, kTrailerCrcAt})) {
        return corrupt("no seal at the end");
    }
    return load_le<std::uint64_t>(at + kTrailerSealAt);
}

Replay::Replay(SegmentHeader header, std::uint64_t header_size)
    : header_(std::move(header)), position_(header_size), durable_size_(header_size) {
}

Replay::Event Replay::next(std::span<const std::byte> window, AtEnd at_end) {
    while (!ended_ && position_ + kFrameHeaderSize <= kSegmentSizeMax) {
        if (window.size() < kFrameHeaderSize) {
            if (at_end == AtEnd::No) {
                return NeedMore{kFrameHeaderSize};
            }
            break;
        }
        const std::optional<FrameHead> head = get_frame_head(header_.salt, position_, window);
        if (head && head->size > window.size()) {
            if (at_end == AtEnd::No) {
                return NeedMore{head->size};
            }
            break;  // torn: a genuine frame's bytes hold no other frame, and the file ends in them
        }
        if (head && payload_is_good(*head, window)) {
            const FrameView view = make_view(*head, position_, window);
            if (head->type != FrameType::Seal || seal_of(view)) {
                return deliver(view);
            }
        }
        if (!scanning_) {
            scanning_ = true;
            bad_from_ = position_;
        }
        // A genuine head says where its frame ends, although the rest of it is bad.
        const std::size_t step = head ? head->size : kAlignment;
        position_ += step;
        window = window.subspan(step);
    }
    ended_ = true;
    return End{};
}

Replay::Event Replay::deliver(const FrameView& frame) {
    if (scanning_) {
        scanning_ = false;  // the frame itself comes with the next call
        return Gap{bad_from_, position_};
    }
    position_ += frame.length;
    durable_size_ = position_;
    if (frame.type == FrameType::Seal) {
        sealed_ = true;
        ended_ = true;
    }
    return frame;
}

base::Result<ReplayResult> replay(std::span<const std::byte> file) {
    ReplayResult result;
    result.header = TRY(decode_header(file));
    Replay walk(result.header.header, result.header.size);
    for (;;) {
        const Replay::Event event =
            walk.next(file.subspan(static_cast<std::size_t>(walk.position())), Replay::AtEnd::Yes);
        if (std::holds_alternative<Replay::End>(event)) {
            break;
        }
        if (const Gap* gap = std::get_if<Gap>(&event)) {
            result.gaps.push_back(*gap);
            continue;
        }
        const auto& frame = std::get<FrameView>(event);
        if (frame.type == FrameType::Seal) {
            result.seal = TRY(seal_of(frame));
            continue;
        }
        if (frame.type == FrameType::Abort) {
            result.aborts.push_back(TRY(abort_target(frame)));
        }
        result.frames.push_back(
            IndexEntry{frame.type, frame.kind, frame.offset, frame.length, frame.id});
    }
    result.durable_size = walk.durable_size();
    return result;
}

base::Result<Seal> verify_sealed(std::span<const std::byte> file) {
    ReplayResult found = TRY(replay(file));
    if (!found.seal) {
        return corrupt("no seal");
    }
    // A place that the index leaves out had no good octets when it was sealed: the digest covers
    // it.
    if (found.frames != found.seal->index) {
        return corrupt("frames are missing before the seal");
    }
    if (base::sha256(file.first(static_cast<std::size_t>(found.seal->data_size))) !=
        found.seal->digest) {
        return corrupt("SHA-256 differs from the seal's");
    }
    return std::move(*found.seal);
}

}  // namespace storage
