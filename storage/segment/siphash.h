#pragma once

// SipHash-2-4 with 64 bits of output: the keyed tag of frames. A short-input PRF (Aumasson and
// Bernstein, "SipHash: a fast short-input PRF"): without the key nobody can make a frame's tag.
// Thread rule: pure.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace storage {

/// Words are read little-endian, the key's two as well.
[[nodiscard]] std::uint64_t siphash_2_4(const std::array<std::byte, 16>& key,
                                        std::span<const std::byte> input) noexcept;

}  // namespace storage
