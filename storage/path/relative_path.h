#pragma once

// Names of files below a storage root, checked before they reach the kernel, on both sides of the
// helper's socket. Thread rule: pure.

#include <cstddef>
#include <string_view>

namespace storage {

inline constexpr std::size_t kRelativePathMax = 200;
inline constexpr std::size_t kPathDepthMax = 4;

/// One to kPathDepthMax parts of [A-Za-z0-9._-], divided by single slashes, none beginning with a
/// dot, kRelativePathMax characters in all. So it names nothing outside the root.
[[nodiscard]] bool is_relative_path(std::string_view path) noexcept;

/// One part of such a path.
[[nodiscard]] bool is_path_part(std::string_view part) noexcept;

}  // namespace storage
