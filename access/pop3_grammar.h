#pragma once

// The commands of POP3: RFC 1939, CAPA (RFC 2449), AUTH (RFC 5034). Pure: one line in, a command
// out.
//
// Thread rule: functions of their arguments. Limits: kPop3LineMax. Errors: Invalid; the detail is
// a sentence that may be shown to the client and holds no octet of it.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/result.h"

namespace accessd {

/// Longest command line with its CRLF. RFC 2449 4 says 255; some clients need more for AUTH.
inline constexpr std::size_t kPop3LineMax = 512;

enum class Pop3Verb : std::uint8_t {
    Capa,
    User,
    Pass,
    Auth,
    Stat,
    List,
    Retr,
    Dele,
    Noop,
    Rset,
    Top,
    Uidl,
    Quit,
};

/// A well-formed command. `text` is a view of the line.
struct Pop3Command {
    Pop3Verb verb = Pop3Verb::Noop;
    std::string_view text;  ///< USER: name, PASS: password as sent, AUTH: mechanism
    /// AUTH: base64 as sent, empty for "="; none: to be asked for (RFC 5034 4).
    std::optional<std::string_view> initial_response;
    std::optional<std::uint32_t> message;  ///< message-number; LIST and UIDL may lack it
    std::uint32_t lines = 0;               ///< TOP
};

/// "RETR", for logs.
[[nodiscard]] std::string_view pop3_verb_name(Pop3Verb verb) noexcept;

/// Reads a line without its CRLF. Keywords in any case; one space before each argument (RFC 1939
/// 3), except that PASS takes all that follows its space, spaces included (RFC 1939 7).
[[nodiscard]] base::Result<Pop3Command> parse_pop3_command(std::string_view line);

}  // namespace accessd
