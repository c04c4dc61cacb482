#include "dns/siphash.h"

#include <bit>

namespace dns {
namespace {

std::uint64_t load_little_endian(const std::byte* bytes, std::size_t count) noexcept {
    std::uint64_t word = 0;
    for (std::size_t i = 0; i < count; ++i) {
        word |= std::to_integer<std::uint64_t>(bytes[i]) << (8 * i);
    }
    return word;
}

class State {
  public:
    explicit State(const SipKey& key) noexcept
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

void absorb_all(State& state, std::span<const std::byte> input) noexcept {
    const std::size_t whole = input.size() / 8;
    for (std::size_t i = 0; i < whole; ++i) {
        // A constant count of 8 becomes one load.
        state.absorb(load_little_endian(input.data() + 8 * i, 8));
    }
    const std::uint64_t length = static_cast<std::uint64_t>(input.size() & 0xff) << 56;
    state.absorb(length | load_little_endian(input.data() + 8 * whole, input.size() % 8));
}

}  // namespace

SipKey sip_key(const std::array<std::byte, 16>& bytes) noexcept {
    return {load_little_endian(bytes.data(), 8), load_little_endian(bytes.data() + 8, 8)};
}

std::uint64_t siphash_2_4(const SipKey& key, std::span<const std::byte> input) noexcept {
    State state(key);
    absorb_all(state, input);
    return state.finish(0xff);
}

SipWords siphash_2_4_128(const SipKey& key, std::span<const std::byte> input) noexcept {
    State state(key);
    state.mark_wide();
    absorb_all(state, input);
    const std::uint64_t x = state.finish(0xee);
    const std::uint64_t y = state.finish_second();
    return {x, y};
}

}  // namespace dns
