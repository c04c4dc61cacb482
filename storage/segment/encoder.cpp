#include "storage/segment/encoder.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

#include "base/check.h"
#include "mail/limits.h"
#include "storage/segment/compress.h"
#include "storage/segment/frame_codec.h"
#include "storage/segment/little_endian.h"

namespace storage {

namespace {

using namespace format;  // the layout, used in every line below

base::Error invalid(std::string_view detail) {
    return base::Error{base::Errc::Invalid, "segment: " + std::string(detail)};
}

base::Status check_header(const SegmentHeader& header) {
    if (header.segment.is_nil() || header.generation == 0) {
        return invalid("no segment id or no generation");
    }
    if (header.replicas.empty() || header.replicas.size() > kReplicasMax) {
        return invalid("number of replicas out of bounds");
    }
    if (header.min_copies == 0 || header.min_copies > header.replicas.size()) {
        return invalid("min_copies out of bounds");
    }
    if (header.writer.empty() || header.writer.size() > kWriterNameMax) {
        return invalid("size of the writer's name out of bounds");
    }
    return base::Done{};
}

// Appends a frame whose head lacks sizes and payload CRC. The parts become one payload.
std::uint32_t put_frame(FrameHead head,
                        const Salt& salt,
                        std::uint64_t offset,
                        std::array<std::string_view, 3> parts,
                        Bytes& out) {
    head.envelope_size = static_cast<std::uint32_t>(parts[0].size());
    head.summary_size = static_cast<std::uint32_t>(parts[1].size());
    head.message_size = static_cast<std::uint32_t>(parts[2].size());
    const std::uint64_t size = frame_size(parts[0].size(), parts[1].size(), parts[2].size());
    CHECK(size <= kFrameSizeMax && offset % kAlignment == 0);
    head.size = static_cast<std::uint32_t>(size);
    const std::size_t start = out.size();
    out.resize(start + kFrameHeaderSize);
    for (const std::string_view part : parts) {
        const std::span<const std::byte> bytes = base::as_bytes(part);
        out.insert(out.end(), bytes.begin(), bytes.end());
    }
    out.resize(start + size);  // the padding is zero
    const std::span<std::byte> frame(out.data() + start, size);
    head.payload_crc = base::crc32c(frame.subspan(kFrameHeaderSize));
    put_frame_head(head, salt, offset, frame);
    return head.size;
}

Bytes seal_payload(const Seal& seal) {
    Bytes payload(kSealFixedSize + seal.index.size() * kIndexEntrySize + kTrailerSize);
    std::byte* at = payload.data();
    store_le<std::uint64_t>(at + kSealDataSizeAt, seal.data_size);
    store_le<std::uint64_t>(at + kSealFileSizeAt, seal.file_size);
    store_le<std::uint32_t>(at + kSealFrameCountAt, static_cast<std::uint32_t>(seal.index.size()));
    store_le<std::uint32_t>(at + kSealEntrySizeAt, kIndexEntrySize);
    std::ranges::copy(seal.digest, at + kSealDigestAt);
    at += kSealFixedSize;
    for (const IndexEntry& entry : seal.index) {
        const bool is_message = entry.type == FrameType::Message;
        store_le<std::uint64_t>(at + kIndexOffsetAt, entry.offset);
        store_le<std::uint32_t>(at + kIndexLengthAt, entry.length);
        store_le<std::uint8_t>(at + kIndexTypeAt, static_cast<std::uint8_t>(entry.type));
        store_le<std::uint8_t>(
            at + kIndexKindAt,
            is_message ? static_cast<std::uint8_t>(entry.kind) : std::uint8_t{0});
        std::ranges::copy(entry.id.bytes(), at + kIndexIdAt);
        at += kIndexEntrySize;
    }
    std::memcpy(at + kTrailerMagicAt, kTrailerMagic.data(), kTrailerMagic.size());
    store_le<std::uint64_t>(at + kTrailerSealAt, seal.data_size);
    store_le<std::uint32_t>(at + kTrailerCrcAt, base::crc32c({at, kTrailerCrcAt}));
    return payload;
}

}  // namespace

base::Result<Bytes> encode_header(const SegmentHeader& header) {
    TRY(check_header(header));
    const std::size_t names_at = kHeaderReplicasAt + header.replicas.size() * base::Uuid::kBytes;
    const auto size =
        static_cast<std::size_t>(aligned(names_at + header.writer.size() + kHeaderCrcSize));
    CHECK(size <= kHeaderSizeMax);
    Bytes bytes(size);
    std::byte* at = bytes.data();
    std::memcpy(at + kHeaderMagicAt, kSegmentMagic.data(), kSegmentMagic.size());
    store_le<std::uint16_t>(at + kHeaderVersionAt, kSegmentVersion);
    store_le<std::uint16_t>(at + kHeaderSizeAt, static_cast<std::uint16_t>(size));
    store_le<std::uint16_t>(at + kHeaderReplicaCountAt,
                            static_cast<std::uint16_t>(header.replicas.size()));
    store_le<std::uint8_t>(at + kHeaderMinCopiesAt, header.min_copies);
    store_le<std::uint8_t>(at + kHeaderWriterSizeAt,
                           static_cast<std::uint8_t>(header.writer.size()));
    std::ranges::copy(header.segment.bytes(), at + kHeaderSegmentAt);
    store_le<std::uint64_t>(at + kHeaderBootEpochAt, header.boot_epoch);
    store_le<std::uint32_t>(at + kHeaderGenerationAt, header.generation);
    store_le<std::uint64_t>(at + kHeaderCreatedAt, header.created_us);
    std::ranges::copy(header.salt, at + kHeaderSaltAt);
    std::ranges::copy(header.writer_id.bytes(), at + kHeaderWriterIdAt);
    std::size_t replica_at = kHeaderReplicasAt;
    for (const StorageServerId& replica : header.replicas) {
        std::ranges::copy(replica.bytes(), at + replica_at);
        replica_at += base::Uuid::kBytes;
    }
    std::memcpy(at + names_at, header.writer.data(), header.writer.size());
    store_le<std::uint32_t>(at + size - kHeaderCrcSize, base::crc32c({at, size - kHeaderCrcSize}));
    return bytes;
}

std::uint64_t sealed_size(std::uint64_t data_size, std::size_t frames) noexcept {
    return data_size + seal_size(frames);
}

base::Result<Bytes> encode_seal(const SegmentHeader& header, const Seal& seal) {
    if (seal.index.size() > kFramesMax || seal.data_size % kAlignment != 0 ||
        seal.file_size != seal.data_size + seal_size(seal.index.size()) ||
        seal.file_size > kSegmentSizeMax) {
        return invalid("a seal that contradicts itself");
    }
    const Bytes payload = seal_payload(seal);
    FrameHead head;
    head.type = FrameType::Seal;
    head.octets = static_cast<std::uint32_t>(payload.size());
    head.id = mail::MessageId::from_bytes(header.segment.bytes());
    head.received_us = header.created_us;
    head.server = header.writer_id;
    Bytes out;
    (void)put_frame(  // its size is in `seal` already
        head,
        header.salt,
        seal.data_size,
        {"", "", base::as_text(payload)},
        out);
    return out;
}

base::Result<SegmentEncoder> SegmentEncoder::create(SegmentHeader header, Digest digest) {
    TRY(check_header(header));
    return SegmentEncoder(std::move(header), digest);
}

SegmentEncoder::SegmentEncoder(SegmentHeader header, Digest digest)
    : header_(std::move(header)), digest_by_(digest) {
}

void SegmentEncoder::account(std::span<const std::byte> bytes) {
    size_ += bytes.size();
    if (digest_by_ == Digest::AtOnce) {
        digest(bytes);
    }
}

void SegmentEncoder::digest(std::span<const std::byte> bytes) {
    digest_.update(bytes);
    digested_ += bytes.size();
    CHECK(digested_ <= size_);
}

void SegmentEncoder::begin(Bytes& out) {
    CHECK(size_ == 0);
    const base::Result<Bytes> bytes = encode_header(header_);
    CHECK(bytes.operator bool());  // create() has checked it
    out.insert(out.end(), bytes.value().begin(), bytes.value().end());
    account(bytes.value());
}

base::Result<FrameLocation> SegmentEncoder::append(const FrameInput& frame, Bytes& out) {
    const bool is_message = frame.type == FrameType::Message;
    if (frame.id.is_nil() || (!is_message && frame.type != FrameType::Journal)) {
        return invalid("a frame without id, or of a type that is made inside");
    }
    if (!is_message && (!frame.envelope.empty() || !frame.summary.empty())) {
        return invalid("a journal frame with envelope or summary");
    }
    if (frame.envelope.size() > mail::kSmtpEnvelopeMax ||
        frame.summary.size() > mail::kSummaryMax || frame.message.size() > kMessageSizeMax) {
        return base::Error{base::Errc::TooLarge, "segment: part of a frame is too large"};
    }
    const bool is_ahead = frame.octets != 0;
    if (is_ahead && frame.octets > kMessageSizeMax) {
        return base::Error{base::Errc::TooLarge, "segment: part of a frame is too large"};
    }
    std::string_view message = frame.message;
    std::optional<std::string> compressed;
    FrameHead head;
    if (frame.compression == Compression::Zstd && !is_ahead) {
        compressed = compress(frame.message);
    }
    if (compressed) {
        message = *compressed;
    }
    if (compressed || is_ahead) {
        head.flags = kFlagZstd;
    }
    head.type = frame.type;
    head.kind = is_message ? static_cast<std::uint8_t>(frame.kind) : std::uint8_t{0};
    head.octets = is_ahead ? frame.octets : static_cast<std::uint32_t>(frame.message.size());
    head.id = frame.id;
    head.received_us = frame.received_us;
    head.server = frame.server;
    return append_parts(head, {frame.envelope, frame.summary, message}, frame.kind, out);
}

base::Result<FrameLocation> SegmentEncoder::append_abort(const AbortTarget& target,
                                                         std::uint64_t now_us,
                                                         const MailServerId& server,
                                                         Bytes& out) {
    if (target.id.is_nil() || target.segment.is_nil()) {
        return invalid("an abort of nothing");
    }
    std::array<std::byte, kAbortSize> payload{};
    std::ranges::copy(target.segment.bytes(), payload.begin() + kAbortSegmentAt);
    store_le<std::uint64_t>(payload.data() + kAbortOffsetAt, target.offset);
    FrameHead head;
    head.type = FrameType::Abort;
    head.octets = kAbortSize;
    head.id = target.id;
    head.received_us = now_us;
    head.server = server;
    return append_parts(head, {"", "", base::as_text(payload)}, mail::Kind::Email, out);
}

base::Result<FrameLocation> SegmentEncoder::append_parts(
    const FrameHead& head,
    const std::array<std::string_view, 3>& parts,
    mail::Kind kind,
    Bytes& out) {
    CHECK(size_ > 0 && !sealed_);
    const std::uint64_t size = frame_size(parts[0].size(), parts[1].size(), parts[2].size());
    if (index_.size() >= kFramesMax ||
        size_ + size + seal_size(index_.size() + 1) > kSegmentSizeMax) {
        return base::Error{base::Errc::Busy, "segment: full"};
    }
    const FrameLocation location{
        header_.segment, size_, put_frame(head, header_.salt, size_, parts, out)};
    account(std::span(out).last(location.length));
    index_.push_back(IndexEntry{head.type, kind, location.offset, location.length, head.id});
    return location;
}

Seal SegmentEncoder::seal(Bytes& out) {
    CHECK(size_ > 0 && !sealed_ && digested_ == size_);
    sealed_ = true;
    Seal seal;
    seal.data_size = size_;
    seal.file_size = size_ + seal_size(index_.size());
    seal.digest = digest_.finish();
    seal.index = std::move(index_);
    const base::Result<Bytes> bytes = encode_seal(header_, seal);
    CHECK(bytes.operator bool());  // append() has left room for it
    out.insert(out.end(), bytes.value().begin(), bytes.value().end());
    size_ = seal.file_size;
    return seal;
}

}  // namespace storage
