#pragma once

// A received fax as a message: a summary in text, the pages as PDF, the TIFF itself, octet for
// octet, and header fields that say what is known of the call (RFC 3458: Message-Context; RFC 3302
// and RFC 3965: image/tiff; application=faxbw).
//
// Everything that came over the line is hostile and is cleaned before it is used. The message is a
// function of its arguments: the same fax gives the same octets, whoever hands it in, and however
// often. A damaged page is in the PDF as far as it could be read, marked, and told of in subject,
// summary and header; a file that is no TIFF goes as it is.
//
// Thread rule: functions of their arguments; block for as long as the pages take to decode (about
// 100 ms a page of close print).

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "mail/attributes.h"
#include "mail/date.h"
#include "mta/fax/tiff_reader.h"

namespace mta {

/// What is known of the call, from the receiving program and the file's tags. Texts as they came.
struct FaxCall {
    std::string called;         ///< number that was called
    std::string caller;         ///< number of the caller, as the telephone network told it
    std::string caller_name;    ///< name of the caller, likewise
    std::string sender_id;      ///< TSI: what the sending machine says of itself
    std::string subaddress;     ///< T.33
    std::string device;         ///< modem that received it
    std::string communication;  ///< HylaFAX's number of the call (commid)
    std::string line_error;     ///< what the receiving program complained of; empty: nothing
    std::optional<std::int64_t> duration_s;
    mail::ZonedTime received;
};

/// Fills what is not known yet from the tags of the file.
void complete_from_tags(FaxCall& call, const TiffCall& tags);

enum class WithPdf : std::uint8_t { No, Yes };

/// How to compose. `key`, `to` and `domain` are needed.
struct FaxMessageOptions {
    std::string key;                  ///< idempotency key: names the message (Message-ID, boundary)
    std::string from;                 ///< the sender's address; empty: caller's number at `domain`
    std::string to;                   ///< the recipient's address
    std::string domain;               ///< of the fax service: right side of From and Message-ID
    WithPdf with_pdf = WithPdf::Yes;  ///< No: a message that was too large with it
};

/// See the top of this file.
struct FaxMessage {
    std::string octets;  ///< RFC 5322, lines end in CRLF
    std::string from;    ///< address in From: also the envelope's sender
    std::size_t pages = 0;
    std::size_t damaged_pages = 0;
    mail::Attributes attributes;  ///< for the catalog (schema/README.md); without `key`
};

/// Errors: TooLarge (the file). A PDF that cannot be made is left out, which the summary says.
[[nodiscard]] base::Result<FaxMessage> compose_fax(FaxCall call,
                                                   std::string_view file,
                                                   const FaxMessageOptions& options);

/// "fax/NAME/SHA-256 of the file", NAME being that of the file in the receive queue without folder
/// and ".tif", at most 64 octets of it: the same for the hook and for the sweeper, whatever else
/// either of them knows. HylaFAX never gives a name twice; two machines may, and then the digests
/// differ.
[[nodiscard]] std::string fax_key(std::string_view path, std::string_view file);

}  // namespace mta
