#pragma once

// The protocol of mtad's ingest socket, a unix stream socket. For each message the client sends
//
//   {"kind":"fax","key":"call-17","sender":"","recipients":["alice@example.org"],
//    "attributes":{"called":"+4930123"},"seen":false,"size":48211}\n
//   then exactly `size` octets: the message, RFC 5322, lines ending in CRLF
//
// and the server answers with one line:
//
//   {"status":"stored","id":"<message id>","copies":2}     the promise of SMTP's 250
//   {"status":"again","id":"<message id>"}                 its key is that message's: nothing to do
//   ... "left_out":["x@elsewhere"]                         of both, if "partial" left some out
//   {"status":"try-again","reason":"..."}                  later, or elsewhere; with the same key
//   {"status":"never","code":"not-found","reason":"..."}   not-found, refused, invalid, too-large
//
// The answer may come before the message was sent whole; after "try-again" and "never" the server
// may close. Members that are not there: key and sender are empty, there are no attributes, seen is
// false (true: the recipients have read or heard it elsewhere, it is delivered with \Seen), partial
// is false (true: recipients that are not ours are left out, and named in the answer; not-found is
// then said only if none is ours). Others than these are refused. The line is UTF-8 of at most
// kIngestHeaderMax octets, "\n" included.
//
// Thread rule: pure functions. Limits: kIngestHeaderMax, kIngestKeyMax, kIngestAttributesMax,
// those of attributes.h.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "mail/attributes.h"
#include "mail/kind.h"
#include "mail/limits.h"

namespace mta {

inline constexpr std::size_t kIngestHeaderMax = std::size_t{64} << 10U;
inline constexpr std::size_t kIngestKeyMax = 200;
/// The others are the key and what the virus scanner says, which no client may crowd out.
inline constexpr std::size_t kIngestAttributesMax = mail::kAttributesMax - 4;
inline constexpr std::size_t kIngestAnswerMax = std::size_t{128} << 10U;

/// What comes before a message.
struct IngestHeader {
    mail::Kind kind = mail::Kind::Email;
    std::string key;
    std::string sender;
    std::vector<std::string> recipients;  ///< at least one
    mail::Attributes attributes;          ///< without key, verdict, signature, scanner; 28
    bool seen = false;                    ///< delivered with \Seen
    bool partial = false;                 ///< recipients that are not ours are left out
    std::uint64_t size = 0;               ///< at least 1

    friend bool operator==(const IngestHeader&, const IngestHeader&) = default;
};

/// A line without its end. Invalid or TooLarge, with what is wrong and with what to do.
[[nodiscard]] base::Result<IngestHeader> parse_ingest_header(std::string_view line);

/// With its end. Errors: what parse_ingest_header would answer.
[[nodiscard]] base::Result<std::string> format_ingest_header(const IngestHeader& header);

/// What became of a message, on the wire.
struct IngestAnswer {
    enum class Status : std::uint8_t { Stored, Again, TryAgain, Never };

    Status status = Status::TryAgain;
    std::string id;                      ///< of Stored and Again
    std::size_t copies = 0;              ///< of Stored
    std::vector<std::string> left_out;   ///< of Stored and Again: recipients that are not ours
    base::Errc code = base::Errc::Busy;  ///< of Never: NotFound, Refused, Invalid, TooLarge
    std::string reason;                  ///< of TryAgain and Never: for people

    friend bool operator==(const IngestAnswer&, const IngestAnswer&) = default;
};

/// "stored" and so on.
[[nodiscard]] std::string_view ingest_status_name(IngestAnswer::Status status) noexcept;

/// With its end; at most kIngestAnswerMax octets.
[[nodiscard]] std::string format_ingest_answer(const IngestAnswer& answer);

/// A line without its end. Corrupt if it is none.
[[nodiscard]] base::Result<IngestAnswer> parse_ingest_answer(std::string_view line);

}  // namespace mta
