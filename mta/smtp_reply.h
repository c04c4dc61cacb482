#pragma once

// SMTP replies: what the peer sees. Text never holds what an Error says: its detail is for the log.
//
// reply_for_error is the one place where an Error becomes a reply (RFC 5321 4.2, enhanced codes of
// RFC 3463 and RFC 5248). When it is not certain that a failure is permanent, the reply is 4xx:
// mail is never bounced for a fault of ours.
//
// Thread rule: values.

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace mta {

struct Reply {
    int code = 0;               ///< RFC 5321 4.2.1
    std::string_view enhanced;  ///< "5.1.1", static text; empty: none (greeting, EHLO, 354)
    std::string text;           ///< one line, or several parted by '\n'

    [[nodiscard]] bool is_positive() const { return code < 400; }

    [[nodiscard]] bool is_temporary() const { return code >= 400 && code < 500; }
};

/// Where in the dialogue the error arose.
enum class ReplyPhase : std::uint8_t {
    Sender,     ///< MAIL: the sender blocklist
    Recipient,  ///< RCPT: the internal view
    Store,      ///< the end of data, one recipient: storage servers and catalog
    StoreMany,  ///< the same with several: what one of them lacks must not bounce the others' mail
};

[[nodiscard]] Reply reply_for_error(const base::Error& error, ReplyPhase phase);

/// Appends the wire form, "250-...\r\n250 ...\r\n". Characters that no reply may hold become '?',
/// lines are cut at 512 octets (RFC 5321 4.5.3.1.5).
void append_reply(std::string& out, const Reply& reply);

}  // namespace mta
