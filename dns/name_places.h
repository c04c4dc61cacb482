#pragma once

// Where in the data of a record the names stand that may be compressed: in the types of RFC 1035
// alone (RFC 3597 4); and how long such a name is. Pure. Any thread.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "dns/wire.h"

namespace dns {

struct NamePlaces {
    std::size_t skip = 0;   ///< octets before the first name
    std::size_t names = 0;  ///< names in a row; 0: none that may be compressed
};

[[nodiscard]] constexpr NamePlaces name_places(std::uint16_t type) noexcept {
    switch (static_cast<RrType>(type)) {
        case RrType::Ns:
        case RrType::Cname:
        case RrType::Ptr:
            return {0, 1};
        case RrType::Mx:
            return {2, 1};
        case RrType::Soa:
            return {0, 2};
        default:
            return {};
    }
}

/// Octets of the name that `wire` begins with; all of it if that ends within the name.
[[nodiscard]] constexpr std::size_t name_size(std::string_view wire) noexcept {
    std::size_t at = 0;
    while (at < wire.size() && wire[at] != '\0') {
        at += static_cast<unsigned char>(wire[at]) + 1U;
    }
    return at < wire.size() ? at + 1 : wire.size();
}

}  // namespace dns
