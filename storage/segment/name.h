#pragma once

// Where a segment's file lies below a storage root: segments/<yyyymmdd>/<uuid>.<generation>.seg.
// The day is that of the segment's id (UTC), so that the path follows from id and generation.
// Names are unique and never renamed; a repaired copy has a higher generation.
//
// Thread rule: functions of their arguments.

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "storage/segment/ids.h"

namespace storage {

/// The identity file of a storage root: one line, the UUID of the storage server.
inline constexpr std::string_view kIdentityFile = "roundtable-store";
/// The folder of segments below a storage root; one folder a day in it.
inline constexpr std::string_view kSegmentFolder = "segments";

/// Id and generation as a file's name says them.
struct SegmentName {
    SegmentId segment;
    std::uint32_t generation = 0;

    friend auto operator<=>(const SegmentName&, const SegmentName&) noexcept = default;
};

/// "20261122": the UTC day of the id.
[[nodiscard]] std::string segment_day(const SegmentId& segment);

/// "segments/20261122/0190....1.seg".
[[nodiscard]] std::string segment_path(const SegmentName& name);

/// From a file name without its folder. Invalid: not a segment's name.
[[nodiscard]] base::Result<SegmentName> parse_segment_name(std::string_view file_name);

/// True for eight digits: a day's folder.
[[nodiscard]] bool is_segment_day(std::string_view folder_name) noexcept;

}  // namespace storage
