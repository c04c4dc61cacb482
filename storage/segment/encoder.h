#pragma once

// SegmentEncoder: turns frames into the bytes of one segment, at their final offsets. It touches no
// file: whoever owns it writes the bytes it appends, in order, to every replica.
//
// The encoder keeps the running SHA-256 and the index, so that a seal costs one pass over nothing.
// SHA-256 is most of what encoding costs: who writes many messages has it done while the bytes are
// on their way to the disks (Digest::ByOwner).
// Thread rule: one thread at a time. Limits: format.h.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "base/result.h"
#include "storage/segment/frame.h"

namespace storage {

struct FrameHead;

/// When the SHA-256 of what is appended is taken.
enum class Digest : std::uint8_t {
    AtOnce,
    ByOwner,  ///< digest() is called with all that was appended, in order, before seal()
};

/// See the top of this file.
class SegmentEncoder {
  public:
    /// Invalid: no replica, too many, min_copies 0 or over the replicas, no writer's name or one
    /// over kWriterNameMax, generation 0, a nil segment id.
    [[nodiscard]] static base::Result<SegmentEncoder> create(SegmentHeader header,
                                                             Digest digest = Digest::AtOnce);

    /// Appends the segment header's bytes. Call once, first.
    void begin(Bytes& out);

    /// Appends one frame and says where it lies. Errors leave encoder and `out` as they were:
    /// TooLarge (the message, envelope or summary is over its limit), Busy (the segment is full:
    /// rotate), Invalid (a nil id, a type that is neither Message nor Journal).
    [[nodiscard]] base::Result<FrameLocation> append(const FrameInput& frame, Bytes& out);

    /// Appends the abort frame that cancels `target`. Errors as append.
    [[nodiscard]] base::Result<FrameLocation> append_abort(const AbortTarget& target,
                                                           std::uint64_t now_us,
                                                           const MailServerId& server,
                                                           Bytes& out);

    /// With Digest::ByOwner only: the next bytes that were appended.
    void digest(std::span<const std::byte> bytes);

    /// Appends the seal and says what is in it; nothing may be appended after it.
    Seal seal(Bytes& out);

    [[nodiscard]] const SegmentHeader& header() const noexcept { return header_; }

    /// Where the next frame begins: the size of all that was appended so far.
    [[nodiscard]] std::uint64_t size() const noexcept { return size_; }

    [[nodiscard]] std::size_t frames() const noexcept { return index_.size(); }

  private:
    SegmentEncoder(SegmentHeader header, Digest digest);

    void account(std::span<const std::byte> bytes);
    [[nodiscard]] base::Result<FrameLocation> append_parts(
        const FrameHead& head,
        const std::array<std::string_view, 3>& parts,
        mail::Kind kind,
        Bytes& out);

    SegmentHeader header_;
    Digest digest_by_;
    base::Sha256 digest_;
    std::uint64_t digested_ = 0;  // up to here
    std::vector<IndexEntry> index_;
    std::uint64_t size_ = 0;
    bool sealed_ = false;
};

/// Size of the sealed file behind that much data, with so many frames in the index.
[[nodiscard]] std::uint64_t sealed_size(std::uint64_t data_size, std::size_t frames) noexcept;

/// The bytes of a seal behind `data_size` bytes with that digest and index: for a successor that
/// seals what it read. Deterministic: the same segment gives the same seal.
[[nodiscard]] base::Result<Bytes> encode_seal(const SegmentHeader& header, const Seal& seal);

/// Bytes of a header; Invalid as SegmentEncoder::create.
[[nodiscard]] base::Result<Bytes> encode_header(const SegmentHeader& header);

}  // namespace storage
