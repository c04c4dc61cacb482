#pragma once

// Reply: the tagged end of a command, and the one place that turns an Error into one.
// Thread rule: values.

#include <cstdint>
#include <string>

#include "base/result.h"

namespace accessd {

enum class ReplyKind : std::uint8_t { Ok, No, Bad };

/// `text` may begin with a response code: "[READ-WRITE] SELECT completed". No CR or LF in it, and
/// no octet of a client.
struct Reply {
    ReplyKind kind = ReplyKind::Ok;
    std::string text;
};

using CommandResult = base::Result<Reply>;

[[nodiscard]] Reply ok(std::string text);
[[nodiscard]] Reply no(std::string text);
[[nodiscard]] Reply bad(std::string text);

/// What a client is told of an error: codes of RFC 5530, never the detail. Errors of grammar are
/// Invalid, hence BAD.
[[nodiscard]] Reply reply_for(const base::Error& error);

/// "a1 OK text CRLF"; an empty tag gives "* BAD text".
void append_tagged(std::string& out, std::string_view tag, const Reply& reply);

}  // namespace accessd
