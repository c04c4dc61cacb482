#pragma once

// Octets as hexadecimal text, for tests.

#include <cstddef>
#include <span>
#include <string>

namespace dns_test {

inline std::string hex(std::span<const std::byte> octets) {
    static constexpr std::string_view kDigits = "0123456789abcdef";
    std::string text;
    for (const std::byte octet : octets) {
        text += kDigits[std::to_integer<std::size_t>(octet) >> 4U];
        text += kDigits[std::to_integer<std::size_t>(octet) & 15U];
    }
    return text;
}

}  // namespace dns_test
