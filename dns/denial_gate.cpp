#include "dns/denial_gate.h"

#include <algorithm>

namespace dns {
namespace {

constexpr std::uint64_t kSecondUs = 1'000'000;
constexpr std::size_t kNetworks = 4096;  // that are remembered, for each thread

RateLimits network_limits(const DenialLimits& limits) {
    RateLimits made;
    made.answers_per_second = limits.network_signatures_per_second;
    made.entries = kNetworks;
    return made;
}

}  // namespace

DenialGate::DenialGate(const DenialLimits& limits, unsigned threads)
    : networks_(network_limits(limits), threads),
      cost_us_(kSecondUs * std::max(threads, 1U) /
               std::max<std::uint32_t>(limits.signatures_per_second, 1)) {
}

bool DenialGate::admit(const Client& client, std::uint64_t now_us) noexcept {
    if (!networks_.admit(client, AnswerClass::Denial, now_us)) {
        return false;
    }
    const std::uint64_t level_us = empty_at_us_ > now_us ? empty_at_us_ - now_us : 0;
    // A tenth of a second's signatures at once: they are made within the wait of who asks.
    if (level_us + cost_us_ > std::max(kSecondUs / 10, cost_us_)) {
        return false;
    }
    empty_at_us_ = now_us + level_us + cost_us_;
    return true;
}

}  // namespace dns
