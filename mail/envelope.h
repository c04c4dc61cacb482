#pragma once

// The SMTP envelope as a frame keeps it: who sent, and which mailboxes get the message. It makes a
// segment describe itself: the catalog can be caught up from it. Attributes, what else is known of
// the message, go with it.
//
// Encoded form, version 1: octet version; then, numbers as unsigned LEB128 (low groups first) and
// strings as length + octets: sender; body type; number of recipients, each as address, account id
// (zigzag), mailbox name, flag bits, number of keywords, keywords. No checksum: the frame has one.
// Version 2 is the same, and behind it: number of attributes (at least 1), each as name, value, in
// the order of their names, no name twice. It is written when there are attributes, and only then:
// an envelope has one encoded form.
//
// Thread rule: values. Limits: kRecipientsMax, kMailboxNameMax, kKeywordsMax, kSmtpEnvelopeMax, and
// those of attributes.h.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "mail/attributes.h"
#include "mail/flags.h"

namespace mail {

/// One delivery: to an account's mailbox, on behalf of an address.
struct Recipient {
    std::string address;          ///< as given in RCPT TO, Address::text(); empty for an APPEND
    std::int64_t account_id = 0;  ///< directory.account; 0: not known to be one of ours
    std::string mailbox;          ///< IMAP mailbox name in UTF-8; empty: INBOX
    Flags flags = Flags::None;    ///< as the message is first seen in the mailbox
    std::vector<std::string> keywords;

    friend bool operator==(const Recipient&, const Recipient&) = default;
};

enum class BodyType : std::uint8_t { SevenBit = 0, EightBitMime = 1 };

/// See the top of this file.
struct Envelope {
    std::string sender;  ///< reverse-path, Address::text(); empty: the null path "<>"
    BodyType body_type = BodyType::SevenBit;
    std::vector<Recipient> recipients;
    Attributes attributes;

    friend bool operator==(const Envelope&, const Envelope&) = default;
};

/// Errors: Invalid or TooLarge if decode_envelope would refuse it.
[[nodiscard]] base::Result<std::string> encode(const Envelope& envelope);

/// Errors: Corrupt, Unsupported (version), TooLarge.
[[nodiscard]] base::Result<Envelope> decode_envelope(std::string_view bytes);

}  // namespace mail
