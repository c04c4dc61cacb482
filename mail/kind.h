#pragma once

// Kind: e-mail, fax or voicemail. The numbers are stored in frames and in the catalog and never
// change meaning. Thread rule: values.

#include <cstdint>
#include <string_view>

#include "base/result.h"

namespace mail {

enum class Kind : std::uint8_t { Email = 1, Fax = 2, Voicemail = 3 };

/// "email", "fax", "voicemail".
[[nodiscard]] std::string_view kind_name(Kind kind) noexcept;

/// By name; an unknown name is Invalid.
[[nodiscard]] base::Result<Kind> parse_kind(std::string_view name);

/// By stored number; an unknown number is Invalid.
[[nodiscard]] base::Result<Kind> kind_from_number(int number);

}  // namespace mail
