#pragma once

// The numbers of the segment format, version 1. storage/SEGMENT.md says what each byte means; this
// header says where it is. All integers are unsigned and little-endian, ids are 16 octets as a UUID
// writes them. Nothing here is ever changed: a new layout gets a new version.

#include <array>
#include <cstddef>
#include <cstdint>

#include "mail/limits.h"

namespace storage::format {

// ---- Sizes that bound everything.
inline constexpr std::uint64_t kFrameSizeMax = 64U << 20U;   // one whole frame
inline constexpr std::uint64_t kSegmentSizeMax = 1U << 30U;  // one file, seal included
inline constexpr std::size_t kFramesMax = 1'000'000;         // in one segment
inline constexpr std::size_t kReplicasMax = 32;
inline constexpr std::size_t kWriterNameMax = 255;
inline constexpr std::size_t kHeaderSizeMax = 1024;
inline constexpr std::size_t kAlignment = 8;  // of every frame's offset and length

// ---- Segment header.
inline constexpr std::array<std::uint8_t, 8> kSegmentMagic{
    0x89, 'R', 'T', 'S', 'E', 'G', 0x0D, 0x0A};
inline constexpr std::uint16_t kSegmentVersion = 1;

inline constexpr std::size_t kHeaderMagicAt = 0;
inline constexpr std::size_t kHeaderVersionAt = 8;        // u16
inline constexpr std::size_t kHeaderSizeAt = 10;          // u16, multiple of kAlignment
inline constexpr std::size_t kHeaderReplicaCountAt = 12;  // u16, 1..kReplicasMax
inline constexpr std::size_t kHeaderMinCopiesAt = 14;     // u8, 1..kReplicasMax
inline constexpr std::size_t kHeaderWriterSizeAt = 15;    // u8, 1..kWriterNameMax
inline constexpr std::size_t kHeaderSegmentAt = 16;       // 16 octets
inline constexpr std::size_t kHeaderBootEpochAt = 32;     // u64
inline constexpr std::size_t kHeaderGenerationAt = 40;    // u32, from 1
inline constexpr std::size_t kHeaderReservedAt = 44;      // u32, 0
inline constexpr std::size_t kHeaderCreatedAt = 48;       // u64, microseconds since 1970
inline constexpr std::size_t kHeaderSaltAt = 56;          // 16 octets
inline constexpr std::size_t kHeaderWriterIdAt = 72;      // 16 octets
inline constexpr std::size_t kHeaderReplicasAt = 88;      // 16 octets each, then the writer's name
inline constexpr std::size_t kHeaderCrcSize = 4;          // the last octets of the header
inline constexpr std::size_t kSaltSize = 16;

// The boot epoch of a segment that was written whole, seal included. Writers that append count
// theirs from 1.
inline constexpr std::uint64_t kWholeBootEpoch = 0;

static_assert(kHeaderReplicasAt % kAlignment == 0);
static_assert(kHeaderReplicasAt + kReplicasMax * 16 + kWriterNameMax + kHeaderCrcSize +
                  kAlignment <=
              kHeaderSizeMax);

// ---- Frame header.
inline constexpr std::array<std::uint8_t, 4> kFrameMagic{0xF5, 'R', 'T', 'F'};
inline constexpr std::uint8_t kFrameVersion = 1;

inline constexpr std::size_t kFrameMagicAt = 0;
inline constexpr std::size_t kFrameVersionAt = 4;        // u8
inline constexpr std::size_t kFrameTypeAt = 5;           // u8
inline constexpr std::size_t kFrameKindAt = 6;           // u8, 0 unless a message
inline constexpr std::size_t kFrameFlagsAt = 7;          // u8
inline constexpr std::size_t kFrameSizeAt = 8;           // u32, whole frame, multiple of kAlignment
inline constexpr std::size_t kFrameEnvelopeSizeAt = 12;  // u32
inline constexpr std::size_t kFrameSummarySizeAt = 16;   // u32
inline constexpr std::size_t kFrameMessageSizeAt = 20;   // u32, as stored
inline constexpr std::size_t kFrameOctetsAt = 24;        // u32, of the message before compression
inline constexpr std::size_t kFrameReservedAt = 28;      // u32, 0
inline constexpr std::size_t kFrameIdAt = 32;            // 16 octets
inline constexpr std::size_t kFrameReceivedAt = 48;      // u64, microseconds since 1970
inline constexpr std::size_t kFrameServerAt = 56;        // 16 octets
inline constexpr std::size_t kFramePayloadCrcAt = 72;    // u32
inline constexpr std::size_t kFrameHeaderCrcAt = 76;     // u32, of the octets before it
inline constexpr std::size_t kFrameTagAt = 80;           // u64, SipHash-2-4
inline constexpr std::size_t kFrameHeaderSize = 88;

inline constexpr std::uint8_t kFlagZstd = 1;  // the message is one zstd frame
inline constexpr std::uint8_t kFlagsKnown = kFlagZstd;

static_assert(kFrameHeaderSize % kAlignment == 0);
static_assert(kFrameTagAt + 8 == kFrameHeaderSize);
static_assert(kFrameHeaderSize + mail::kSmtpEnvelopeMax + mail::kSummaryMax < kFrameSizeMax);

/// Largest message, as stored and as read, that fits a frame beside any envelope and summary.
inline constexpr std::uint64_t kMessageSizeMax =
    kFrameSizeMax - kFrameHeaderSize - mail::kSmtpEnvelopeMax - mail::kSummaryMax - kAlignment;

// ---- Payload of an abort frame (in the place of the message).
inline constexpr std::size_t kAbortSegmentAt = 0;  // 16 octets, the segment of the cancelled frame
inline constexpr std::size_t kAbortOffsetAt = 16;  // u64, its offset there
inline constexpr std::size_t kAbortSize = 24;

// ---- Payload of the seal (in the place of the message): fixed part, index, trailer.
inline constexpr std::size_t kSealDataSizeAt = 0;     // u64, offset of the seal itself
inline constexpr std::size_t kSealFileSizeAt = 8;     // u64, offset of its end
inline constexpr std::size_t kSealFrameCountAt = 16;  // u32
inline constexpr std::size_t kSealEntrySizeAt = 20;   // u32, kIndexEntrySize
inline constexpr std::size_t kSealDigestAt = 24;      // 32 octets, SHA-256 of all before the seal
inline constexpr std::size_t kSealFixedSize = 56;

inline constexpr std::size_t kIndexOffsetAt = 0;     // u64
inline constexpr std::size_t kIndexLengthAt = 8;     // u32
inline constexpr std::size_t kIndexTypeAt = 12;      // u8
inline constexpr std::size_t kIndexKindAt = 13;      // u8
inline constexpr std::size_t kIndexReservedAt = 14;  // u16, 0
inline constexpr std::size_t kIndexIdAt = 16;        // 16 octets
inline constexpr std::size_t kIndexEntrySize = 32;

inline constexpr std::array<std::uint8_t, 8> kTrailerMagic{
    'R', 'T', 'S', 'E', 'A', 'L', 0x0D, 0x0A};
inline constexpr std::size_t kTrailerMagicAt = 0;
inline constexpr std::size_t kTrailerSealAt = 8;   // u64, offset of the seal
inline constexpr std::size_t kTrailerCrcAt = 16;   // u32, of the 16 octets before
inline constexpr std::size_t kTrailerZeroAt = 20;  // u32, 0
inline constexpr std::size_t kTrailerSize = 24;

static_assert((kSealFixedSize + kTrailerSize) % kAlignment == 0);
static_assert(kIndexEntrySize % kAlignment == 0);
static_assert(kFrameHeaderSize + kSealFixedSize + kFramesMax * kIndexEntrySize + kTrailerSize <=
              kFrameSizeMax);

}  // namespace storage::format
