#pragma once

// Mailbox names: on the wire in modified UTF-7 (RFC 3501 5.1.3), inside and in the catalog in UTF-8
// with "/" between the levels and INBOX in capitals.
//
// Thread rule: functions of their arguments. Errors: Errc::Invalid. Limits: kMailboxNameBytesMax.

#include <string>
#include <string_view>

#include "base/result.h"

namespace accessd {

inline constexpr char kHierarchySeparator = '/';

/// UTF-8 for a modified UTF-7 text. Strict, so that one name has one wire form: no 8-bit octet or
/// control, no shifted printable ASCII, no needless shift out and in, no stray bits, no lone
/// surrogate. Invalid otherwise.
[[nodiscard]] base::Result<std::string> decode_mutf7(std::string_view wire);

/// `utf8` must be valid UTF-8 (what the catalog holds is); other octets come out as U+FFFD.
[[nodiscard]] std::string encode_mutf7(std::string_view utf8);

/// INBOX and the first level "inbox" of a longer name in any case become "INBOX" (RFC 9051 5.1).
[[nodiscard]] std::string canonical_mailbox_name(std::string name);

/// A name as a client sent it, as the catalog knows it. One trailing "/" is allowed (CREATE uses it
/// to say that names below will follow, RFC 9051 6.3.4) and removed.
[[nodiscard]] base::Result<std::string> mailbox_name_from_wire(std::string_view wire);

/// What CREATE and RENAME make: no empty level, no "%" or "*" (RFC 9051 5.1), no control, not
/// longer than kMailboxNameBytesMax. Invalid otherwise.
[[nodiscard]] base::Status check_new_mailbox_name(std::string_view name);

/// The name as an astring of the reply, quoted.
void append_mailbox_name(std::string& out, std::string_view utf8);

}  // namespace accessd
