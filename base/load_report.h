#pragma once

// The load report protocol: how a name server asks a mail or access server for its load.
//
// TCP. On connect the server sends its greeting, then answers each "LOAD" line with one report:
//
//   S: roundtable-load 1 name=mx1.example.org start=1795345200123456\r\n
//   C: LOAD\r\n
//   S: start=1795345200123456 busy_us=81230000 arrivals=5120 refused=3 accepted=5077 fit=1
//   reason=ok\r\n
//
// The connection stays open between reports; its closing makes the name server probe again at once.
// Anything but LOAD: the server closes. A server may serve any number of idle connections up to a
// limit of its own (64 is plenty), and closes one that sends a line over kLoadLineMax.
//
// Fields (all counters are cumulative since the start that `start` names; a new process takes a
// new start id, microseconds since 1970 will do):
//   busy_us   integral of utilisation over time: a server whose workers are half busy for 10 s adds
//             5,000,000. Utilisation is 0..1 of capacity, so busy_us never runs faster than time.
//   arrivals  attempts (sessions or transactions), refused ones included
//   refused   those turned away for lack of resources or an internal error (421, 451, 452; not
//             greylisting, not policy)
//   accepted  messages accepted (access servers: sessions served)
//   fit       0 = do not send me mail (too few storage servers, shutting down); counts as down
//   reason    one word, why: [A-Za-z0-9._-]{1,64}; "ok" when fit
//
// Keys come in any order; unknown keys are ignored, so that fields can be added; a repeated key is
// an error. Lines are at most kLoadLineMax octets with CRLF; parsers take them without CRLF.
//
// Thread rule: pure functions on values.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace base {

/// Longest line of the protocol, CRLF included, in octets.
inline constexpr std::size_t kLoadLineMax = 512;

/// What the client sends.
inline constexpr std::string_view kLoadCommand = "LOAD\r\n";

struct LoadGreeting {
    std::string name;            ///< the server's own name: [A-Za-z0-9._-]{1,255}
    std::uint64_t start_id = 0;  ///< changes with each start of the server

    bool operator==(const LoadGreeting&) const = default;
};

/// One answer to LOAD; the fields as the protocol above has them.
struct LoadReport {
    std::uint64_t start_id = 0;
    std::uint64_t busy_us = 0;
    std::uint64_t arrivals = 0;
    std::uint64_t refused = 0;
    std::uint64_t accepted = 0;
    bool fit = true;
    std::string reason = "ok";

    bool operator==(const LoadReport&) const = default;
};

/// One line with CRLF. Characters that name or reason may not hold become '_'; both are cut to
/// their length; an empty one becomes "-".
[[nodiscard]] std::string format_load_greeting(const LoadGreeting& greeting);
[[nodiscard]] std::string format_load_report(const LoadReport& report);

/// Parse one line without its CRLF. Errc::Unsupported: another protocol version;
/// Errc::TooLarge: over kLoadLineMax; Errc::Invalid: anything else that is not the protocol.
[[nodiscard]] Result<LoadGreeting> parse_load_greeting(std::string_view line);
[[nodiscard]] Result<LoadReport> parse_load_report(std::string_view line);

}  // namespace base
