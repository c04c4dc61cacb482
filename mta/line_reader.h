#pragma once

// Cuts the input of an SMTP session into command lines.
//
// A line ends in CRLF and in nothing else (RFC 5321 2.3.7, 2.3.8). A line with a fault is reported
// once, as soon as the fault is seen, and then skipped up to its CRLF: what stands behind a bare LF
// in it is never run as a command, the reply comes at once even to a person who types LF alone, and
// the session stays in step. Splits at any octet.
//
// Thread rule: a value, one thread at a time. Owner: the SMTP engine.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mta {

enum class LineFault : std::uint8_t {
    None,
    TooLong,  ///< more than kLineMax octets with its CRLF
    BareCr,
    BareLf,
    Character,  ///< NUL or 8-bit (RFC 5321 2.4): only ASCII text is a command
    Flood,      ///< kSkippedMax octets of a faulty line without CRLF: no SMTP client does that
};

/// One command line, or what was wrong with one.
struct Line {
    std::string_view text;  ///< without CRLF; empty with a fault. Valid until the next call
    LineFault fault = LineFault::None;
};

/// The cutter; see the top. Memory: at most kLineMax octets of a line that came in pieces.
class LineReader {
  public:
    /// RFC 5321 4.5.3.1.4 asks for 512 and 4.5.3.1.5 for more with extensions; parameters of MAIL
    /// and RCPT and source routes fit in this. The grammar holds other commands to 512.
    static constexpr std::size_t kLineMax = 1000;
    static constexpr std::size_t kSkippedMax = std::size_t{1} << 20U;

    /// Takes octets from the front of `input` (which is advanced) until a line or a fault can be
    /// reported; none: `input` is used up. The returned text may view into `input`'s octets.
    [[nodiscard]] std::optional<Line> next(std::string_view& input);

    /// True between a line's first octet and its end.
    [[nodiscard]] bool in_line() const { return skipping_ || !partial_.empty(); }

  private:
    [[nodiscard]] std::optional<Line> skip(std::string_view& input);
    [[nodiscard]] Line start_skipping(LineFault fault, std::size_t octets, std::string_view& input);
    [[nodiscard]] std::optional<Line> complete(std::string_view piece, std::string_view& input);
    [[nodiscard]] std::optional<Line> keep(std::string_view& input);

    std::string partial_;  ///< the beginning of a line that came in pieces
    std::string line_;     ///< what the last Line views into, if it came in pieces
    std::size_t skipped_ = 0;
    bool skipping_ = false;
    bool skipped_cr_ = false;  ///< the last skipped octet was a CR
};

}  // namespace mta
