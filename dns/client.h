#pragma once

// Client: who asks, as the answer path sees it. A value; any thread.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace dns {

enum class Transport : std::uint8_t { Udp, Tcp };

enum class Family : std::uint8_t { V4, V6 };

/// The address in network order; of a v4 one the first 4 octets.
struct Client {
    Family family = Family::V4;
    std::array<std::byte, 16> address{};
    Transport transport = Transport::Udp;

    /// 4 or 16 octets.
    [[nodiscard]] std::span<const std::byte> octets() const noexcept {
        return {address.data(), family == Family::V4 ? std::size_t{4} : std::size_t{16}};
    }
};

}  // namespace dns
