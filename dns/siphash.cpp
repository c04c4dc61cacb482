#include "dns/siphash.h"

#include <bit>
#include <cstring>

namespace dns {
namespace {

std::uint64_t load_little_endian(const std::byte* bytes) noexcept {
    std::uint64_t word = 0;
    if constexpr (std::endian::native == std::endian::little) {
        std::memcpy(&word, bytes, sizeof word);
    } else {
        for (std::size_t i = 0; i < sizeof word; ++i) {
            word |= std::to_integer<std::uint64_t>(bytes[i]) << (8 * i);
        }
    }
    return word;
}

// The last octets, fewer than eight: from a load that ends with them where there is so much.
std::uint64_t load_rest(std::span<const std::byte> input) noexcept {
    const std::size_t rest = input.size() % 8;
    if (rest != 0 && input.size() > 8) {
        return load_little_endian(input.data() + input.size() - 8) >> (8 * (8 - rest));
    }
    std::uint64_t word = 0;
    for (std::size_t i = 0; i < rest; ++i) {
        word |= std::to_integer<std::uint64_t>(input.data()[input.size() - rest + i]) << (8 * i);
    }
    return word;
}

class SipState {
  public:
    explicit SipState(const SipKey& key) noexcept
        : v0_(key.k0 ^ 0x736f6d6570736575U),
          v1_(key.k1 ^ 0x646f72616e646f6dU),
          v2_(key.k0 ^ 0x6c7967656e657261U),
          v3_(key.k1 ^ 0x7465646279746573U) {}

    void mark_wide() noexcept { v1_ ^= 0xeeU; }

    void absorb(std::uint64_t word) noexcept {
        v3_ ^= word;
        rounds(2);
        v0_ ^= word;
    }

    std::uint64_t finish(std::uint64_t marker) noexcept {
        v2_ ^= marker;
        return squeeze();
    }

    std::uint64_t finish_second() noexcept {
        v1_ ^= 0xddU;
        return squeeze();
    }

  private:
    std::uint64_t squeeze() noexcept {
        rounds(4);
        return v0_ ^ v1_ ^ v2_ ^ v3_;
    }

    void rounds(int count) noexcept {
        for (int i = 0; i < count; ++i) {
            v0_ += v1_;
            v2_ += v3_;
            v1_ = std::rotl(v1_, 13) ^ v0_;
            v3_ = std::rotl(v3_, 16) ^ v2_;
            v0_ = std::rotl(v0_, 32);
            v2_ += v1_;
            v0_ += v3_;
            v1_ = std::rotl(v1_, 17) ^ v2_;
            v3_ = std::rotl(v3_, 21) ^ v0_;
            v2_ = std::rotl(v2_, 32);
        }
    }

    std::uint64_t v0_;
    std::uint64_t v1_;
    std::uint64_t v2_;
    std::uint64_t v3_;
};

// Into the caller's registers: as a call of its own it would keep the state in memory.
[[gnu::always_inline]] inline void absorb_all(SipState& state,
                                              std::span<const std::byte> input) noexcept {
    const std::size_t whole = input.size() / 8;
    for (std::size_t i = 0; i < whole; ++i) {
        state.absorb(load_little_endian(input.data() + 8 * i));
    }
    const std::uint64_t length = static_cast<std::uint64_t>(input.size() & 0xff) << 56;
    state.absorb(length | load_rest(input));
}

}  // namespace

SipKey sip_key(const std::array<std::byte, 16>& bytes) noexcept {
    return {load_little_endian(bytes.data()), load_little_endian(bytes.data() + 8)};
}

std::uint64_t siphash_2_4(const SipKey& key, std::span<const std::byte> input) noexcept {
    SipState state(key);
    absorb_all(state, input);
    return state.finish(0xff);
}

SipWords siphash_2_4_128(const SipKey& key, std::span<const std::byte> input) noexcept {
    SipState state(key);
    state.mark_wide();
    absorb_all(state, input);
    const std::uint64_t x = state.finish(0xee);
    const std::uint64_t y = state.finish_second();
    return {x, y};
}

}  // namespace dns
