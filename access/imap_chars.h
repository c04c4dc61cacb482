#pragma once

// The character classes of the IMAP grammar, RFC 9051 9. Pure; any thread.

#include <string_view>

namespace accessd {

[[nodiscard]] constexpr bool is_control(char c) noexcept {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
}

/// ATOM-CHAR: 7 bit, no atom-specials.
[[nodiscard]] constexpr bool is_atom_char(char c) noexcept {
    return static_cast<unsigned char>(c) < 0x80 && !is_control(c) &&
           std::string_view("(){ %*\"\\]").find(c) == std::string_view::npos;
}

/// ASTRING-CHAR = ATOM-CHAR / "]".
[[nodiscard]] constexpr bool is_astring_char(char c) noexcept {
    return is_atom_char(c) || c == ']';
}

/// list-char = ATOM-CHAR / "%" / "*" / "]".
[[nodiscard]] constexpr bool is_list_char(char c) noexcept {
    return is_astring_char(c) || c == '%' || c == '*';
}

/// A tag has no "+", so that a reply to it is never read as a continuation request.
[[nodiscard]] constexpr bool is_tag_char(char c) noexcept {
    return is_astring_char(c) && c != '+';
}

[[nodiscard]] constexpr bool is_digit(char c) noexcept {
    return c >= '0' && c <= '9';
}

[[nodiscard]] constexpr char to_upper(char c) noexcept {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
}

/// ASCII only: commands and item names are, whatever the locale.
[[nodiscard]] constexpr bool equals_ignoring_case(std::string_view a, std::string_view b) noexcept {
    if (a.size() != b.size()) {
        return false;
    }
    for (std::size_t i = 0; i < a.size(); ++i) {
        if (to_upper(a[i]) != to_upper(b[i])) {
            return false;
        }
    }
    return true;
}

}  // namespace accessd
