#pragma once

// The place of a source in a steering table: two 64-bit words, keyed, the same on every name server
// that has the same key.
//
// A source is the network that asks: IPv4 /24 or IPv6 /48, so that a farm of resolvers keeps one
// row. EDNS Client Subnet is ignored (RFC 7871 7.3.1 lets a server do so; it answers scope 0). The
// zone is hashed too, so that a provider which mails many of our domains is spread over many rows.
//
// Thread rule: pure; no allocation. Byte order: network order in, as on the wire.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "dns/siphash.h"

namespace dns::steering {

/// The part of an address that counts.
struct SourcePrefix {
    std::array<std::byte, 6> bytes{};
    std::uint8_t size = 0;  ///< 3 for IPv4, 6 for IPv6

    bool operator==(const SourcePrefix&) const = default;
};

[[nodiscard]] SourcePrefix ipv4_source(std::span<const std::byte, 4> address) noexcept;

/// An IPv4-mapped address (RFC 4291 2.5.5.2) counts as IPv4.
[[nodiscard]] SourcePrefix ipv6_source(std::span<const std::byte, 16> address) noexcept;

/// (x, y) for choose_answer(). `zone`: the zone's name in lower case wire format, at most 255
/// octets (more are not looked at).
[[nodiscard]] SipWords hash_source(const SipKey& key,
                                   const SourcePrefix& source,
                                   std::span<const std::byte> zone) noexcept;

}  // namespace dns::steering
