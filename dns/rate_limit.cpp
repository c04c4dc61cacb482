#include "dns/rate_limit.h"

#include <algorithm>
#include <bit>

#include "base/random.h"
#include "dns/limits.h"
#include "dns/wire.h"

namespace dns {
namespace {

constexpr std::size_t kWays = 8;  // 64 octets
constexpr unsigned kTimeBits = 40;
constexpr std::uint64_t kTimeMask = (std::uint64_t{1} << kTimeBits) - 1;
constexpr std::uint64_t kSecondUs = 1'000'000;

static_assert(2 * kRateWindowMax / std::chrono::microseconds(1) < (std::int64_t{1} << 38),
              "a level is told from a time long past");

// The top `prefix` bits of 64.
std::uint64_t prefix_mask(unsigned prefix) noexcept {
    return prefix == 0 ? 0 : ~std::uint64_t{0} << (64U - std::min(prefix, 64U));
}

std::uint64_t interval_us(std::uint32_t per_second, unsigned threads) noexcept {
    return per_second == 0 ? 0 : std::max<std::uint64_t>(kSecondUs * threads / per_second, 1);
}

__extension__ using Product = unsigned __int128;

// The two halves of a product over one another: each bit of the factors moves all of the result.
std::uint64_t fold_product(std::uint64_t left, std::uint64_t right) noexcept {
    const Product product = static_cast<Product>(left) * right;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

}  // namespace

RateLimiter::RateLimiter(const RateLimits& limits, unsigned threads)
    : mask4_(prefix_mask(std::min(limits.ipv4_prefix, 32U))),
      mask6_(prefix_mask(limits.ipv6_prefix)),
      answer_{interval_us(limits.answers_per_second, threads)},
      error_{interval_us(limits.errors_per_second, threads)} {
    if (answer_.cost_us == 0 && error_.cost_us == 0) {
        return;
    }
    const auto window = static_cast<std::uint64_t>(
        std::min<base::Duration>(limits.window, kRateWindowMax) / std::chrono::microseconds(1));
    answer_.window_us = std::max(window, answer_.cost_us);
    error_.window_us = std::max(window, error_.cost_us);
    level_max_us_ = 2 * std::max(answer_.window_us, error_.window_us);
    key_[0] = base::random_u64();
    key_[1] = base::random_u64();
    const std::size_t sets = std::bit_ceil(std::max<std::size_t>(limits.entries / kWays, 1));
    set_mask_ = sets - 1;
    table_.resize(sets * kWays);
}

std::uint64_t RateLimiter::network_hash(const Client& client,
                                        AnswerClass answer_class) const noexcept {
    const std::byte* const at = client.address.data();
    std::uint64_t network =
        (std::uint64_t{load_u16(at)} << 48) | (std::uint64_t{load_u16(at + 2)} << 32);
    if (client.family == Family::V4) {
        network &= mask4_;
    } else {
        network |= (std::uint64_t{load_u16(at + 4)} << 16) | load_u16(at + 6);
        network &= mask6_;
    }
    const auto kind = static_cast<std::uint64_t>(client.family) * kAnswerClasses +
                      static_cast<std::uint64_t>(answer_class);
    const std::uint64_t keyed = fold_product(network ^ key_[0], kind ^ key_[1]);
    return fold_product(keyed ^ key_[0], 0x9e3779b97f4a7c15U);
}

bool RateLimiter::admit(const Client& client,
                        AnswerClass answer_class,
                        std::uint64_t now_us) noexcept {
    const Price& price = answer_class == AnswerClass::Error ? error_ : answer_;
    if (price.cost_us == 0) {
        return true;
    }
    const std::uint64_t hash = network_hash(client, answer_class);
    const std::uint64_t tag = hash & ~kTimeMask;
    std::uint64_t* const set = table_.data() + (hash & set_mask_) * kWays;
    const auto level_of = [now_us, this](std::uint64_t entry) {
        const std::uint64_t left = (entry - now_us) & kTimeMask;
        return left <= level_max_us_ ? left : 0;  // empty for a while
    };
    std::uint64_t* entry = nullptr;
    for (std::size_t i = 0; i < kWays && entry == nullptr; ++i) {
        if ((set[i] & ~kTimeMask) == tag) {
            entry = set + i;
        }
    }
    std::uint64_t level = 0;
    if (entry != nullptr) {
        level = level_of(*entry);
    } else {
        entry = std::min_element(set, set + kWays, [&](std::uint64_t a, std::uint64_t b) {
            return level_of(a) < level_of(b);
        });
    }
    level += price.cost_us;
    *entry = tag | ((now_us + std::min(level, 2 * price.window_us)) & kTimeMask);
    return level <= price.window_us;
}

}  // namespace dns
