#include "base/listener.h"

#include <cerrno>
#include <utility>

#include <netinet/in.h>
#include <sys/socket.h>

#include "base/accept.h"

namespace base {

namespace {

// How many connections are taken before other events get their turn.
constexpr int kAcceptsPerTurn = 64;

Error bind_error(const Endpoint& endpoint, int error_number) {
    Error error = errno_error("listen on " + endpoint.to_text(), error_number);
    if (error_number == EADDRINUSE) {
        error.code = Errc::Exists;
    }
    return error;
}

Status set_on(int fd, int level, int option) {
    const int on = 1;
    if (::setsockopt(fd, level, option, &on, sizeof on) != 0) {
        return errno_error("setsockopt", errno);
    }
    return Done{};
}

}  // namespace

Listener::Listener(Loop& loop, Fd socket, const Endpoint& bound, OnAccept on_accept)
    : loop_(&loop), socket_(std::move(socket)), bound_(bound), on_accept_(std::move(on_accept)) {
}

Listener::~Listener() = default;

Result<std::unique_ptr<Listener>> Listener::create(
    Loop& loop, const Endpoint& endpoint, int backlog, PortUse port_use, OnAccept on_accept) {
    const bool is_v6 = endpoint.address().family() == IpFamily::V6;
    Fd socket(::socket(is_v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!socket) {
        return errno_error("socket", errno);
    }
    TRY(set_on(socket.get(), SOL_SOCKET, SO_REUSEADDR));
    if (is_v6) {
        // "::" must not take 0.0.0.0 as well: each endpoint of the configuration is one socket.
        TRY(set_on(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY));
    }
    if (port_use == PortUse::Shared) {
        TRY(set_on(socket.get(), SOL_SOCKET, SO_REUSEPORT));
    }
    sockaddr_storage storage{};
    socklen_t length = endpoint.to_sockaddr(storage);
    if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&storage), length) != 0 ||
        ::listen(socket.get(), backlog) != 0) {
        return bind_error(endpoint, errno);
    }
    length = sizeof storage;
    if (::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&storage), &length) != 0) {
        return errno_error("getsockname", errno);
    }
    const Endpoint bound = Endpoint::from_sockaddr(reinterpret_cast<const sockaddr&>(storage));
    const int fd = socket.get();
    std::unique_ptr<Listener> listener(
        new Listener(loop, std::move(socket), bound, std::move(on_accept)));
    listener->watch_ =
        FdWatch::create(loop, fd, Interest::Read, [raw = listener.get()] { raw->accept_some(); });
    return listener;
}

void Listener::accept_some() {
    for (int i = 0; i < kAcceptsPerTurn && !paused_; ++i) {
        Accepted accepted = accept_next(socket_.get(), kAcceptsPerTurn);
        if (!accepted.socket) {
            if (accepted.exhausted) {
                rest();
            }
            return;
        }
        on_accept_(std::move(accepted.socket),
                   Endpoint::from_sockaddr(reinterpret_cast<const sockaddr&>(accepted.peer)));
    }
}

void Listener::rest() {
    watch_.disable();
    rest_timer_ = Timer::after(*loop_, kAcceptRest, [this] {
        if (!paused_) {
            watch_.enable();
        }
    });
}

void Listener::pause() noexcept {
    paused_ = true;
    watch_.disable();
}

void Listener::resume() noexcept {
    paused_ = false;
    watch_.enable();
}

}  // namespace base
