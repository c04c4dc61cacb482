#pragma once

// Unsigned integers as little-endian bytes, for formats on disk and between processes.
// The caller has checked that the bytes are there. Thread rule: pure.

#include <concepts>
#include <cstddef>

namespace storage {

template <std::unsigned_integral T>
void store_le(std::byte* at, T value) noexcept {
    for (std::size_t i = 0; i < sizeof(T); ++i) {
        at[i] = static_cast<std::byte>(value >> (8 * i));
    }
}

template <std::unsigned_integral T>
[[nodiscard]] T load_le(const std::byte* at) noexcept {
    T value = 0;
    for (std::size_t i = 0; i < sizeof(T); ++i) {
        value = static_cast<T>(value | (static_cast<T>(std::to_integer<T>(at[i])) << (8 * i)));
    }
    return value;
}

}  // namespace storage
