#pragma once

// Writing header fields of messages that we make ourselves. Values are hostile: whatever
// octets they hold, a field stays one field (RFC 5322 2.2), of lines of at most 78 characters where
// it can be folded. Thread rule: functions of their arguments. Lines end in CRLF.

#include <string>
#include <string_view>

namespace mail {

/// "Name: value" CRLF. `value` is clean UTF-8 (mail::clean_text); what is no plain ASCII text
/// becomes encoded words (RFC 2047 2, base64, at most 75 characters each).
[[nodiscard]] std::string text_field(std::string_view name, std::string_view value);

/// "Name: display <address>" CRLF, without the display name if it is empty (RFC 5322 3.4).
[[nodiscard]] std::string address_field(std::string_view name,
                                        std::string_view display,
                                        std::string_view address);

/// True if all octets are printable ASCII or spaces.
[[nodiscard]] bool is_printable_ascii(std::string_view text) noexcept;

}  // namespace mail
