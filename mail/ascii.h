#pragma once

// Character classes and case of ASCII, without locale. An octet above 127 is in no class and has no
// case. Thread rule: pure functions.

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

namespace mail {

[[nodiscard]] constexpr bool is_alpha(char c) noexcept {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

[[nodiscard]] constexpr bool is_digit(char c) noexcept {
    return c >= '0' && c <= '9';
}

[[nodiscard]] constexpr bool is_alnum(char c) noexcept {
    return is_alpha(c) || is_digit(c);
}

[[nodiscard]] constexpr bool is_8bit(char c) noexcept {
    return static_cast<unsigned char>(c) >= 0x80;
}

/// 0 to 31 and 127.
[[nodiscard]] constexpr bool is_control(char c) noexcept {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

/// Space, tab, CR, LF: what folding may leave between tokens of a field value.
[[nodiscard]] constexpr bool is_folding_space(char c) noexcept {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

[[nodiscard]] constexpr char lower(char c) noexcept {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

[[nodiscard]] constexpr char upper(char c) noexcept {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - ('a' - 'A')) : c;
}

/// One bit for each octet: is it in the set?
using OctetSet = std::array<bool, 256>;

/// `letters` as a set, together with all letters and digits.
[[nodiscard]] constexpr OctetSet alnum_and(std::string_view letters) noexcept {
    OctetSet set{};
    for (std::size_t i = 0; i < set.size(); ++i) {
        set[i] = is_alnum(static_cast<char>(i));
    }
    for (const char c : letters) {
        set[static_cast<unsigned char>(c)] = true;
    }
    return set;
}

inline constexpr OctetSet kAtext = alnum_and("!#$%&'*+-/=?^_`{|}~");

/// atext of RFC 5322 3.2.3: what an atom is made of.
[[nodiscard]] constexpr bool is_atext(char c) noexcept {
    return kAtext[static_cast<unsigned char>(c)];
}

[[nodiscard]] std::string to_lower(std::string_view text);
[[nodiscard]] std::string to_upper(std::string_view text);

/// True if both are equal but for ASCII case.
[[nodiscard]] bool equal_ignoring_case(std::string_view a, std::string_view b) noexcept;

/// Without folding white space at both ends.
[[nodiscard]] std::string_view trim(std::string_view text) noexcept;

}  // namespace mail
