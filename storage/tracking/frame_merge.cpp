#include "storage/tracking/frame_merge.h"

#include <algorithm>
#include <utility>

namespace storage {

void FrameMerge::add(CopyScan scan) {
    for (ScannedFrame& frame : scan.frames) {
        if (frame.abort) {
            aborted_.insert(frame.abort->id);
        }
        end_ = std::max(end_, frame.entry.offset + frame.entry.length);
        // The same bytes in all copies: the first one will do.
        frames_.try_emplace(frame.entry.offset, std::move(frame));
    }
    if (scan.seal && !seal_) {
        seal_ = std::move(scan.seal);
    }
}

bool FrameMerge::is_whole() const {
    if (!seal_) {
        return false;
    }
    std::uint64_t at = mark_;
    for (const auto& [offset, frame] : frames_) {
        if (offset > at) {
            return false;
        }
        at = std::max(at, offset + frame.entry.length);
    }
    return at >= seal_->data_size;
}

std::vector<FrameMerge::Step> FrameMerge::steps(std::uint64_t before_ms) const {
    std::vector<Step> steps;
    std::uint64_t at = mark_;
    bool contiguous = true;
    for (const auto& [offset, frame] : frames_) {
        const bool is_message = frame.entry.type == FrameType::Message;
        if (is_message && frame.entry.id.unix_ms() >= before_ms) {
            return steps;
        }
        contiguous = contiguous && offset <= at;
        const bool deliver = is_message && !aborted_.contains(frame.entry.id);
        steps.push_back(
            {deliver ? &frame : nullptr, offset, offset + frame.entry.length, contiguous});
        at = offset + frame.entry.length;
    }
    if (seal_ && contiguous && at >= seal_->data_size) {
        steps.push_back({nullptr, seal_->data_size, seal_->file_size, true});
    }
    return steps;
}

std::vector<mail::MessageId> FrameMerge::aborted() const {
    return {aborted_.begin(), aborted_.end()};
}

}  // namespace storage
