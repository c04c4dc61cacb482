#pragma once

// Numbers as the mail agent's state files have them: little-endian, of fixed width.
//
// Thread rule: functions of their arguments.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace mta {

inline void put_number(std::string& out, std::uint64_t number, std::size_t octets) {
    for (std::size_t i = 0; i < octets; ++i) {
        out += static_cast<char>(static_cast<unsigned char>(number >> (8 * i)));
    }
}

/// Takes `octets` octets from the front of `in`, which has them.
[[nodiscard]] inline std::uint64_t take_number(std::string_view& in, std::size_t octets) {
    std::uint64_t number = 0;
    for (std::size_t i = 0; i < octets; ++i) {
        number |= std::uint64_t{static_cast<unsigned char>(in[i])} << (8 * i);
    }
    in.remove_prefix(octets);
    return number;
}

}  // namespace mta
