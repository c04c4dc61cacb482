#pragma once

// SpoolText: the text file that Asterisk keeps beside each recording, voicemail/CONTEXT/MAILBOX/
// FOLDER/msgNNNN.txt: comments, the line [message], then name=value lines. It is written by a
// program that we do not control and holds what a caller said of himself, so: bounded, and every
// value comes out as valid UTF-8 without control characters.
//
// Tolerated because Asterisk writes it: unknown names, empty values, "=>" for "=", CRLF, values
// with ';' in them (a caller's name may have one; only a line that begins with ';' is a comment).
// Of a name that stands twice the first counts.
//
// Thread rule: values; functions of their arguments.
// Limits: kSpoolTextMax octets (TooLarge), kSpoolValueMax octets of a value (cut).

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace mta {

inline constexpr std::size_t kSpoolTextMax = std::size_t{64} << 10U;
inline constexpr std::size_t kSpoolValueMax = 256;

/// Who called, from the value callerid: "Name" <number>, <number>, a number or a name alone.
/// Asterisk's words for "not known" (Unknown, unknown, Anonymous is a name) give empty texts.
struct CallerId {
    std::string name;
    std::string number;

    friend bool operator==(const CallerId&, const CallerId&) = default;
};

[[nodiscard]] CallerId parse_caller_id(std::string_view value);

/// The values of one text file; empty or unset where it has none.
struct SpoolText {
    std::string origmailbox;
    std::string context;  ///< of the dialplan; the voicemail context is the folder's
    std::string macrocontext;
    std::string exten;
    std::string rdnis;
    std::string callerchan;
    std::string callerid;  ///< as written
    std::string origdate;  ///< as written, in Asterisk's zone
    std::string category;
    std::string msg_id;  ///< empty before Asterisk 11
    std::string flag;    ///< "Urgent" or empty
    std::optional<std::int64_t> priority;
    std::optional<std::int64_t> origtime;    ///< seconds since 1970
    std::optional<std::int64_t> duration_s;  ///< what Asterisk measured

    [[nodiscard]] bool is_urgent() const;

    [[nodiscard]] CallerId caller() const { return parse_caller_id(callerid); }
};

/// Errc::Corrupt: no [message] in it, or none of origtime, duration and msg_id, so that it may be
/// half written. Errc::TooLarge.
[[nodiscard]] base::Result<SpoolText> parse_spool_text(std::string_view text);

/// The idempotency key of a message in the mailbox `mailbox` of the voicemail context `context`:
/// the same however often Asterisk renumbers its file or moves it to another folder, another one
/// for each mailbox that gets a copy. From msg_id, which is unique on one Asterisk only; where
/// there is none, from time, caller and duration. Printable ASCII, 76 octets.
[[nodiscard]] std::string voicemail_key(std::string_view context,
                                        std::string_view mailbox,
                                        const SpoolText& text);

/// UTF-8 without control characters (each becomes a space), at most `size_max` octets, cut between
/// characters. Octets that are not UTF-8 are taken for windows-1252.
[[nodiscard]] std::string clean_value(std::string_view text, std::size_t size_max = kSpoolValueMax);

}  // namespace mta
