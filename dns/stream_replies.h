#pragma once

// Answers of several messages (transfer/reply_stream.h) on a TcpServer: each in a fiber of its own
// beside the connection, which goes on answering other queries (RFC 7766 6.2.1.1). Messages are
// made on workers, some at a time and when there is room for them, so that a client that reads
// slowly costs some messages and not a zone, and a large zone costs the loop only the sending.
//
// Bounded: so many answers at once, in all and for one client; so many more wait for a place, in
// the order of their coming, for a while. Whoever gets none hears SERVFAIL and asks again by its
// own timers.
//
// Owner: the daemon; destroy it before the loop. Answers that are under way then end with their
// connections. Thread rule: loop thread only; counters from any. Functions are called on the loop,
// streams on workers.

#include <cstddef>
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
    Counter sent;     ///< whole
    Counter broken;   ///< the client left or did not read, or the rest could not be made
    Counter refused;  ///< no place
};

/// Answers that wait for a place; the next is refused at once.
inline constexpr std::size_t kStreamsWaitingMax = 256;

/// How many at once, and how long anybody is waited for.
struct StreamLimits {
    std::size_t total_max = 20;       ///< at once
    std::size_t per_client_max = 10;  ///< of one client (tcp_client())
    /// For a place. Less than what secondaries wait for an answer: Knot 5 s, NSD and BIND longer.
    base::Duration wait = std::chrono::seconds(3);
    base::Duration slow = std::chrono::seconds(5);  ///< how long a client may not read
};

/// See the top of this file.
class StreamReplies {
  public:
    StreamReplies(base::Loop& loop, StreamFunction start, const StreamLimits& limits);
    ~StreamReplies();
    StreamReplies(const StreamReplies&) = delete;
    StreamReplies& operator=(const StreamReplies&) = delete;

    /// For TcpServer::Options::take. An answer that breaks ends its connection. May be called after
    /// this is gone: it then takes nothing.
    [[nodiscard]] TakeFunction take_function() const;

    /// Answers that have a place keep it.
    void set_limits(const StreamLimits& limits);

    [[nodiscard]] const StreamCounters& counters() const noexcept;

  private:
    struct State;

    std::shared_ptr<State> state_;  // shared with the fibers of the answers
};

}  // namespace dns
