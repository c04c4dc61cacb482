#include "storage/segment/siphash.h"

#include <bit>

#include "storage/segment/little_endian.h"

namespace storage {

namespace {

struct SipState {
    std::uint64_t v0;
    std::uint64_t v1;
    std::uint64_t v2;
    std::uint64_t v3;

    void round() noexcept {
        v0 += v1;
        v1 = std::rotl(v1, 13) ^ v0;
        v0 = std::rotl(v0, 32);
        v2 += v3;
        v3 = std::rotl(v3, 16) ^ v2;
        v0 += v3;
        v3 = std::rotl(v3, 21) ^ v0;
        v2 += v1;
        v1 = std::rotl(v1, 17) ^ v2;
        v2 = std::rotl(v2, 32);
    }

    void absorb(std::uint64_t word) noexcept {
        v3 ^= word;
        round();
        round();
        v0 ^= word;
    }
};

}  // namespace

std::uint64_t siphash_2_4(const std::array<std::byte, 16>& key,
                          std::span<const std::byte> input) noexcept {
    const auto k0 = load_le<std::uint64_t>(key.data());
    const auto k1 = load_le<std::uint64_t>(key.data() + 8);
    SipState state{k0 ^ 0x736f6d6570736575U,
                   k1 ^ 0x646f72616e646f6dU,
                   k0 ^ 0x6c7967656e657261U,
                   k1 ^ 0x7465646279746573U};
    const std::size_t whole = input.size() / 8 * 8;
    for (std::size_t at = 0; at < whole; at += 8) {
        state.absorb(load_le<std::uint64_t>(input.data() + at));
    }
    std::uint64_t last = static_cast<std::uint64_t>(input.size()) << 56U;
    for (std::size_t at = whole; at < input.size(); ++at) {
        last |= std::to_integer<std::uint64_t>(input[at]) << (8 * (at - whole));
    }
    state.absorb(last);
    state.v2 ^= 0xffU;
    for (int i = 0; i < 4; ++i) {
        state.round();
    }
    return state.v0 ^ state.v1 ^ state.v2 ^ state.v3;
}

}  // namespace storage
