#pragma once

// SipHash-2-4: the keyed hash that picks a source's row of a steering table (STEERING 5.6).
//
// Pure; any thread. Byte order: words are read little-endian, as in the reference description
// ("SipHash: a fast short-input PRF", Aumasson and Bernstein), so that every name server with the
// same key picks the same row. Errors: none.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace dns {

/// 128 bits, as two little-endian words.
struct SipKey {
    std::uint64_t k0 = 0;
    std::uint64_t k1 = 0;
};

/// The two words of the 128-bit output.
struct SipWords {
    std::uint64_t x = 0;
    std::uint64_t y = 0;
};

/// The key as it stands in a configuration: 16 bytes.
[[nodiscard]] SipKey sip_key(const std::array<std::byte, 16>& bytes) noexcept;

/// SipHash-2-4 with 64 bits of output.
[[nodiscard]] std::uint64_t siphash_2_4(const SipKey& key,
                                        std::span<const std::byte> input) noexcept;

/// SipHash-2-4 with 128 bits of output.
[[nodiscard]] SipWords siphash_2_4_128(const SipKey& key,
                                       std::span<const std::byte> input) noexcept;

}  // namespace dns
