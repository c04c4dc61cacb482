#pragma once

// FrameMerge: what all copies of a segment that could be read hold together, and what of it is to
// be delivered. A frame is taken if any copy has it good. Pure.
//
// Thread rule: one thread at a time.

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "mail/message_id.h"
#include "storage/tracking/segment_scan.h"

namespace storage {

/// See the top of this file.
class FrameMerge {
  public:
    /// `mark`: where the catalog stands.
    explicit FrameMerge(std::uint64_t mark) noexcept : mark_(mark) {}

    void add(CopyScan scan);

    /// The seal that some copy ends in.
    [[nodiscard]] const std::optional<Seal>& seal() const noexcept { return seal_; }

    [[nodiscard]] std::size_t size() const noexcept { return frames_.size(); }

    /// End of the last frame that any copy has.
    [[nodiscard]] std::uint64_t end() const noexcept { return end_; }

    /// True if it holds every frame that the seal lists from the mark on.
    [[nodiscard]] bool is_whole() const;

    /// One step of the delivery, in offset order.
    struct Step {
        const ScannedFrame* message = nullptr;  ///< to be delivered; null: nothing to deliver
        std::uint64_t from = 0;
        std::uint64_t to = 0;
        bool contiguous = false;  ///< no frame is missing between the mark and its end
    };

    /// Whether the seal is a step like a frame. Not while the catalog calls the segment open: who
    /// looks again from the mark on must find it.
    enum class SealStep : std::uint8_t { No, Yes };

    /// Steps up to the first message that is younger than `before_ms` (by its id): its own agent
    /// may be about to deliver it. A message that an abort frame here cancels is a step without
    /// one.
    [[nodiscard]] std::vector<Step> steps(std::uint64_t before_ms, SealStep seal) const;

    /// Ids that abort frames cancel, wherever the message is.
    [[nodiscard]] std::vector<mail::MessageId> aborted() const;

  private:
    [[nodiscard]] bool is_empty(std::uint64_t from, std::uint64_t to) const;

    std::uint64_t mark_ = 0;
    std::uint64_t end_ = 0;
    std::map<std::uint64_t, ScannedFrame> frames_;
    std::set<mail::MessageId> aborted_;
    std::optional<Seal> seal_;
};

}  // namespace storage
