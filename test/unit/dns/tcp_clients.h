#pragma once

// A TCP service that echoes, and clients of it, for the tests of dns::TcpServer on loopback. All in
// fibers of one loop.

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/loop.h"
#include "base/stream.h"
#include "dns/tcp_server.h"

namespace dns_test {

/// The first `size` octets of the query, over and over; nothing for an empty one.
[[nodiscard]] std::size_t echo(std::span<const std::byte> packet,
                               std::span<std::byte> out,
                               std::size_t size);
[[nodiscard]] dns::RespondFunction echo_of(std::size_t size);

/// One listener on a free port of 127.0.0.1, defaults otherwise.
[[nodiscard]] dns::TcpServer::Options tcp_options();

/// With its length before it (RFC 1035 4.2.2).
[[nodiscard]] std::string framed(std::string_view packet);

[[nodiscard]] std::unique_ptr<base::SocketStream> connect(base::Loop& loop,
                                                          const dns::TcpServer& server);
/// From an address of loopback.
[[nodiscard]] std::unique_ptr<base::SocketStream> connect_from(base::Loop& loop,
                                                               const dns::TcpServer& server,
                                                               const std::string& source);

/// Whether all of it has left.
[[nodiscard]] bool flushed(base::Stream& stream, std::string_view text);

/// Reads one framed message; empty at the end of the connection, or after 10 s.
[[nodiscard]] std::string read_message(base::Stream& stream);

}  // namespace dns_test
