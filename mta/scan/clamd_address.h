#pragma once

// ClamdAddress: where a clamd listens, a unix socket or TCP (LocalSocket, TCPSocket of
// clamd.conf(5)), and how it is reached.
//
// Thread rule: a value; connect() from a fiber.

#include <memory>
#include <string>
#include <string_view>
#include <variant>

#include "base/clock.h"
#include "base/endpoint.h"
#include "base/loop.h"
#include "base/result.h"
#include "base/stream.h"

namespace mta {

/// See the top of this file.
class ClamdAddress {
  public:
    /// "unix:/run/clamav/clamd.ctl" or "127.0.0.1:3310". Errors: Invalid.
    [[nodiscard]] static base::Result<ClamdAddress> parse(std::string_view text);

    /// As it was parsed.
    [[nodiscard]] std::string text() const;

    /// A connection, with the buffers that clamd_stream.h wants. From a fiber of `loop`. Errors:
    /// Unavailable (nobody listens), Busy (its queue of connections is full), Timeout, Cancelled,
    /// Io.
    [[nodiscard]] base::Result<std::unique_ptr<base::SocketStream>> connect(
        base::Loop& loop, base::Deadline deadline) const;

    friend bool operator==(const ClamdAddress&, const ClamdAddress&) = default;

  private:
    explicit ClamdAddress(std::variant<std::string, base::Endpoint> place)
        : place_(std::move(place)) {}

    std::variant<std::string, base::Endpoint> place_;  ///< a path, or an address with its port
};

}  // namespace mta
