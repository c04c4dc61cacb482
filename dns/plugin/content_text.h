#pragma once

// Record data as PowerDNS reads it: its *content*. That is the presentation form, of types that
// PowerDNS 4.7 knows (the list is below), and of all others the form of RFC 3597 under the name
// TYPEn. A type that PowerDNS knows cannot be given in the form of RFC 3597: it refuses that.
//
// Pure; by the door to ldns; allocates. Errors: Unsupported for a type that is not given to
// PowerDNS at all: its own types with a meaning (ALIAS, LUA, which would be run), and signatures,
// which it makes itself. Invalid: ldns cannot write the data.

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace dns::plugin {

struct Content {
    std::string type;
    std::string text;
};

[[nodiscard]] base::Result<Content> content_of(std::uint16_t type, std::string_view data);

/// Number of a type as PowerDNS writes it ("MX", "TYPE65280"). Invalid. "ANY" is 255.
[[nodiscard]] base::Result<std::uint16_t> asked_type(std::string_view name);

}  // namespace dns::plugin
