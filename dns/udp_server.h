#pragma once

// UdpServer: the public UDP service. Each thread has one socket of its own (SO_REUSEPORT: the
// kernel spreads the sources), and a plain loop: wait for a datagram and take up to 31 more, answer
// them from one snapshot, send the answers. No event library, no allocation, no lock.
//
// A full send buffer drops answers and counts them: the client asks again. Answers to a wildcard
// socket leave from the address that was asked (IP_PKTINFO). Responses are never fragmented: they
// are at most 1232 octets, and path MTU messages of strangers are ignored (RFC 9715 3.1).
//
// Owner: the daemon; it must be destroyed before the holder. Thread rule: create and destroy from
// one thread; counters() from any. Errors of create(): Exists (address in use), Refused, Io.

#include <cstdint>
#include <memory>
#include <vector>

#include "base/endpoint.h"
#include "base/result.h"
#include "dns/answer.h"
#include "dns/snapshot_holder.h"
#include "dns/udp_socket.h"

namespace dns {

class DeferredQueries;

/// Counters of the sockets; those of the answers are in the ThreadState.
struct UdpCounters {
    Counter received;
    Counter sent;
    Counter dropped_send;    ///< the socket took no more
    Counter dropped_source;  ///< port 0 cannot be answered
    Counter deferred;        ///< left to the loop (deferred_queries.h)
    Counter deferred_full;   ///< answered with SERVFAIL, because the ring was full
};

/// See the top of this file.
class UdpServer {
  public:
    struct Options {
        std::vector<base::Endpoint> endpoints;  ///< port 0: one that is free, the same for all
        unsigned threads = 1;                   ///< for each endpoint
        AnswerPolicy answers{};                 ///< the threads of an endpoint share its rates
        std::size_t receive_buffer = kUdpReceiveBuffer;  ///< octets; the kernel may give less
        dnssec::AskQueue* asks = nullptr;                ///< outlives it; null: nothing is signed
        dnssec::DenialCache* denials = nullptr;          ///< outlives it
        DeferredQueries* deferred = nullptr;  ///< for what threads leave; outlives the server
    };

    /// Binds all sockets, then starts the threads.
    static base::Result<std::unique_ptr<UdpServer>> create(const SnapshotHolder& holder,
                                                           Options options);

    /// Stops the threads.
    ~UdpServer();
    UdpServer(const UdpServer&) = delete;
    UdpServer& operator=(const UdpServer&) = delete;

    /// Other settings for answers: each thread takes them before its next batch, and no datagram is
    /// lost. Those of before are freed at the next call.
    void set_answers(const AnswerPolicy& answers);

    /// Where it listens, with the real ports, in the order given.
    [[nodiscard]] const std::vector<base::Endpoint>& bound() const noexcept;

    /// One per thread: `threads` of each endpoint.
    [[nodiscard]] std::vector<const AnswerCounters*> answer_counters() const;
    [[nodiscard]] std::vector<const GuardCounters*> guard_counters() const;
    [[nodiscard]] std::vector<const UdpCounters*> counters() const;

  private:
    struct State;

    explicit UdpServer(std::unique_ptr<State> state);

    std::unique_ptr<State> state_;
};

}  // namespace dns
