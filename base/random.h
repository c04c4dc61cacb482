#pragma once

// Random bytes of the kernel (getrandom): fit for keys, salts, ids and DNS query ids.
//
// Thread rule: any thread. Errors: none; a kernel without randomness ends the process.

#include <cstddef>
#include <cstdint>
#include <span>

namespace base {

void random_fill(std::span<std::byte> out) noexcept;
[[nodiscard]] std::uint64_t random_u64() noexcept;

/// Evenly distributed in [0, bound). bound 0 answers 0.
[[nodiscard]] std::uint64_t random_below(std::uint64_t bound) noexcept;

}  // namespace base
