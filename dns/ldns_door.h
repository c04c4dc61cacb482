#pragma once

// The one door to ldns: record data between presentation form and wire form. ldns reads what
// operators wrote, and records of updates whose signature was right and whose form has been judged;
// no other byte from the network (it leaks and asserts on crafted packets).
//
// Thread rule: any thread, no shared state. Not for the answer path: every call allocates.
// Byte order: wire form is network order, names uncompressed.
// Errors: Invalid with ldns's reason; TooLarge above kRecordTextMax.

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "dns/name.h"

namespace dns {

/// "MX" -> 15, "TYPE65280" -> 65280 (RFC 3597 5).
[[nodiscard]] base::Result<std::uint16_t> record_type(std::string_view text);

/// 15 -> "MX", 65280 -> "TYPE65280".
[[nodiscard]] std::string record_type_name(std::uint16_t type);

/// The wire form of record data. Relative names end at `origin`. "\# 3 abcdef" works for any type
/// (RFC 3597 5). Stricter than ldns: an open quote, a comment, a line end, and a number that does
/// not fit its field are Invalid; ldns lets them pass, the last one changed.
[[nodiscard]] base::Result<std::string> record_data(std::uint16_t type,
                                                    std::string_view text,
                                                    const Name& origin);

/// Presentation form of record data in wire form.
[[nodiscard]] base::Result<std::string> record_data_text(std::uint16_t type, std::string_view data);

}  // namespace dns
