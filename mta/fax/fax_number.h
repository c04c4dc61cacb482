#pragma once

// Telephone numbers as they come from the line, from people and from addresses: digits, with a "+"
// before them if it is an international number (E.164). Thread rule: functions of their arguments.

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"

namespace mta {

inline constexpr std::size_t kFaxNumberMax = 32;  ///< characters; E.164 has 15 digits at most

/// "+49 (30) 901-820" and "tel:+49.30.901820" as "+4930901820". Spaces, and the signs that people
/// put between digits, go. Empty if it is no number: letters, no digit, too long.
[[nodiscard]] std::string normal_fax_number(std::string_view text);

/// A number, or any other text (a TSI may be a name), in the form in which routes are compared: a
/// number as above, else lower case without spaces at its ends.
[[nodiscard]] std::string fax_match_form(std::string_view text);

/// A pattern of a route: "*" (anything, also nothing), a number or a text, with at most one "*" at
/// its end for "begins with". Returned in the form that is stored. Errors: Invalid.
[[nodiscard]] base::Result<std::string> fax_pattern(std::string_view text);

/// The number of an address of a fax domain: "+4930901820", "FAX=+4930901820" (RFC 3191 2, RFC 3192
/// 2). Empty if the local part is none.
[[nodiscard]] std::string fax_number_of_local_part(std::string_view local_part);

}  // namespace mta
