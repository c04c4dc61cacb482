#pragma once

// HttpResponse: reads one answer to an HTTP/1.0 GET, bit by bit: status, the fields that matter,
// and the body. An answer to a request of that version is never chunked (RFC 9112 6.1); one that is
// nevertheless is refused.
//
// Thread rule: one thread. Pure. Limits: kProbeHttpHeadMax and kProbeHttpBodyMax (dns/limits.h).
// Source: RFC 9112 3 to 6, 9.3.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace dns::probe {

/// See the top of this file.
class HttpResponse {
  public:
    enum class State : std::uint8_t {
        More,      ///< not at its end yet
        Complete,  ///< all of it is there
        Bad,       ///< not HTTP, or over a limit: problem() says which
    };

    State on_bytes(std::string_view bytes);

    /// The server has closed: that is the end of a body of no stated length.
    State on_end();

    [[nodiscard]] unsigned status() const noexcept { return status_; }

    [[nodiscard]] const std::string& body() const noexcept { return body_; }

    /// The server leaves the connection open for the next request.
    [[nodiscard]] bool keeps_open() const noexcept { return keeps_open_ && length_.has_value(); }

    [[nodiscard]] const std::string& problem() const noexcept { return problem_; }

  private:
    State fail(std::string problem);
    State read_head(std::string_view head);
    State read_field(std::string_view line);
    State take_body(std::string_view bytes);

    bool in_body_ = false;
    bool failed_ = false;
    std::string head_;
    unsigned status_ = 0;
    std::optional<std::size_t> length_;
    bool keeps_open_ = false;
    std::string body_;
    std::string problem_;
};

}  // namespace dns::probe
