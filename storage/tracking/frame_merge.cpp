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

// That no frame begins in [from, to). Only a seal says so: a place that it leaves out had good
// bytes in no copy, and is not in the segment.
bool FrameMerge::is_empty(std::uint64_t from, std::uint64_t to) const {
    if (from >= to) {
        return true;
    }
    return seal_ && std::none_of(seal_->index.begin(), seal_->index.end(), [&](const auto& entry) {
               return entry.offset >= from && entry.offset < to;
           });
}

bool FrameMerge::is_whole() const {
    return seal_ && std::all_of(seal_->index.begin(), seal_->index.end(), [&](const auto& entry) {
               return entry.offset < mark_ || frames_.contains(entry.offset);
           });
}

std::vector<FrameMerge::Step> FrameMerge::steps(std::uint64_t before_ms, SealStep seal) const {
    std::vector<Step> steps;
    std::uint64_t at = mark_;
    bool contiguous = true;
    for (const auto& [offset, frame] : frames_) {
        const bool is_message = frame.entry.type == FrameType::Message;
        if (is_message && frame.entry.id.unix_ms() >= before_ms) {
            return steps;
        }
        contiguous = contiguous && is_empty(at, offset);
        const bool deliver = is_message && !aborted_.contains(frame.entry.id);
        steps.push_back(
            {deliver ? &frame : nullptr, offset, offset + frame.entry.length, contiguous});
        at = offset + frame.entry.length;
    }
    if (seal == SealStep::Yes && seal_ && contiguous && is_empty(at, seal_->data_size)) {
        steps.push_back({nullptr, seal_->data_size, seal_->file_size, true});
    }
    return steps;
}

std::vector<mail::MessageId> FrameMerge::aborted() const {
    return {aborted_.begin(), aborted_.end()};
}

}  // namespace storage
