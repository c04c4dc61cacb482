#pragma once

// base64 of RFC 4648: section 4 (mail bodies), and section 5 without padding (Web Push, JWT).
//
// Thread rule: functions of their arguments.

#include <string>
#include <string_view>

#include "base/result.h"

namespace base {

/// With padding, one line without an end.
[[nodiscard]] std::string base64(std::string_view octets);

/// With padding, in lines of 76 characters that each end in CRLF (RFC 2045 6.8).
[[nodiscard]] std::string base64_lines(std::string_view octets);

[[nodiscard]] std::string base64url(std::string_view octets);

/// Padding may be there or not. Errc::Invalid: other characters, a wrong length, stray bits.
[[nodiscard]] Result<std::string> decode_base64url(std::string_view text);

}  // namespace base
