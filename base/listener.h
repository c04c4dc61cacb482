#pragma once

// Listener: accepts TCP connections on a loop. A listening socket stays open while paused, so that
// connections already in the kernel's queue are kept and not reset.
//
// Owner: the daemon. Thread rule: loop thread only.
// Errors: Errc::Exists the address is in use, Errc::Refused no right to bind, else Errc::Io.
// When descriptors run out (EMFILE, ENFILE, ENOBUFS) accepting rests for 100 ms at a time instead
// of spinning; each rest counts in the metric roundtable_accept_rests_total.

#include <cstdint>
#include <functional>
#include <memory>

#include "base/endpoint.h"
#include "base/fd.h"
#include "base/loop.h"
#include "base/result.h"

namespace base {

/// With Shared several listeners (one a loop thread) have the same port and the kernel spreads
/// connections (SO_REUSEPORT).
enum class PortUse : std::uint8_t { Exclusive, Shared };

class Listener {
  public:
    /// `on_accept` gets a connected nonblocking close-on-exec socket.
    using OnAccept = std::function<void(Fd socket, const Endpoint& peer)>;

    [[nodiscard]] static Result<std::unique_ptr<Listener>> create(
        Loop& loop, const Endpoint& endpoint, int backlog, PortUse port_use, OnAccept on_accept);

    [[nodiscard]] static Result<std::unique_ptr<Listener>> create(Loop& loop,
                                                                  const Endpoint& endpoint,
                                                                  int backlog,
                                                                  OnAccept on_accept) {
        return create(loop, endpoint, backlog, PortUse::Exclusive, std::move(on_accept));
    }

    ~Listener();
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;

    /// Where it listens; the real port if 0 was asked for.
    [[nodiscard]] const Endpoint& bound() const noexcept { return bound_; }

    void pause() noexcept;
    void resume() noexcept;

  private:
    Listener(Loop& loop, Fd socket, const Endpoint& bound, OnAccept on_accept);

    void accept_some();
    void rest();

    Loop* loop_;
    Fd socket_;
    Endpoint bound_;
    OnAccept on_accept_;
    FdWatch watch_;
    Timer rest_timer_;
    bool paused_ = false;
};

}  // namespace base
