#pragma once

// PublicPorts: the addresses where the public asks, each with its UDP threads and its TCP listener,
// and the TCP connections of all of them. They may change while queries are answered, all or
// nothing: open() binds what is new, take() puts it in force and closes what is not wanted any
// more.
//
//   - An address that stays keeps its sockets, and what waits in them.
//   - A TCP connection outlives its address, and ends as any does that is idle.
//   - A datagram that waits for an update or a signature while its address is closed gets no
//     answer: the client asks again.
//
// 0.0.0.0 cannot be exchanged for an address of its own on the same port, nor the other way: the
// old one is open until the new one is.
//
// Owner: NameServer; destroyed before the holder, and before what its options borrow. Thread rule:
// loop thread only. Errors of create() and open(): Exists (in use), Refused (no right), Io; nothing
// has changed then.

#include <memory>
#include <vector>

#include "base/endpoint.h"
#include "base/listener.h"
#include "base/loop.h"
#include "base/result.h"
#include "dns/snapshot_holder.h"
#include "dns/tcp_server.h"
#include "dns/udp_server.h"

namespace dns {

/// See the top of this file.
class PublicPorts {
  public:
    /// Without endpoints.
    struct Options {
        TcpServer::Options tcp;
        UdpServer::Options udp;
    };

    /// An address with what listens there; `wanted` may have port 0.
    struct Port {
        base::Endpoint wanted;
        std::unique_ptr<base::Listener> tcp;
        std::unique_ptr<UdpServer> udp;
    };

    /// What take() makes of the ports: those of `wanted`, of which `opened` are new.
    struct Change {
        std::vector<base::Endpoint> wanted;
        std::vector<Port> opened;
    };

    static base::Result<std::unique_ptr<PublicPorts>> create(
        base::Loop& loop,
        const SnapshotHolder& holder,
        Options options,
        RespondFunction respond,
        const std::vector<base::Endpoint>& wanted);
    ~PublicPorts();
    PublicPorts(const PublicPorts&) = delete;
    PublicPorts& operator=(const PublicPorts&) = delete;

    /// Binds what is new; until take() it answers, and closes again if its change is destroyed.
    [[nodiscard]] base::Result<Change> open(const std::vector<base::Endpoint>& wanted) const;

    /// With the real ports, in the order of the change; as they will be.
    [[nodiscard]] std::vector<base::Endpoint> bound_after(const Change& change) const;

    void take(Change change);

    /// With the real ports, in the order given.
    [[nodiscard]] std::vector<base::Endpoint> bound() const;

    /// As of UdpServer and TcpServer; for addresses that come later, too.
    void set_answers(const AnswerPolicy& answers);
    void set_limits(const TcpServer::Options& limits);

    /// Of all ports that there are and were. Those of a port that goes miss at most its last
    /// batch.
    [[nodiscard]] std::vector<const AnswerCounters*> answer_counters() const;
    [[nodiscard]] std::vector<const GuardCounters*> guard_counters() const;
    [[nodiscard]] std::vector<const UdpCounters*> udp_counters() const;
    [[nodiscard]] const TcpCounters& tcp_counters() const noexcept;

  private:
    PublicPorts(const SnapshotHolder& holder, Options options)
        : holder_(holder), options_(std::move(options)) {}

    [[nodiscard]] base::Result<Port> open_one(const base::Endpoint& wanted) const;
    [[nodiscard]] base::Error explained(const base::Error& error,
                                        const base::Endpoint& wanted) const;
    void keep_counts(const UdpServer& server);

    const SnapshotHolder& holder_;
    Options options_;
    std::unique_ptr<TcpServer> tcp_;
    std::vector<Port> ports_;
    // Of ports that were.
    AnswerCounters answers_gone_;
    GuardCounters guards_gone_;
    UdpCounters udp_gone_;
};

}  // namespace dns
