#pragma once

// TcpServer: name service over TCP (RFC 7766) on a loop. A connection is a fiber: it reads queries
// as they come, pipelined ones too, and answers them in order (RFC 7766 6.2.1.1). What serves a
// query is a function, so that the public service and the internal view share this file.
//
// Bounded: connections in all and per client, time without a whole query, time for a slow reader,
// octets of a query. A client that does not read loses its connection (the class of
// CVE-2024-0760).
//
// Owner: the daemon; destroy it before the loop. Connections that are still open then end at their
// next query or wait, without asking the respond function again. Thread rule: loop thread only;
// counters from any.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "base/endpoint.h"
#include "base/listener.h"
#include "base/loop.h"
#include "base/result.h"
#include "dns/answer.h"
#include "dns/transfer/reply_stream.h"

namespace dns {

/// Starts an answer of several messages; null: the query is not for that, and RespondFunction's.
using StreamFunction = std::function<std::unique_ptr<ReplyStream>(std::span<const std::byte> packet,
                                                                  const base::Endpoint& peer)>;

/// Answers one query into `out`; 0: no answer, which ends the connection.
using RespondFunction = std::function<std::size_t(
    std::span<const std::byte> packet, const base::Endpoint& peer, std::span<std::byte> out)>;

struct TcpCounters {
    Counter accepted;
    Counter refused_total;   ///< too many connections
    Counter refused_client;  ///< too many of one client
    Counter queries;
    Counter timeouts;  ///< idle, or too slow to write or to read
    Counter streams;   ///< answers of several messages that were sent whole
};

/// See the top of this file.
class TcpServer {
  public:
    struct Options {
        std::vector<base::Endpoint> endpoints;
        std::size_t connections_max = 1000;
        std::size_t connections_per_client_max = 100;
        base::Duration idle = std::chrono::seconds(10);  ///< RFC 7766 6.2.3: a few seconds
        base::Duration slow = std::chrono::seconds(5);   ///< for a reader that does not read
    };

    static base::Result<std::unique_ptr<TcpServer>> create(base::Loop& loop,
                                                           Options options,
                                                           RespondFunction respond,
                                                           StreamFunction stream = nullptr);

    ~TcpServer();
    TcpServer(const TcpServer&) = delete;
    TcpServer& operator=(const TcpServer&) = delete;

    [[nodiscard]] std::vector<base::Endpoint> bound() const;

    [[nodiscard]] const TcpCounters& counters() const noexcept;

  private:
    struct State;

    explicit TcpServer(std::shared_ptr<State> state);

    std::shared_ptr<State> state_;  // shared with the fibers of the connections
    std::vector<std::unique_ptr<base::Listener>> listeners_;
};

}  // namespace dns
