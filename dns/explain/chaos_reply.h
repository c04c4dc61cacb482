#pragma once

// Reads an explanation that a name server gave in class CHAOS (chaos_answer.h): the other end of
// it, for the command line. The reply may come from anywhere and is not trusted: bounded by its
// octets, never read past them, no recursion.
//
// Pure. Thread rule: any thread.

#include <string>
#include <string_view>

#include "base/result.h"
#include "dns/explain/explain_request.h"

namespace dns::explain {

/// The records' texts, a line each. `query`: the message that was sent. Invalid: `reply` is not one
/// to it, or malformed, or not of that format; Refused: by its rcode; NotFound, Unavailable: what
/// the explanation itself says.
[[nodiscard]] base::Result<std::string> read_chaos_reply(std::string_view query,
                                                         std::string_view reply,
                                                         Format format);

}  // namespace dns::explain
