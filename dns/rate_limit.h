#pragma once

// RateLimiter: response rate limiting. Whoever forges the address of a victim must not use our
// answers to flood it: what goes to one network, of one class of answers, is bounded.
//
// A network is a prefix of the source (by default /24 and /56). Each pair of network and class has
// a level in microseconds, a leaky bucket: an answer raises it by one interval (1 s / rate), time
// lowers it. Up to `window` an answer is admitted. What is offered beyond goes on raising the
// level, to twice the window: a source that stays above the rate gets nothing but what slips, one
// that falls below it is served again within a window.
//
// Memory is fixed at construction: 8 octets for each pair, in sets of one cache line each. A set
// that is full forgets its lowest level: a flood from everywhere throws out those that have little
// to remember, and can make nobody limited who sends little himself. The hash is keyed, but not
// proof against people who search for collisions: all that these could do with one is what forging
// the address itself does better.
//
// Pure; one thread. Times are microseconds of any clock that goes forward. Errors: none.
// Rejected: rates by name as well as network (BIND's), which a flood of many names, of which we
// have hundreds of thousands, walks around.

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "dns/client.h"

namespace dns {

/// What answers have in common that one flood would ask for.
enum class AnswerClass : std::uint8_t { Records, Denial, Referral, Error };
inline constexpr std::size_t kAnswerClasses = 4;

/// Settings, for all threads together.
struct RateLimits {
    std::uint32_t answers_per_second = 0;  ///< records, denials, referrals, each; 0: no limit
    std::uint32_t errors_per_second = 0;   ///< 0: no limit
    base::Duration window = std::chrono::seconds(1);  ///< at most kRateWindowMax
    unsigned ipv4_prefix = 24;
    unsigned ipv6_prefix = 56;    ///< at most 64
    std::size_t entries = 65536;  ///< pairs that are remembered, for each thread
};

/// See the top of this file.
class RateLimiter {
  public:
    /// `threads` share the rates: the kernel spreads the ports of a source over them. No memory is
    /// taken if there is no limit.
    explicit RateLimiter(const RateLimits& limits = {}, unsigned threads = 1);

    /// Counts an answer; whether it may leave.
    [[nodiscard]] bool admit(const Client& client,
                             AnswerClass answer_class,
                             std::uint64_t now_us) noexcept;

    [[nodiscard]] std::size_t memory_bytes() const noexcept {
        return table_.size() * sizeof(std::uint64_t);
    }

  private:
    [[nodiscard]] std::uint64_t network_hash(const Client& client,
                                             AnswerClass answer_class) const noexcept;

    std::uint64_t mask4_ = 0;
    std::uint64_t mask6_ = 0;

    struct Price {
        std::uint64_t cost_us = 0;    // of an answer; 0: no limit
        std::uint64_t window_us = 0;  // at least the cost: one is always admitted
    };

    Price answer_;
    Price error_;
    std::uint64_t level_max_us_ = 0;  // a higher one is a time long past
    std::uint64_t key_[2] = {};
    std::uint64_t set_mask_ = 0;
    std::vector<std::uint64_t> table_;  // 24 bits of the hash, 40 of the time when it is empty
};

}  // namespace dns
