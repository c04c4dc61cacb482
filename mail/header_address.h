#pragma once

// Addresses in header fields (RFC 5322 3.4 and 4.4, groups by RFC 6854), for the header summary and
// for search: From, Sender, Reply-To, To, Cc, Bcc. Lax: whatever is written there, a list comes
// out, never an error. Encoded words (RFC 2047) stay as they are.
//
// Thread rule: values. Limits: kHeaderAddressesMax, kFieldValueMax.

#include <string>
#include <string_view>
#include <vector>

namespace mail {

enum class HeaderAddressType { Mailbox, GroupStart, GroupEnd };

/// One entry of a list. An absent part and an empty one are the same.
struct HeaderAddress {
    HeaderAddressType type = HeaderAddressType::Mailbox;
    std::string name;     ///< display name or, without one, the last comment; unquoted
    std::string route;    ///< "@a,@b" of an obsolete route, else empty
    std::string mailbox;  ///< local part unquoted; the name of a group at GroupStart
    std::string domain;   ///< may be empty for a mailbox: "To: joe"

    friend bool operator==(const HeaderAddress&, const HeaderAddress&) = default;
};

/// Reads a folded field value.
[[nodiscard]] std::vector<HeaderAddress> parse_header_addresses(std::string_view value);

/// Writes a list so that parse_header_addresses gives the same list again (if it was one that the
/// parser gave). Not folded.
[[nodiscard]] std::string format_header_addresses(const std::vector<HeaderAddress>& list);

}  // namespace mail
