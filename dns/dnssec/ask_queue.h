#pragma once

// AskQueue: which signatures are wanted, from the threads that answer to the one that signs.

#include <cstddef>
#include <cstdint>

#include "dns/dnssec/bounded_queue.h"

namespace dns::dnssec {

/// A signature that is wanted.
struct Ask {
    const void* zone = nullptr;  ///< the ZoneVariants that was asked: names it, is not followed
    std::uint32_t index = 0;     ///< of the zone in the snapshot then
    std::uint32_t place = 0;
    std::uint64_t content = 0;
};

inline constexpr std::size_t kAsksMax = 4096;

using AskQueue = BoundedQueue<Ask, kAsksMax>;

}  // namespace dns::dnssec
