#pragma once

// The grammar of SMTP command lines (RFC 5321 4.1). Pure: text in, values out.
//
// Strict, with two named exceptions: blanks before the end of a line are ignored (RFC 5321 4.1.1),
// and one blank after the colon of "MAIL FROM:" and "RCPT TO:" is let through, because scripts and
// appliances send it although RFC 5321 3.3 forbids it, and no other reading is possible.
//
// Thread rule: functions of their arguments alone.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "mail/address.h"
#include "mail/envelope.h"

namespace mta {

enum class Verb : std::uint8_t {
    Ehlo,
    Helo,
    Mail,
    Rcpt,
    Data,
    Rset,
    Noop,
    Quit,
    Vrfy,
    Expn,
    Help,
    StartTls,  ///< known and not offered
    Auth,      ///< known and not offered
    Bdat,      ///< known and not offered; its octets would follow unasked
    Foreign,   ///< the first word of another protocol (HTTP): never a mail client
    Unknown,
};

/// A line, cut behind its verb. Views into the line.
struct CommandLine {
    Verb verb = Verb::Unknown;
    std::string_view argument;  ///< what follows the verb and its blank, without blanks at the end
};

/// RFC 5321 4.5.3.1.4, CRLF included; MAIL and RCPT may use LineReader::kLineMax.
inline constexpr std::size_t kCommandLineMax = 512;

/// `line` without CRLF. Verbs are matched in any case (RFC 5321 2.4).
[[nodiscard]] CommandLine parse_command_line(std::string_view line);

/// What was wrong with the arguments of MAIL or RCPT; each has a reply of its own.
enum class SyntaxFault : std::uint8_t {
    None,
    Syntax,            ///< not the command's form at all
    Address,           ///< the path is malformed
    AddressTooLong,    ///< a part of it is over RFC 5321 4.5.3.1.1 to 4.5.3.1.3
    UnknownParameter,  ///< RFC 5321 4.1.1.11: 555
    ParameterValue,    ///< known parameter, bad or repeated value
};

/// What MAIL said. Values count only without a fault.
struct MailArguments {
    SyntaxFault fault = SyntaxFault::None;
    std::optional<mail::Address> sender;                  ///< none: the null reverse-path
    std::optional<std::uint64_t> size_bytes;              ///< SIZE=, RFC 1870
    mail::BodyType body_type = mail::BodyType::SevenBit;  ///< BODY=, RFC 6152
    std::size_t parameter_count = 0;
};

/// "FROM:<path> [SIZE=n] [BODY=7BIT|8BITMIME]".
[[nodiscard]] MailArguments parse_mail_arguments(std::string_view argument);

/// What RCPT said. The recipient counts only without a fault.
struct RcptArguments {
    SyntaxFault fault = SyntaxFault::None;
    mail::Address recipient;  ///< domain empty: the bare <Postmaster>
};

/// "TO:<path>". No parameter is offered.
[[nodiscard]] RcptArguments parse_rcpt_arguments(std::string_view argument);

/// The argument of EHLO and HELO: a domain or an address literal (RFC 5321 4.1.1.1).
[[nodiscard]] bool is_client_name(std::string_view argument);

}  // namespace mta
