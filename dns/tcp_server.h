#pragma once

// TcpServer: name service over TCP (RFC 7766) on a loop. A connection is a fiber: it reads queries
// as they come, pipelined ones too, and answers them. What serves a query is a function, so that
// the public service and the internal view share this file. An answer that is at hand leaves at
// once; one that has to be made elsewhere (a signature, a transfer) is taken by the take function
// and handed in later, while the queries behind it are answered (RFC 7766 6.2.1.1, 7).
//
// Bounded: connections in all and per client, time without a whole query, time for a slow reader,
// octets of a query, answers in the making. A query longer than kTcpQueryMax is taken if the large
// function lets it in by its header, and as far as the room for such goes (large_queries.h):
// whoever has held room longest without a whole query then loses it with its connection. At the cap
// a new connection takes the place of the one that has been idle longest (RFC 7766 6.2.3), for
// which half a query is no activity. A client that does not read loses its connection (the class of
// CVE-2024-0760).
//
// Owner: the daemon; destroy it before the loop. Connections that are still open then end at their
// next query or wait, without asking the functions again. Thread rule: loop thread only; counters
// from any.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "base/endpoint.h"
#include "base/listener.h"
#include "base/loop.h"
#include "base/result.h"
#include "dns/counter.h"

namespace dns {

class TcpConnection;

/// Answers one query into `out`; 0: no answer, which ends the connection.
using RespondFunction = std::function<std::size_t(
    std::span<const std::byte> packet, const base::Endpoint& peer, std::span<std::byte> out)>;

/// Asked before the respond function. True: it has taken the query, and answers by a TcpReply that
/// it made from `connection` during the call. The packet is borrowed for the call.
using TakeFunction = std::function<bool(std::span<const std::byte> packet,
                                        const base::Endpoint& peer,
                                        const std::shared_ptr<TcpConnection>& connection)>;

/// Whether a query with this header (kHeaderSize octets) may be longer than kTcpQueryMax.
using LargeFunction = std::function<bool(std::span<const std::byte> header)>;

/// The right to answer one query of a connection later, with any number of messages. The
/// connection does not count as idle, and is kept open for the answer if the client has closed its
/// side, until this is destroyed. Loop thread only.
class TcpReply {
  public:
    explicit TcpReply(std::shared_ptr<TcpConnection> connection);
    ~TcpReply();
    TcpReply(TcpReply&& other) noexcept;
    TcpReply& operator=(TcpReply&&) = delete;
    TcpReply(const TcpReply&) = delete;
    TcpReply& operator=(const TcpReply&) = delete;

    /// Queues one message of at most kMessageMax octets, without its length. Waits, in a fiber,
    /// while too much is queued that the client has not read. Closed: the connection is gone;
    /// Timeout; Cancelled.
    base::Status send(std::span<const std::byte> message, base::Deadline deadline);

    /// The rest of the answer never comes: the connection ends behind what was queued, so that the
    /// client does not wait for it.
    void abandon();

  private:
    std::shared_ptr<TcpConnection> connection_;  // null once moved from
};

/// What counts as one client: an IPv4 address, and of an IPv6 one its /64, which is what one
/// machine gets (RFC 4291 2.5.4).
[[nodiscard]] base::IpAddress tcp_client(const base::IpAddress& address) noexcept;

/// What became of connections and queries. The loop thread raises them, any may read.
struct TcpCounters {
    Counter accepted;
    Counter refused_total;   ///< too many connections, and none of them idle
    Counter refused_client;  ///< too many of one client
    Counter replaced;        ///< closed for a new one, as the longest idle
    Counter refused_large;   ///< no room for a long query, or it lost its room to another
    Counter queries;
    Counter timeouts;  ///< idle, or too slow to write or to read
};

/// See the top of this file.
class TcpServer {
  public:
    struct Options {
        std::vector<base::Endpoint> endpoints;
        std::size_t connections_max = 1000;
        std::size_t connections_per_client_max = 100;
        base::Duration idle = std::chrono::seconds(10);  ///< RFC 7766 6.2.3: a few seconds
        base::Duration slow = std::chrono::seconds(5);   ///< for what was answered to be read
        /// Answers of one connection in the making; more are not read meanwhile.
        std::size_t taken_max = 32;
        TakeFunction take;    ///< empty: every query is for the respond function
        LargeFunction large;  ///< empty: no query may be longer than others
    };

    static base::Result<std::unique_ptr<TcpServer>> create(base::Loop& loop,
                                                           Options options,
                                                           RespondFunction respond);

    ~TcpServer();
    TcpServer(const TcpServer&) = delete;
    TcpServer& operator=(const TcpServer&) = delete;

    [[nodiscard]] std::vector<base::Endpoint> bound() const;

    /// One address more where clients reach it, besides those of the options. Its listener is the
    /// caller's; connections stay when it goes. The errors of base::Listener::create().
    [[nodiscard]] base::Result<std::unique_ptr<base::Listener>> open(
        const base::Endpoint& endpoint) const;

    /// Takes the numbers and times of `limits`. Connections that are open keep their times, and are
    /// not closed for being too many now.
    void set_limits(const Options& limits);

    [[nodiscard]] const TcpCounters& counters() const noexcept;

  private:
    struct State;

    explicit TcpServer(std::shared_ptr<State> state);

    std::shared_ptr<State> state_;  // shared with the fibers of the connections
    std::vector<std::unique_ptr<base::Listener>> listeners_;
};

}  // namespace dns
