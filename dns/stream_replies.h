#pragma once

// Answers of several messages (transfer/reply_stream.h) on a TcpServer: each in a fiber of its own
// beside the connection, which goes on answering other queries (RFC 7766 6.2.1.1). Each message is
// made when there is room for it, so that a client that reads slowly costs some messages and not a
// zone.
//
// Owner: the daemon; the counters outlive the server. Thread rule: loop thread only; counters from
// any.

#include <functional>
#include <memory>
#include <span>

#include "base/clock.h"
#include "base/loop.h"
#include "dns/counter.h"
#include "dns/tcp_server.h"
#include "dns/transfer/reply_stream.h"

namespace dns {

/// Starts an answer of several messages; null: the query is not for that.
using StreamFunction = std::function<std::unique_ptr<ReplyStream>(std::span<const std::byte> packet,
                                                                  const base::Endpoint& peer)>;

/// What became of answers. The loop thread raises them, any may read.
struct StreamCounters {
    Counter sent;    ///< whole
    Counter broken;  ///< the client left or did not read, or the rest could not be made
};

/// For TcpServer::Options::take. `slow`: how long a client may not read. An answer that breaks ends
/// its connection.
[[nodiscard]] TakeFunction stream_replies(base::Loop& loop,
                                          StreamFunction start,
                                          base::Duration slow,
                                          StreamCounters& counters);

}  // namespace dns
