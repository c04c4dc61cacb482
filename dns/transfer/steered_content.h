#pragma once

// SteeredContent: what a pool of servers adds to the zones that it steers, as secondaries get it:
// the canonical answer. One for all zones that share the pool's table.
//
// A value, immutable once made, shared. Thread rule: any thread may read.

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "dns/zone_image.h"

namespace dns::transfer {

struct SteeredContent {
    std::uint32_t ttl = 0;  ///< seconds
    /// Record data in wire form by kind, in the order of the answer.
    std::array<std::vector<std::string>, kSteeredKinds> data;

    bool operator==(const SteeredContent&) const = default;
};

using SharedSteered = std::shared_ptr<const SteeredContent>;

}  // namespace dns::transfer
