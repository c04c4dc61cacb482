#include "storage/path/relative_path.h"

#include <algorithm>

namespace storage {

namespace {

bool is_allowed(char c) noexcept {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
}

}  // namespace

bool is_path_part(std::string_view part) noexcept {
    return !part.empty() && part.size() <= kRelativePathMax && part.front() != '.' &&
           std::ranges::all_of(part, is_allowed);
}

bool is_relative_path(std::string_view path) noexcept {
    if (path.size() > kRelativePathMax) {
        return false;
    }
    for (std::size_t depth = 1; depth <= kPathDepthMax; ++depth) {
        const std::size_t slash = path.find('/');
        if (!is_path_part(path.substr(0, slash))) {
            return false;
        }
        if (slash == std::string_view::npos) {
            return true;
        }
        path.remove_prefix(slash + 1);
    }
    return false;
}

}  // namespace storage
