#pragma once

// SegmentLedger: what an agent knows of the segments that it writes, what the catalog was told of
// them, and so what the next delivery statement has to say: notes of segments that are new or have
// changed, and the stretches that it covers.
//
// Pure. Thread rule: one thread at a time. Limits: kSegmentsMax; the oldest are forgotten, which
// only leaves work to a tracker.

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "storage/catalog/catalog.h"
#include "storage/mirror/mirror_writer.h"
#include "storage/tracking/coverage.h"

namespace storage {

/// See the top of this file.
class SegmentLedger {
  public:
    static constexpr std::size_t kSegmentsMax = 64;

    /// A frame was stored in a segment, perhaps its first. `first_frame`: where that begins.
    void note_stored(const Stored& stored, std::uint64_t first_frame);

    void note_closed(const SegmentClosed& closed, std::uint64_t first_frame);

    /// What one statement says.
    struct Plan {
        std::vector<SegmentNote> segments;
        std::vector<CoveredStretch> covered;
        std::map<SegmentId, std::uint64_t> versions;  ///< of the notes, for settle()
    };

    /// For a statement that deals with `frames`.
    [[nodiscard]] Plan plan(std::span<const FrameLocation> frames) const;

    /// That statement has succeeded, and dealt with `frames` (refused ones are not among them).
    void settle(const Plan& plan, std::span<const FrameLocation> frames);

    /// True if the catalog should be told something even if no message comes along.
    [[nodiscard]] bool is_due() const;

    /// The catalog lost what it was told: everything is news again.
    void forget_told();

  private:
    struct Entry {
        SegmentNote note;
        std::uint64_t version = 1;  // of the note
        std::uint64_t told_version = 0;
        bool closed = false;
        Coverage coverage{0};
        std::uint64_t told_mark = 0;

        [[nodiscard]] bool is_news() const { return version != told_version; }

        [[nodiscard]] bool is_due() const;
    };

    Entry& entry(const std::shared_ptr<const SegmentHeader>& header, std::uint64_t first_frame);

    std::map<SegmentId, Entry> segments_;  // ids sort by time
};

}  // namespace storage
