#include "base/unix_socket.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <utility>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/accept.h"

namespace base {

namespace {

// For the question whether somebody listens.
constexpr Duration kProbe = std::chrono::seconds(1);

// How many connections are taken before other events get their turn.
constexpr int kAcceptsPerTurn = 16;

Result<sockaddr_un> address_of(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.empty() || path.size() >= sizeof address.sun_path) {
        return Error{Errc::TooLarge,
                     "'" + path + "' cannot name a socket: that takes 1 to 107 octets"};
    }
    std::copy(path.begin(), path.end(), address.sun_path);
    return address;
}

const sockaddr* generic(const sockaddr_un& address) {
    return reinterpret_cast<const sockaddr*>(&address);
}

Result<Fd> make_socket(int flags) {
    Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0));
    if (!socket) {
        return errno_error("socket", errno);
    }
    return socket;
}

// Whatever lies at the path and is no socket stays.
Status remove_abandoned(const std::string& path) {
    struct stat found {};

    if (::lstat(path.c_str(), &found) != 0) {
        return Done{};
    }
    if (!S_ISSOCK(found.st_mode)) {
        return Error{Errc::Exists, path + " is there and is no socket"};
    }
    const Result<Fd> other = connect_unix(path, Deadline::after(kProbe));
    if (other || other.error().code != Errc::Unavailable) {
        return Error{Errc::Exists, "somebody listens on " + path};
    }
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) {
        return errno_error("remove " + path, errno);
    }
    return Done{};
}

}  // namespace

UnixListener::UnixListener(Loop& loop, std::string path, Fd socket, OnAccept on_accept)
    : loop_(&loop),
      path_(std::move(path)),
      socket_(std::move(socket)),
      on_accept_(std::move(on_accept)) {
}

UnixListener::~UnixListener() {
    (void)::unlink(path_.c_str());  // the next listener removes what is left
}

Result<std::unique_ptr<UnixListener>> UnixListener::create(
    Loop& loop, const std::string& path, mode_t mode, int backlog, OnAccept on_accept) {
    const sockaddr_un address = TRY(address_of(path));
    TRY(remove_abandoned(path));
    Fd socket = TRY(make_socket(SOCK_NONBLOCK));
    // Before bind() it bounds the mode that the file is made with: at no time may more connect.
    if (::fchmod(socket.get(), mode) != 0 ||
        ::bind(socket.get(), generic(address), sizeof address) != 0) {
        const int error_number = errno;
        Error error = errno_error("listen on " + path, error_number);
        error.code = error_number == EADDRINUSE ? Errc::Exists : error.code;
        return error;
    }
    if (::chmod(path.c_str(), mode) != 0 || ::listen(socket.get(), backlog) != 0) {
        Error error = errno_error("listen on " + path, errno);
        (void)::unlink(path.c_str());
        return error;
    }
    const int fd = socket.get();
    std::unique_ptr<UnixListener> listener(
        new UnixListener(loop, path, std::move(socket), std::move(on_accept)));
    listener->watch_ =
        FdWatch::create(loop, fd, Interest::Read, [raw = listener.get()] { raw->accept_some(); });
    return listener;
}

void UnixListener::accept_some() {
    for (int i = 0; i < kAcceptsPerTurn; ++i) {
        Accepted accepted = accept_next(socket_.get(), kAcceptsPerTurn);
        if (!accepted.socket) {
            if (accepted.exhausted) {
                watch_.disable();
                rest_timer_ = Timer::after(*loop_, kAcceptRest, [this] { watch_.enable(); });
            }
            return;
        }
        ucred who{};
        socklen_t length = sizeof who;
        (void)::getsockopt(accepted.socket.get(), SOL_SOCKET, SO_PEERCRED, &who, &length);
        on_accept_(std::move(accepted.socket), {who.uid, who.pid});
    }
}

Result<Fd> connect_unix(const std::string& path, Deadline deadline) {
    const sockaddr_un address = TRY(address_of(path));
    Fd socket = TRY(make_socket(0));
    const auto left =
        std::chrono::duration_cast<std::chrono::microseconds>(deadline.remaining()).count();
    timeval patience{};  // connect() heeds it; 0 would be for ever
    patience.tv_sec = left / 1'000'000;
    patience.tv_usec = std::max<suseconds_t>(left % 1'000'000, 1);
    if (::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) != 0) {
        return errno_error("setsockopt", errno);
    }
    if (::connect(socket.get(), generic(address), sizeof address) != 0) {
        const int error_number = errno;
        Error error = errno_error("connect to " + path, error_number);
        error.code = error_number == ECONNREFUSED ? Errc::Unavailable
                     : error_number == EAGAIN     ? Errc::Timeout
                                                  : error.code;
        return error;
    }
    return socket;
}

}  // namespace base
