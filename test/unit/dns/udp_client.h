#pragma once

// A blocking UDP client with a deadline, for tests against real sockets on loopback.

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "base/endpoint.h"
#include "base/fd.h"

namespace dns_test {

class UdpClient {
  public:
    explicit UdpClient(const base::Endpoint& server);

    void send(std::span<const std::byte> packet);
    /// Waits up to 5 s; nullopt if nothing came.
    [[nodiscard]] std::optional<std::vector<std::byte>> receive(int timeout_ms = 5000);

  private:
    base::Fd socket_;
};

}  // namespace dns_test
