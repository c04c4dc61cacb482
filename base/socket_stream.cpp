#include <cerrno>

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "base/check.h"
#include "base/fiber_core.h"
#include "base/stream.h"

namespace base {

namespace {

// Replies leave when we say so (flush), so Nagle only delays. Keep-alive finds peers that are gone
// during IDLE.
void set_tcp_options(int fd) noexcept {
    const int on = 1;
    (void)::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);  // not for unix sockets
    (void)::setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
}

Endpoint local_of(int fd) noexcept {
    sockaddr_storage storage{};
    socklen_t length = sizeof storage;
    if (::getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &length) != 0) {
        return {};
    }
    return Endpoint::from_sockaddr(reinterpret_cast<const sockaddr&>(storage));
}

Endpoint peer_of(int fd) noexcept {
    sockaddr_storage storage{};
    socklen_t length = sizeof storage;
    if (::getpeername(fd, reinterpret_cast<sockaddr*>(&storage), &length) != 0) {
        return {};
    }
    return Endpoint::from_sockaddr(reinterpret_cast<const sockaddr&>(storage));
}

Error connect_error(const Endpoint& peer, int error_number) {
    Error error = errno_error("connect " + peer.to_text(), error_number);
    switch (error_number) {
        case ECONNREFUSED:
        case ECONNRESET:
        case EHOSTUNREACH:
        case ENETUNREACH:
        case ENETDOWN:
        case EHOSTDOWN:
        case ETIMEDOUT:
        case EADDRNOTAVAIL:
            error.code = Errc::Unavailable;
            break;
        default:
            break;
    }
    return error;
}

}  // namespace

// The read watch stays registered between waits, and is only taken off when it fires with nobody
// waiting: a dialogue of commands and replies then costs no epoll_ctl at all.
struct SocketStream::Watches {
    WaitQueue readers;
    WaitQueue writers;
    FdWatch readable;
    FdWatch writable;

    void on_readable() {
        if (readers.empty()) {
            readable.disable();
        } else {
            readers.notify_all();
        }
    }

    void on_writable() {
        writable.disable();
        writers.notify_all();
    }

    FdWatch& enable(Loop& loop, int fd, Interest interest) {
        FdWatch& watch = interest == Interest::Read ? readable : writable;
        if (watch) {
            watch.enable();
        } else if (interest == Interest::Read) {
            watch = FdWatch::create(loop, fd, interest, [this] { on_readable(); });
        } else {
            watch = FdWatch::create(loop, fd, interest, [this] { on_writable(); });
        }
        return watch;
    }
};

SocketStream::SocketStream(
    Loop& loop, Fd socket, const Endpoint& local, const Endpoint& peer, const StreamLimits& limits)
    : Stream(local, peer, limits),
      loop_(&loop),
      socket_(std::move(socket)),
      watches_(std::make_unique<Watches>()) {
}

SocketStream::~SocketStream() {
    close();
}

Result<std::unique_ptr<SocketStream>> SocketStream::adopt(Loop& loop,
                                                          Fd socket,
                                                          const StreamLimits& limits) {
    const int flags = ::fcntl(socket.get(), F_GETFL);
    if (flags < 0 || ::fcntl(socket.get(), F_SETFL, flags | O_NONBLOCK) != 0) {
        return errno_error("adopt socket", errno);
    }
    set_tcp_options(socket.get());
    const Endpoint local = local_of(socket.get());
    const Endpoint peer = peer_of(socket.get());
    return std::unique_ptr<SocketStream>(
        new SocketStream(loop, std::move(socket), local, peer, limits));
}

Result<std::unique_ptr<SocketStream>> SocketStream::connect(Loop& loop,
                                                            const Endpoint& peer,
                                                            Deadline deadline,
                                                            const StreamLimits& limits,
                                                            const IpAddress* source) {
    const int family = peer.address().family() == IpFamily::V4 ? AF_INET : AF_INET6;
    Fd socket(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!socket) {
        return errno_error("socket", errno);
    }
    sockaddr_storage storage{};
    if (source != nullptr) {
        const socklen_t length = Endpoint(*source, 0).to_sockaddr(storage);
        if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&storage), length) != 0) {
            return errno_error("bind " + source->to_text(), errno);
        }
    }
    set_tcp_options(socket.get());
    const socklen_t length = peer.to_sockaddr(storage);
    const int started =
        ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&storage), length);
    if (started != 0 && errno != EINPROGRESS) {
        return connect_error(peer, errno);
    }
    std::unique_ptr<SocketStream> stream(
        new SocketStream(loop, std::move(socket), Endpoint(), peer, limits));
    if (started != 0) {
        TRY(stream->wait_for(Interest::Write, nullptr, deadline));
        int error_number = 0;
        socklen_t size = sizeof error_number;
        if (::getsockopt(stream->fd(), SOL_SOCKET, SO_ERROR, &error_number, &size) != 0) {
            return errno_error("connect", errno);
        }
        if (error_number != 0) {
            return connect_error(peer, error_number);
        }
    }
    stream->set_local(local_of(stream->fd()));
    return stream;
}

void SocketStream::close() noexcept {
    watches_->readable = FdWatch();
    watches_->writable = FdWatch();
    socket_.reset();
}

Status SocketStream::shutdown_write() {
    if (::shutdown(socket_.get(), SHUT_WR) != 0) {
        return errno_error("shutdown", errno);
    }
    return Done{};
}

Stream::Step SocketStream::read_some(char* out, std::size_t size_max) {
    while (true) {
        const ssize_t count = ::recv(socket_.get(), out, size_max, 0);
        if (count > 0) {
            return Step{Io::Moved, static_cast<std::size_t>(count), 0};
        }
        if (count == 0) {
            return Step{Io::End, 0, 0};
        }
        if (errno == EAGAIN || errno == EWOULDBLOCK) {
            return Step{Io::WantRead, 0, 0};
        }
        if (errno != EINTR) {
            return Step{Io::Failed, 0, socket_ ? errno : EPIPE};
        }
    }
}

Stream::Step SocketStream::write_some(const char* bytes, std::size_t size) {
    while (true) {
        const ssize_t count = ::send(socket_.get(), bytes, size, MSG_NOSIGNAL);
        if (count >= 0) {
            return Step{Io::Moved, static_cast<std::size_t>(count), 0};
        }
        if (errno == EAGAIN || errno == EWOULDBLOCK) {
            return Step{Io::WantWrite, 0, 0};
        }
        if (errno != EINTR) {
            return Step{Io::Failed, 0, socket_ ? errno : EPIPE};
        }
    }
}

Result<Stream::Waited> SocketStream::wait_for(Interest interest,
                                              FiberEvent* event,
                                              Deadline deadline) {
    CHECK(socket_);
    (void)watches_->enable(*loop_, socket_.get(), interest);
    WaitQueue::Waiter on_socket;
    WaitQueue::Waiter on_event;
    on_socket.fiber = detail::current_fiber();
    on_event.fiber = on_socket.fiber;
    (interest == Interest::Read ? watches_->readers : watches_->writers).add(on_socket);
    if (event != nullptr) {
        event->waiters().add(on_event);
    }
    const detail::Wake wake = detail::park(deadline, interest == Interest::Read ? "read" : "write");
    const bool is_ready = on_socket.queue == nullptr;
    WaitQueue::remove(on_socket);
    WaitQueue::remove(on_event);
    if (is_ready) {
        return Waited::Ready;
    }
    TRY(detail::to_status(wake));
    return Waited::Event;
}

}  // namespace base
