#pragma once

// The client of mtad's ingest socket (ingest_protocol.h): how programs of this machine, a fax
// receiver, a telephone system, a script, hand in a message of any kind. Success is the promise of
// SMTP's 250: the message is durable on min_copies storage servers.
//
// Thread rule: any thread that is no loop: it blocks, until the deadline at most.

#include <cstddef>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "mail/attributes.h"
#include "mail/kind.h"
#include "mail/message_id.h"

namespace mta {

/// One message.
struct IngestRequest {
    mail::Kind kind = mail::Kind::Email;
    /// Names the message for ever: a second one with the same key is never delivered. Clean text
    /// (attributes.h) of at most 200 octets; empty: no key, and nothing is known of repetitions.
    std::string key;
    std::string sender;                   ///< an address; empty: the null path "<>"
    std::vector<std::string> recipients;  ///< addresses of ours, at least one
    bool partial = false;                 ///< others among them are left out, not refused
    mail::Attributes attributes;          ///< all but `key`
    bool seen = false;                    ///< they have read or heard it elsewhere: \Seen
    std::string message;                  ///< RFC 5322; lines end in CRLF or in LF
};

/// What became of it.
struct IngestReceipt {
    mail::MessageId id;                 ///< of the first message of that key, if `again`
    std::size_t copies = 0;             ///< durable now; 0 if `again`
    bool again = false;                 ///< the key was known: nothing was stored
    std::vector<std::string> left_out;  ///< recipients that are not ours, if `partial`
};

/// Errors that are temporary (base::is_temporary): try again, with the same key, here or at another
/// mail server's socket; the message may have been stored. NotFound: a recipient is not one of
/// ours (if `partial`: none is). Refused: the sender is blocked, or a mailbox is full. Invalid: the
/// message or the request is malformed. TooLarge. The detail is for the person who asked.
[[nodiscard]] base::Result<IngestReceipt> ingest(const std::string& socket,
                                                 const IngestRequest& request,
                                                 base::Deadline deadline);

}  // namespace mta
