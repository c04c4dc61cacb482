#include "mta/scan/clamd_address.h"

#include <cerrno>
#include <utility>

#include <sys/socket.h>
#include <sys/un.h>

#include "base/fd.h"
#include "mta/scan/clamd_stream.h"

namespace mta {

namespace {

constexpr std::string_view kUnix = "unix:";

// A unix socket connects at once or not at all: EAGAIN says that the queue of those who wait to be
// accepted is full (connect(2)). base::connect_unix() waits then, which a loop must not.
base::Result<base::Fd> connect_unix(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    base::Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!socket) {
        return base::errno_error("socket", errno);
    }
    int failed = 0;
    do {
        failed =
            ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
    } while (failed != 0 && errno == EINTR);
    if (failed == 0) {
        return socket;
    }
    base::Error error = base::errno_error("connect " + path, errno);
    switch (errno) {
        case EAGAIN:
            error.code = base::Errc::Busy;
            break;
        case ENOENT:
        case ECONNREFUSED:
        case EACCES:
            error.code = base::Errc::Unavailable;
            break;
        default:
            break;
    }
    return error;
}

}  // namespace

base::Result<ClamdAddress> ClamdAddress::parse(std::string_view text) {
    if (!text.starts_with(kUnix)) {
        const base::Endpoint endpoint = TRY(base::Endpoint::parse(text));
        if (endpoint.port() == 0) {
            return base::Error{base::Errc::Invalid, "port 0: " + std::string(text)};
        }
        return ClamdAddress(endpoint);
    }
    std::string path(text.substr(kUnix.size()));
    if (!path.starts_with('/') || path.size() >= sizeof(sockaddr_un::sun_path) ||
        path.find('\0') != std::string::npos) {
        return base::Error{base::Errc::Invalid, "not a path of a socket: " + std::string(text)};
    }
    return ClamdAddress(std::move(path));
}

std::string ClamdAddress::text() const {
    if (const auto* path = std::get_if<std::string>(&place_)) {
        return std::string(kUnix) + *path;
    }
    return std::get<base::Endpoint>(place_).to_text();
}

base::Result<std::unique_ptr<base::SocketStream>> ClamdAddress::connect(
    base::Loop& loop, base::Deadline deadline) const {
    const base::StreamLimits limits = ClamdStream::limits();
    if (const auto* path = std::get_if<std::string>(&place_)) {
        return base::SocketStream::adopt(loop, TRY(connect_unix(*path)), limits);
    }
    return base::SocketStream::connect(loop, std::get<base::Endpoint>(place_), deadline, limits);
}

}  // namespace mta
