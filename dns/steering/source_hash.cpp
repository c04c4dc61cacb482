#include "dns/steering/source_hash.h"

#include <algorithm>

namespace dns::steering {
namespace {

constexpr std::size_t kZoneMax = 255;

constexpr std::array<std::byte, 12> kMappedPrefix = {std::byte{0},
                                                     std::byte{0},
                                                     std::byte{0},
                                                     std::byte{0},
                                                     std::byte{0},
                                                     std::byte{0},
                                                     std::byte{0},
                                                     std::byte{0},
                                                     std::byte{0},
                                                     std::byte{0},
                                                     std::byte{0xff},
                                                     std::byte{0xff}};

}  // namespace

SourcePrefix ipv4_source(std::span<const std::byte, 4> address) noexcept {
    SourcePrefix source;
    source.size = 3;
    std::ranges::copy(address.first<3>(), source.bytes.begin());
    return source;
}

SourcePrefix ipv6_source(std::span<const std::byte, 16> address) noexcept {
    if (std::ranges::equal(address.first<12>(), kMappedPrefix)) {
        return ipv4_source(address.last<4>());
    }
    SourcePrefix source;
    source.size = 6;
    std::ranges::copy(address.first<6>(), source.bytes.begin());
    return source;
}

SipWords hash_source(const SipKey& key,
                     const SourcePrefix& source,
                     std::span<const std::byte> zone) noexcept {
    // The size goes first: without it 192.0.2/24 and a zone could read like a longer prefix.
    std::array<std::byte, 1 + 6 + kZoneMax> input;  // NOLINT: written before it is read
    input[0] = std::byte{source.size};
    auto end = std::copy_n(source.bytes.begin(), source.size, input.begin() + 1);
    end = std::ranges::copy(zone.first(std::min(zone.size(), kZoneMax)), end).out;
    const auto size = static_cast<std::size_t>(end - input.begin());
    return siphash_2_4_128(key, std::span(input).first(size));
}

}  // namespace dns::steering
