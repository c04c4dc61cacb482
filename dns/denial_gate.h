#pragma once

// DenialGate: how many signatures over denials one thread may ask for. A zone with compact denial
// signs the denial of a name when somebody asks for it first, and anybody can ask for as many names
// as he likes: what he gets is bounded by his network, and what all get together by the machine.
//
// Two leaky buckets (as in rate_limit.h): one for each network of sources, /24 and /56, and one for
// all. A query that its own network has no room for costs the others nothing.
//
// Pure; one thread. Times are microseconds of any clock that goes forward. Errors: none.

#include <cstdint>

#include "dns/client.h"
#include "dns/rate_limit.h"

namespace dns {

/// Settings, for all threads of UDP together; TCP has as much for itself.
struct DenialLimits {
    std::uint32_t signatures_per_second = 1000;
    std::uint32_t network_signatures_per_second = 100;

    bool operator==(const DenialLimits&) const = default;
};

/// See the top of this file.
class DenialGate {
  public:
    /// `threads` share the rates.
    explicit DenialGate(const DenialLimits& limits = {}, unsigned threads = 1);

    /// Counts a signature; whether it may be asked for.
    [[nodiscard]] bool admit(const Client& client, std::uint64_t now_us) noexcept;

  private:
    RateLimiter networks_;
    std::uint64_t cost_us_;
    std::uint64_t empty_at_us_ = 0;  // when the bucket of all is empty
};

}  // namespace dns
