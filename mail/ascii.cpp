#include "mail/ascii.h"

#include <algorithm>

namespace mail {

std::string to_lower(std::string_view text) {
    std::string out(text);
    std::ranges::transform(out, out.begin(), lower);
    return out;
}

std::string to_upper(std::string_view text) {
    std::string out(text);
    std::ranges::transform(out, out.begin(), upper);
    return out;
}

bool equal_ignoring_case(std::string_view a, std::string_view b) noexcept {
    return std::ranges::equal(a, b, [](char x, char y) { return lower(x) == lower(y); });
}

std::string_view trim(std::string_view text) noexcept {
    while (!text.empty() && is_folding_space(text.front())) {
        text.remove_prefix(1);
    }
    while (!text.empty() && is_folding_space(text.back())) {
        text.remove_suffix(1);
    }
    return text;
}

}  // namespace mail
