#pragma once

// Reading segments: one frame by its location, or all of them by replay. Pure: bytes in, values
// out; who has a file reads ranges of it through storage/path.
//
// Nothing is taken for a frame unless its 64-bit tag, keyed by the segment's salt over its offset,
// lengths, id and CRCs, is right, so that a message whose body is a copy of a segment cannot pose
// as frames. Thread rule: functions of their arguments; a Replay belongs to one thread at a time.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <variant>
#include <vector>

#include "base/result.h"
#include "storage/segment/frame.h"

namespace storage {

/// A decoded header and its size, which is the offset of the first frame.
struct DecodedHeader {
    SegmentHeader header;
    std::size_t size = 0;
};

/// `bytes`: the start of a file, kHeaderSizeMax of them or all there are. Errors: Corrupt (not a
/// segment, torn, a bad CRC), Unsupported (another version).
[[nodiscard]] base::Result<DecodedHeader> decode_header(std::span<const std::byte> bytes);

/// `bytes`: exactly one frame, that of `header`'s segment at `offset`. The view borrows `bytes`.
/// Errors: Corrupt.
[[nodiscard]] base::Result<FrameView> decode_frame(const SegmentHeader& header,
                                                   std::uint64_t offset,
                                                   std::span<const std::byte> bytes);

/// What the Abort frame cancels. Corrupt: it is none.
[[nodiscard]] base::Result<AbortTarget> abort_target(const FrameView& frame);

/// What the Seal frame says. Corrupt: it is none, or it contradicts itself.
[[nodiscard]] base::Result<Seal> seal_of(const FrameView& frame);

/// Where the seal begins, by the trailer in the last kTrailerSize bytes of a sealed file; then read
/// [offset, end) and decode it as a frame. Corrupt: no trailer there; the file is open, or there
/// are bytes behind its seal, and only a replay can tell.
[[nodiscard]] base::Result<std::uint64_t> seal_offset(std::span<const std::byte> last_bytes);

/// Bytes [begin, end) of a file that are no frame although frames follow: corruption.
struct Gap {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;

    friend bool operator==(const Gap&, const Gap&) = default;
};

/// Replay: walks a segment from its first frame. It is fed by its caller: it says which bytes it
/// stands at, the caller shows it a window of the file from there on, of any size.
///
/// It stops at the first bad frame if no tagged frame follows; otherwise it goes on at the next
/// frame whose tag matches its own offset and reports the gap. It stops after a seal.
class Replay {
  public:
    enum class AtEnd : std::uint8_t { No, Yes };

    /// Show a window of at least `bytes` from position(), or all the rest with AtEnd::Yes. Never
    /// more than kFrameSizeMax.
    struct NeedMore {
        std::uint64_t bytes = 0;
    };

    /// No frame follows: see durable_size().
    struct End {};

    using Event = std::variant<NeedMore, FrameView, Gap, End>;

    /// `header` is copied. `header_size` is where the first frame begins.
    Replay(SegmentHeader header, std::uint64_t header_size);

    /// Where the next window begins.
    [[nodiscard]] std::uint64_t position() const noexcept { return position_; }

    /// The next event. `window`: bytes of the file from position() on; AtEnd::Yes: the file ends
    /// where the window does. A FrameView borrows the window. After End every call returns End.
    [[nodiscard]] Event next(std::span<const std::byte> window, AtEnd at_end);

    /// End of the last good frame so far.
    [[nodiscard]] std::uint64_t durable_size() const noexcept { return durable_size_; }

    /// A seal was read: the file's length and index are final.
    [[nodiscard]] bool is_sealed() const noexcept { return sealed_; }

  private:
    [[nodiscard]] Event deliver(const FrameView& frame);

    SegmentHeader header_;
    std::uint64_t position_ = 0;
    std::uint64_t durable_size_ = 0;
    std::uint64_t bad_from_ = 0;  // start of the gap while scanning
    bool scanning_ = false;
    bool sealed_ = false;
    bool ended_ = false;
};

/// All that a replay of a whole file in memory found.
struct ReplayResult {
    DecodedHeader header;
    std::vector<IndexEntry> frames;   ///< all but the seal, in offset order, aborted ones included
    std::vector<AbortTarget> aborts;  ///< a frame with that id is not delivered
    std::vector<Gap> gaps;            ///< corruption
    std::uint64_t durable_size = 0;   ///< end of the last good frame
    std::optional<Seal> seal;
};

/// Replays a file held in memory. Errors: those of decode_header; anything after a good header is
/// a result.
[[nodiscard]] base::Result<ReplayResult> replay(std::span<const std::byte> file);

/// The scrub: `file` is a sealed copy, with exactly the frames that its seal lists and the SHA-256
/// that it says. Bytes behind the seal are ignored. Errors: those of decode_header; Corrupt.
[[nodiscard]] base::Result<Seal> verify_sealed(std::span<const std::byte> file);

}  // namespace storage
