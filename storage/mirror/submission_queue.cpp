#include "storage/mirror/submission_queue.h"

#include <utility>

namespace storage {

std::uint64_t PendingFrame::bytes() const noexcept {
    std::uint64_t octets = sizeof(PendingFrame) + format::kFrameHeaderSize;
    if (const auto* frame = std::get_if<FrameInput>(&content)) {
        octets += frame->envelope.size() + frame->summary.size() + frame->message.size();
    }
    return octets;
}

void PendingFrame::answer(base::Result<Stored> result) {
    if (!reply_to) {
        on_done(std::move(result));
        return;
    }
    // If that loop is gone, so is everyone who could be told.
    (void)reply_to->post([done = std::move(on_done), result = std::move(result)] { done(result); });
}

base::Result<SubmissionQueue::Put> SubmissionQueue::put(PendingFrame&& frame) {
    const std::uint64_t bytes = frame.bytes();
    return content_.with([&](Content& content) -> base::Result<Put> {
        if (content.closed) {
            return base::Error{base::Errc::Cancelled, "mirror: shutting down"};
        }
        // One frame is always taken, however large: the frame's own limit bounds it.
        if (content.frames.size() >= frames_max_ ||
            (!content.frames.empty() && content.bytes + bytes > bytes_max_)) {
            return base::Error{base::Errc::Busy, "mirror: queue full"};
        }
        content.bytes += bytes;
        content.frames.push_back(std::move(frame));
        return content.frames.size() == 1 ? Put::First : Put::Behind;
    });
}

std::vector<PendingFrame> SubmissionQueue::take(std::size_t frames, std::uint64_t bytes) {
    return content_.with([&](Content& content) {
        std::vector<PendingFrame> taken;
        std::uint64_t total = 0;
        while (!content.frames.empty() && taken.size() < frames) {
            const std::uint64_t size = content.frames.front().bytes();
            if (!taken.empty() && total + size > bytes) {
                break;
            }
            total += size;
            content.bytes -= size;
            taken.push_back(std::move(content.frames.front()));
            content.frames.pop_front();
        }
        return taken;
    });
}

void SubmissionQueue::close() {
    content_.with([](Content& content) { content.closed = true; });
}

SubmissionQueue::Size SubmissionQueue::size() const {
    return content_.with([](const Content& content) {
        return Size{content.frames.size(), content.bytes};
    });
}

}  // namespace storage
