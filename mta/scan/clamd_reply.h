#pragma once

// What clamd answers, one reply at a time: text in, value out. clamd(8) of ClamAV 1.4: a reply to a
// command that began with "z" ends in a NUL, which is not part of what is parsed here.
//
// With AlertExceedsMax clamd says "FOUND" of what it did not look at, for it is larger, deeper or
// slower to scan than its limits: no virus, and not clean either.
//
// Strict: a reply that is none of the known ones is Invalid. So a program that is not clamd, or a
// reply that was cut, is never taken for "no virus".
//
// Thread rule: functions of their arguments. Limits: kClamdReplyMax, kSignatureMax.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace mta {

/// Octets of one reply.
inline constexpr std::size_t kClamdReplyMax = 2048;

/// Octets of the name of a signature, as we pass it on.
inline constexpr std::size_t kSignatureMax = 128;

/// One reply; see parse_clamd_reply().
struct ClamdReply {
    enum class Kind : std::uint8_t {
        Pong,      ///< of PING
        Clean,     ///< "stream: OK"
        Infected,  ///< "stream: NAME FOUND"; text: the name, sanitised
        NotAll,    ///< "stream: Heuristics.Limits.Exceeded... FOUND"; text: the name, sanitised
        TooLarge,  ///< more octets than StreamMaxLength
        Failed,    ///< "... ERROR": it could not be scanned; text: why, for the log
    };

    Kind kind = Kind::Failed;
    std::string text;
};

/// Errors: Invalid.
[[nodiscard]] base::Result<ClamdReply> parse_clamd_reply(std::string_view reply);

/// The answer to VERSION, "ClamAV 1.4.6/27000/Mon Jan  1 08:30:00 2026", sanitised. Invalid:
/// another.
[[nodiscard]] base::Result<std::string> parse_clamd_version(std::string_view reply);

/// A name that may stand in a header field, an SMTP reply and a log line: what is neither a letter,
/// a digit nor one of ".-_:/+()@" becomes "_"; at most kSignatureMax octets; "unnamed" if empty.
[[nodiscard]] std::string sanitised_signature(std::string_view name);

}  // namespace mta
