#pragma once

// DNS messages in wire form, written by hand for the tests of base/resolver.h.

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

#include "base/resolver.h"

namespace dns_wire {

inline std::string u16(unsigned value) {
    return {static_cast<char>(value >> 8U), static_cast<char>(value & 0xFFU)};
}

inline std::string u32(unsigned value) {
    return u16(value >> 16U) + u16(value & 0xFFFFU);
}

// Labels of at most 63 bytes, no escapes.
inline std::string wire(std::string_view name) {
    std::string out;
    while (!name.empty()) {
        const std::size_t dot = std::min(name.find('.'), name.size());
        out += static_cast<char>(dot);
        out += name.substr(0, dot);
        name.remove_prefix(std::min(dot + 1, name.size()));
    }
    return out + '\0';
}

inline std::string record(const std::string& owner,
                          unsigned type,
                          unsigned ttl,
                          const std::string& data) {
    return owner + u16(type) + u16(1) + u32(ttl) + u16(static_cast<unsigned>(data.size())) + data;
}

inline const std::string kPointer = "\xC0\x0C";  // to the question's name

// Header, question, and `answers` (count given).
inline std::string reply(unsigned id,
                         unsigned flags,
                         const std::string& name,
                         base::DnsType type,
                         unsigned count,
                         const std::string& answers) {
    return u16(id) + u16(0x8000U | flags) + u16(1) + u16(count) + u32(0) + wire(name) +
           u16(static_cast<unsigned>(type)) + u16(1) + answers;
}

}  // namespace dns_wire
