#pragma once

// The header of a message or MIME part, as views into the stored octets: nothing is copied, nothing
// is decoded. A line ends with LF or CRLF; a CR elsewhere is an ordinary octet. The header ends
// with the first empty line or with the text. A line that is neither a field nor a continuation (no
// colon, or nothing or a control before it) is kept as a field without a name.
//
// Views live as long as the text that was scanned. Thread rule: values.
// Limits: kHeaderFieldsMax, kHeaderScanMax; the size of the header is right even beyond them.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace mail {

/// One field. `name` is without white space before the colon (obsolete syntax, RFC 5322 4.5.1).
struct HeaderField {
    std::string_view name;   ///< empty for a line that is no field
    std::string_view value;  ///< after the colon, folded, without the last line end
    std::string_view whole;  ///< all lines of the field with their line ends
};

/// A scanned header.
struct Header {
    std::vector<HeaderField> fields;
    std::size_t size = 0;         ///< octets, the empty line included
    std::size_t lines = 0;        ///< lines, the empty line included
    bool has_empty_line = false;  ///< false: the text ended within the header
    bool truncated = false;       ///< there were more fields than the limits keep

    /// First field of that name (ASCII case ignored), or null.
    [[nodiscard]] const HeaderField* find(std::string_view name) const noexcept;

    /// Last field of that name, or null.
    [[nodiscard]] const HeaderField* find_last(std::string_view name) const noexcept;

    /// Folded value of the first field of that name, or empty.
    [[nodiscard]] std::string_view value(std::string_view name) const noexcept;
};

/// Scans the header at the start of `text`.
[[nodiscard]] Header scan_header(std::string_view text);

/// Removes the line ends of folding (RFC 5322 2.2.3), and white space at both ends. At most
/// kFieldValueMax octets are returned.
[[nodiscard]] std::string unfold(std::string_view value);

}  // namespace mail
