#pragma once

// Names of a message that may be compressed (RFC 1035 4.1.4), as updates carry them. Queries never
// do (dns/wire.h), so this is not on the answer path.
//
// Bounded: a pointer must lead to before the labels that it ends, so that each name is read in at
// most 255 octets and ends. Pure; any thread. Allocates.

#include <cstddef>
#include <span>
#include <string>

namespace dns::update {

/// Appends the name at `at`, uncompressed and in the case that was sent, to `wire` and moves `at`
/// behind it. What stands at `at` itself, up to a pointer, must end before `end`. False if the name
/// is cut, too long or leads forward; `wire` and `at` are then undefined.
[[nodiscard]] bool read_message_name(std::span<const std::byte> message,
                                     std::size_t& at,
                                     std::size_t end,
                                     std::string& wire);

}  // namespace dns::update
