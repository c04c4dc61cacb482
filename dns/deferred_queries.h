#pragma once

// DeferredQueries: queries over UDP that a UDP thread cannot answer by itself (an update, which
// the database has to see; a signature that is not made yet) and leaves to the main loop.
//
// answer() gives 0 and says why in ThreadState::deferred. The UDP thread copies the datagram into
// the ring of its DeferredSource and goes on; where the ring is full the client gets SERVFAIL with
// extended error 14 (Not Ready) at once. The loop takes what is in the rings and calls the handler
// of the reason, which answers by a DeferredReply, now or later, at most once, or not at all.
//
// A ring has one writer (its UDP thread) and one reader (the loop). Its memory is made at the
// start. The writer neither allocates nor locks; its one system call is a write to an eventfd when
// the loop had seen the ring empty.
//
// Owner: the daemon; it outlives the UdpServer that it is given to. Handlers are set before that is
// made: a thread defers nothing that has none. Thread rule: loop thread only, but for
// DeferredSource::push(). A DeferredReply may outlive everything: after the end of its UdpServer it
// sends nothing. Errors of create(): Io (no descriptors left).

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include <sys/socket.h>

#include "base/endpoint.h"
#include "base/fd.h"
#include "base/loop.h"
#include "base/result.h"
#include "dns/answer.h"
#include "dns/counter.h"
#include "dns/limits.h"
#include "dns/udp_socket.h"

namespace dns {

/// A datagram with what it takes to answer it: whom, and from which address.
struct DeferredDatagram {
    DeferReason reason = DeferReason::None;
    std::size_t size = 0;
    std::size_t source_size = 0;
    std::size_t control_size = 0;
    sockaddr_storage source{};
    alignas(cmsghdr) std::array<std::byte, kUdpControlSize> control{};
    std::array<std::byte, kUdpQueryMax> packet;  // NOLINT: the first `size` octets are written
};

/// The ring of one UDP thread. `push` on that thread, all else on the loop's.
class DeferredSource {
  public:
    /// `wake`: the eventfd; borrowed, as is `socket` until close().
    DeferredSource(int socket, int wake, std::size_t slots);

    /// Copies a datagram that DatagramBatch::current() described. False: the ring is full.
    [[nodiscard]] bool push(DeferReason reason, const msghdr& datagram, std::size_t size) noexcept;

    /// The oldest that was not taken; null: none. Valid until pop().
    [[nodiscard]] const DeferredDatagram* front() const noexcept;
    void pop() noexcept;

    /// The thread has ended and the socket is about to be closed.
    void close() noexcept { socket_ = -1; }

    /// -1 once closed.
    [[nodiscard]] int socket() const noexcept { return socket_; }

  private:
    static constexpr std::size_t kCacheLine = 64;

    int socket_;
    const int wake_;
    std::vector<DeferredDatagram> slots_;
    // Counts of what was ever pushed and popped; apart, as each is written by its own thread.
    alignas(kCacheLine) std::atomic<std::size_t> pushed_{0};
    alignas(kCacheLine) std::atomic<std::size_t> popped_{0};
};

/// The right to answer a deferred query with one datagram. Moved, not copied; loop thread only.
class DeferredReply {
  public:
    DeferredReply(std::shared_ptr<const DeferredSource> from, const DeferredDatagram& query);

    /// Sends `message` (at most kUdpResponseMax octets) from the address that was asked. False: it
    /// was not sent (the server has ended, its socket took no more, a reply was sent before); then
    /// the client asks again.
    bool send(std::span<const std::byte> message) noexcept;

  private:
    struct Route {
        sockaddr_storage source;
        socklen_t source_size;
        alignas(cmsghdr) std::array<std::byte, kUdpControlSize> control;
        std::size_t control_size;
    };

    std::shared_ptr<const DeferredSource> from_;  // null once used
    Route route_;
};

/// See the top of this file.
class DeferredQueries {
  public:
    /// Must not wait; the packet is borrowed for the call.
    using Handler = std::function<void(
        std::span<const std::byte> packet, const base::Endpoint& peer, DeferredReply reply)>;

    /// `slots`: of each UDP thread's ring, a power of two.
    static base::Result<std::unique_ptr<DeferredQueries>> create(
        base::Loop& loop, std::size_t slots = kDeferredQueries);

    DeferredQueries(const DeferredQueries&) = delete;
    DeferredQueries& operator=(const DeferredQueries&) = delete;
    ~DeferredQueries() = default;

    /// For queries of this reason. Before the UdpServer is made.
    void set_handler(DeferReason reason, Handler handler);
    [[nodiscard]] bool handles(DeferReason reason) const noexcept;

    /// For UdpServer: the ring of one of its threads.
    [[nodiscard]] std::shared_ptr<DeferredSource> add_source(int socket);

  private:
    DeferredQueries(base::Fd wake, std::size_t slots) : wake_(std::move(wake)), slots_(slots) {}

    void drain();
    void hand_over(const std::shared_ptr<DeferredSource>& source);

    base::Fd wake_;
    std::size_t slots_;
    std::array<Handler, kDeferReasons> handlers_;
    std::vector<std::shared_ptr<DeferredSource>> sources_;
    base::FdWatch watch_;
};

/// SERVFAIL with extended error 14, for a query that cannot be left to anybody now. Gives its size.
[[nodiscard]] std::size_t answer_not_ready(std::span<const std::byte> packet,
                                           std::span<std::byte> out) noexcept;

}  // namespace dns
