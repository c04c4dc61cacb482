#pragma once

// From the raw octets of a message to text that a person reads, in UTF-8: encoded words (RFC 2047),
// parameters (RFC 2231), base64, quoted-printable, charsets; and comparison for SEARCH. The door to
// GMime and GLib: no other file includes them. Not on the delivery path.
//
// Forgiving: what cannot be decoded comes out as it is, with octets that are not text replaced by
// U+FFFD. Results are always valid UTF-8 except where it says octets.
// Thread rule: any thread; functions of their arguments. Limits: kDecodedMax, or the given one.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "mail/part_tree.h"
#include "mail/structure.h"

namespace mail {

/// A folded or unfolded field value: unfolded, encoded words decoded. Raw 8-bit octets are UTF-8 if
/// they are valid as such, else windows-1252.
[[nodiscard]] std::string decode_header_text(std::string_view raw);

/// A parameter that may be split and encoded by RFC 2231 ("filename*0*", "filename*"), or wrongly
/// by RFC 2047; empty if there is none of that name.
[[nodiscard]] std::string decode_parameter(const std::vector<Parameter>& parameters,
                                           std::string_view name);

/// Octets of a body without its transfer encoding (BINARY of RFC 3516), at most `max_size` of them.
[[nodiscard]] std::string decode_transfer(std::string_view body,
                                          TransferEncoding encoding,
                                          std::size_t max_size);

/// The body of a text part as UTF-8. An unknown charset is treated as windows-1252 (ASCII stays
/// readable).
[[nodiscard]] std::string decode_part_text(std::string_view body,
                                           TransferEncoding encoding,
                                           std::string_view charset,
                                           std::size_t max_size);

/// Text in some charset as UTF-8: for SEARCH CHARSET. The second value is false if the charset is
/// unknown or the octets are not of it.
struct ConvertedText {
    std::string text;
    bool ok = false;
};

[[nodiscard]] ConvertedText convert_to_utf8(std::string_view bytes, std::string_view charset);

/// The form in which text is compared by SEARCH: compatibility decomposition and case folded, as
/// i;unicode-casemap means it (RFC 5051). Invalid UTF-8 is replaced first.
[[nodiscard]] std::string search_form(std::string_view utf8);

/// True if `needle_form` (a search_form) occurs in `text` (UTF-8, not yet a search form). An empty
/// needle occurs everywhere.
[[nodiscard]] bool contains_text(std::string_view text, std::string_view needle_form);

}  // namespace mail
