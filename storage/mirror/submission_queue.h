#pragma once

// SubmissionQueue: what waits to be written, bounded in frames and bytes. Any thread puts in, the
// writer takes out in batches.
//
// Thread rule: any thread. Errors: Busy (a bound is reached), Cancelled (closed).

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/guarded.h"
#include "base/loop.h"
#include "base/result.h"
#include "storage/mirror/mirror_writer.h"
#include "storage/segment/frame.h"

namespace storage {

/// A frame or an abort, who waits for it, and how long.
struct PendingFrame {
    std::variant<FrameInput, AbortTarget> content;
    base::Deadline deadline{base::Instant()};
    std::optional<base::Poster> reply_to;  ///< none: the callback may run on the writer's loop
    StoredDone on_done;

    /// Octets that it holds while it waits, its own size included.
    [[nodiscard]] std::uint64_t bytes() const noexcept;

    /// Tells the one who waits, on his loop.
    void answer(base::Result<Stored> result);
};

/// See the top of this file.
class SubmissionQueue {
  public:
    SubmissionQueue(std::size_t frames_max, std::uint64_t bytes_max)
        : frames_max_(frames_max), bytes_max_(bytes_max) {}

    /// Whether the queue was empty before.
    enum class Put : std::uint8_t { First, Behind };

    /// On success `frame` is moved from; on an error it is the caller's to answer.
    [[nodiscard]] base::Result<Put> put(PendingFrame&& frame);

    /// Up to that many frames and bytes, at least one if there is one.
    [[nodiscard]] std::vector<PendingFrame> take(std::size_t frames, std::uint64_t bytes);

    /// Nothing more is taken in.
    void close();

    struct Size {
        std::size_t frames = 0;
        std::uint64_t bytes = 0;
    };

    [[nodiscard]] Size size() const;

  private:
    struct Content {
        std::deque<PendingFrame> frames;
        std::uint64_t bytes = 0;
        bool closed = false;
    };

    std::size_t frames_max_;
    std::uint64_t bytes_max_;
    // Shared by the sessions' loops, which submit, and the writer's.
    base::Guarded<Content> content_;
};

}  // namespace storage
