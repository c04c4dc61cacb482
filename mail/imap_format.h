#pragma once

// ENVELOPE, BODYSTRUCTURE and BODY as the octets that an IMAP server sends (RFC 9051 7.5.2). The
// results may contain literals ("{5}\r\nhello") and can be sent as they are. For valid mail they
// are those of Dovecot, octet for octet.
//
// Thread rule: functions of their arguments.

#include <string>
#include <string_view>

#include "base/result.h"
#include "mail/header.h"
#include "mail/structure.h"

namespace mail {

/// A string of IMAP: quoted, or a literal if it has 8-bit, CR, LF or NUL octets (NUL, which no IMAP
/// string may carry, becomes 0x80).
void append_imap_string(std::string& out, std::string_view value);

/// NIL if the value is empty, else append_imap_string.
void append_imap_nstring(std::string& out, std::string_view value);

/// "(date subject from sender reply-to to cc bcc in-reply-to message-id)"; Sender and Reply-To
/// default to From. Several fields of one name: addresses of all, text of the first. Text over
/// kEnvelopeFieldMax is cut, lists over kEnvelopeListMax lose their last addresses, so that the
/// whole stays below kEnvelopeTextMax.
[[nodiscard]] std::string format_envelope(const Header& header);

/// `structure` must be that of `message`.
[[nodiscard]] std::string format_bodystructure(std::string_view message,
                                               const Structure& structure);

/// BODY: BODYSTRUCTURE without the extension data.
[[nodiscard]] std::string format_body(std::string_view message, const Structure& structure);

/// BODY from a stored BODYSTRUCTURE. Corrupt: it is not one.
[[nodiscard]] base::Result<std::string> body_from_bodystructure(std::string_view bodystructure);

}  // namespace mail
