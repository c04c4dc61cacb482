#include "storage/segment/name.h"

#include <algorithm>
#include <charconv>

#include "base/clock.h"

namespace storage {

namespace {

constexpr std::string_view kSuffix = ".seg";
constexpr std::size_t kUuidText = 36;

bool is_digit(char c) noexcept {
    return c >= '0' && c <= '9';
}

}  // namespace

std::string segment_day(const SegmentId& segment) {
    const std::string utc = base::format_utc(segment.uuid().time_us());  // "2026-11-22T..."
    return utc.substr(0, 4) + utc.substr(5, 2) + utc.substr(8, 2);
}

std::string segment_path(const SegmentName& name) {
    return std::string(kSegmentFolder) + "/" + segment_day(name.segment) + "/" +
           name.segment.text() + "." + std::to_string(name.generation) + std::string(kSuffix);
}

base::Result<SegmentName> parse_segment_name(std::string_view file_name) {
    const base::Error wrong{base::Errc::Invalid, "not the name of a segment"};
    if (file_name.size() < kUuidText + 1 + 1 + kSuffix.size() || !file_name.ends_with(kSuffix) ||
        file_name[kUuidText] != '.') {
        return wrong;
    }
    const std::string_view id_text = file_name.substr(0, kUuidText);
    const base::Result<SegmentId> id = SegmentId::parse(id_text);
    const std::string_view digits =
        file_name.substr(kUuidText + 1, file_name.size() - kUuidText - 1 - kSuffix.size());
    SegmentName name;
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), name.generation);
    // One spelling only: what is parsed must be what segment_path writes.
    if (!id || id.value().text() != id_text || error != std::errc() ||
        end != digits.data() + digits.size() || name.generation == 0 || digits.front() == '0') {
        return wrong;
    }
    name.segment = id.value();
    return name;
}

bool is_segment_day(std::string_view folder_name) noexcept {
    return folder_name.size() == 8 && std::ranges::all_of(folder_name, is_digit);
}

}  // namespace storage
