#pragma once

// RemoteRequest: one call of PowerDNS's remote backend, read from a line of JSON: a method and its
// parameters. The door to nlohmann-json in this folder.
//
// The line is bounded by whoever reads it (kRemoteLineMax), its depth and the number of parameters
// here. Only what a call needs is kept: texts, numbers and booleans right below "parameters"; lists
// and objects in there are read over.
//
// Thread rule: a value; the parser has no state. Errors: Invalid: not one JSON object with a
// "method", or one that is too deep or too wide. Nothing throws.
//
// Source: "Remote Backend" of the documentation of PowerDNS Authoritative Server 4.7, "API".

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace dns::plugin {

/// Octets of a request. The largest that we serve holds two names of 255 octets, four characters
/// each, and addresses.
inline constexpr std::size_t kRemoteLineMax = std::size_t{64} * 1024;
inline constexpr std::size_t kRemoteDepthMax = 16;
inline constexpr std::size_t kRemoteParametersMax = 64;

/// See the top of this file.
class RemoteRequest {
  public:
    static base::Result<RemoteRequest> parse(std::string_view line);

    [[nodiscard]] const std::string& method() const noexcept { return method_; }

    /// None: it is not there, or no text. Borrowed.
    [[nodiscard]] std::optional<std::string_view> text(std::string_view name) const noexcept;

    /// A whole number, also in the form of a text or of a fraction that is whole. None: it is not
    /// there, or no such number.
    [[nodiscard]] std::optional<std::int64_t> number(std::string_view name) const noexcept;

  private:
    friend class RequestReader;

    std::string method_;
    std::vector<std::pair<std::string, std::string>> texts_;
    std::vector<std::pair<std::string, std::int64_t>> numbers_;
};

}  // namespace dns::plugin
