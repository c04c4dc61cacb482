#pragma once

// Serial numbers of zones (RFC 1982). Pure; any thread.

#include <cstdint>

namespace dns {

/// The serial after `serial`; never 0 (RFC 1982 3.1).
[[nodiscard]] constexpr std::uint32_t next_serial(std::uint32_t serial) noexcept {
    return serial + 1 == 0 ? 1 : serial + 1;
}

/// Whether `left` is newer than `right` (RFC 1982 3.2).
[[nodiscard]] constexpr bool is_newer_serial(std::uint32_t left, std::uint32_t right) noexcept {
    const std::uint32_t distance = left - right;
    return distance != 0 && distance < 0x80000000U;
}

}  // namespace dns
