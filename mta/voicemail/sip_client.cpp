#include "mta/voicemail/sip_client.h"

#include <algorithm>
#include <cerrno>
#include <string>

#include <poll.h>
#include <sys/socket.h>

#include "base/endpoint.h"
#include "base/fd.h"

namespace mta {

namespace {

constexpr int kTransactionT1s = 64;  // timer F
constexpr std::int64_t kStopEveryMs = 200;

struct Socket {
    base::Fd fd;
    base::Endpoint local;
};

// Connected, so that only the target's datagrams come in, and that "nobody listens" is told.
base::Result<Socket> open_socket(const base::Endpoint& peer) {
    sockaddr_storage address{};
    const unsigned length = peer.to_sockaddr(address);
    Socket out;
    out.fd = base::Fd(::socket(address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!out.fd) {
        return base::errno_error("socket", errno);
    }
    const auto* peer_address = reinterpret_cast<const sockaddr*>(&address);
    if (::connect(out.fd.get(), peer_address, length) != 0) {
        return base::Error{base::Errc::Unavailable, "no way to " + peer.to_text()};
    }
    sockaddr_storage own{};
    socklen_t own_length = sizeof own;
    if (::getsockname(out.fd.get(), reinterpret_cast<sockaddr*>(&own), &own_length) != 0) {
        return base::errno_error("getsockname", errno);
    }
    out.local = base::Endpoint::from_sockaddr(*reinterpret_cast<const sockaddr*>(&own));
    return out;
}

base::Status send_datagram(const Socket& socket, const std::string& request) {
    if (::send(socket.fd.get(), request.data(), request.size(), MSG_NOSIGNAL) < 0 &&
        errno != EAGAIN && errno != EINTR) {
        if (errno == ECONNREFUSED) {
            return base::Error{base::Errc::Unavailable, "nobody listens there"};
        }
        return base::errno_error("send", errno);
    }
    return base::Done{};
}

// Waits until there is something to read; false if it did not come, within kStopEveryMs at most.
base::Result<bool> wait_readable(const Socket& socket, base::Deadline deadline) {
    pollfd entry{socket.fd.get(), POLLIN, 0};
    // Rounded up: a wait must not end before its deadline, again and again.
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline.remaining()).count();
    const int ready =
        ::poll(&entry, 1, static_cast<int>(std::min<std::int64_t>(left, kStopEveryMs)));
    if (ready < 0 && errno != EINTR) {
        return base::errno_error("poll", errno);
    }
    return ready > 0;
}

// The status of a response to our request, 0 if something else came or nothing.
base::Result<int> receive_status(const Socket& socket, const SipIdentity& identity) {
    std::string datagram(kSipDatagramMax, '\0');
    const ssize_t size = ::recv(socket.fd.get(), datagram.data(), datagram.size(), 0);
    if (size < 0) {
        if (errno == ECONNREFUSED) {
            return base::Error{base::Errc::Unavailable, "nobody listens there"};
        }
        if (errno == EAGAIN || errno == EINTR) {
            return 0;
        }
        return base::errno_error("recv", errno);
    }
    datagram.resize(static_cast<std::size_t>(size));
    return notify_status(datagram, identity).value_or(0);
}

}  // namespace

base::Status send_notify(const SipTarget& target,
                         std::string_view body,
                         const std::atomic<bool>* stop,
                         const SipTimers& timers) {
    const Socket socket = TRY(open_socket(target.endpoint));
    const SipIdentity identity = make_sip_identity();
    const std::string request = make_notify(target, socket.local, identity, body);
    const base::Deadline end = base::Deadline::after(timers.t1 * kTransactionT1s);
    base::Duration interval = timers.t1;
    bool proceeding = false;
    while (!end.passed()) {
        (void)TRY(send_datagram(socket, request));
        const base::Deadline resend = base::Deadline::after(interval).sooner(end);
        while (!resend.passed()) {
            if (stop != nullptr && stop->load()) {
                return base::Error{base::Errc::Cancelled, "stopping"};
            }
            if (!TRY(wait_readable(socket, resend))) {
                continue;
            }
            const int status = TRY(receive_status(socket, identity));
            if (status >= 300) {
                return base::Error{base::Errc::Refused, "answered " + std::to_string(status)};
            }
            if (status >= 200) {
                return base::Done{};
            }
            proceeding = proceeding || status >= 100;
        }
        interval = proceeding ? timers.t2 : std::min(interval * 2, timers.t2);
    }
    return base::Error{base::Errc::Timeout, "no answer from " + target.endpoint.to_text()};
}

}  // namespace mta
