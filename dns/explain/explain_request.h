#pragma once

// What is asked of a name server about its steering: at its explain socket by a line, or in class
// CHAOS by a name. Both come to the same request.
//
//   line:  FORMAT explain DOMAIN [SOURCE]    FORMAT steering       FORMAT: text or json
//   name:  explain.DOMAIN                    steering              lines
//          explain-json.DOMAIN               steering-json         JSON
//          s-HEX.explain.DOMAIN (8 or 32 hex digits: the address)  what that source gets
//
// Pure, bounded by the line or the name; any thread.

#include <optional>
#include <string>
#include <string_view>

#include "base/endpoint.h"
#include "base/result.h"
#include "dns/wire.h"

namespace dns::explain {

/// Longest line, without its end.
inline constexpr std::size_t kRequestLineMax = 512;

enum class Format : std::uint8_t { Text, Json };

struct ExplainRequest {
    Format format = Format::Text;
    std::string domain;  ///< empty: all pools
    std::optional<base::IpAddress> source;
};

/// Invalid: it is no request; the detail says what is.
[[nodiscard]] base::Result<ExplainRequest> parse_request(std::string_view line);

/// Whether a name (lower case, as parsed) asks for an explanation: its form alone is looked at. No
/// allocation: for UDP threads.
[[nodiscard]] bool is_explain_name(const WireName& name) noexcept;

/// The request of such a name; none: it is malformed.
[[nodiscard]] std::optional<ExplainRequest> request_of(const WireName& name);

/// The name that asks for it, without a final dot. Invalid: the domain is no name.
[[nodiscard]] base::Result<std::string> name_of(const ExplainRequest& request);

}  // namespace dns::explain
