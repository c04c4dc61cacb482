#pragma once

// JSON as replies are written in: appended piece by piece, so that no tree of a large zone is ever
// in memory (RFC 8259). Functions of their arguments.

#include <cstdint>
#include <string>
#include <string_view>

namespace dns::plugin {

/// A text with its quotes. Octets beyond ASCII are written as the code points of the same number:
/// there are none in what we write, names and data have escapes of their own.
void append_json(std::string& out, std::string_view text);

void append_json(std::string& out, std::int64_t number);

/// `"name":`.
void append_json_key(std::string& out, std::string_view name);

}  // namespace dns::plugin
