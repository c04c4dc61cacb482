#pragma once

// What POP3 sends: multi-line responses, unique ids, and the words for an Error.
//
// Thread rule: functions of their arguments; a Pop3MessageText belongs to one session.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace accessd {

/// A message as lines of a multi-line response (RFC 1939 3), piece by piece: every line end is
/// CRLF, also where the stored message has a bare LF; a line that begins with "." gets another one;
/// the end is CRLF "." CRLF. A bare CR is an octet like any other. Borrows the message.
class Pop3MessageText {
  public:
    /// `body_lines`: how many lines of the body (TOP, RFC 1939 7); none: all.
    explicit Pop3MessageText(std::string_view message,
                             std::optional<std::uint32_t> body_lines = std::nullopt);

    /// Appends some more, about `size` octets; false when the end was appended.
    [[nodiscard]] bool append_piece(std::string& out, std::size_t size);

  private:
    void append_line(std::string& out, std::size_t size);

    std::string_view rest_;
    std::uint64_t lines_left_;
    bool in_header_ = true;
    bool at_line_start_ = true;
};

/// Of a message in a mailbox, RFC 1939 7: the same in every session and on every server, never used
/// again: "<uidvalidity>.<uid>", at most 21 characters.
[[nodiscard]] std::string pop3_unique_id(std::uint32_t uid_validity, std::uint32_t uid);

/// What follows "-ERR ": response codes of RFC 2449 8 and RFC 3206, never the detail of the error.
[[nodiscard]] std::string_view pop3_error_text(const base::Error& error) noexcept;

}  // namespace accessd
