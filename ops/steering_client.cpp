#include "ops/steering_client.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <random>

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/hash.h"
#include "base/unix_socket.h"
#include "dns/explain/chaos_reply.h"
#include "dns/name.h"

namespace ops {

namespace {

using dns::explain::ExplainRequest;
using dns::explain::Format;

constexpr std::string_view kGood = "ok\n";
constexpr std::string_view kError = "error ";
constexpr std::string_view kNotFound = "not-found ";

base::Status wait_for(int fd, short events, base::Deadline deadline) {
    pollfd waiting{fd, events, 0};
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline.at() -
                                                                            base::monotonic_now());
    const int ready =
        ::poll(&waiting, 1, static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 60'000)));
    if (ready > 0) {
        return base::Done{};
    }
    return ready == 0 ? base::Error{base::Errc::Timeout, "no answer in time"}
                      : base::errno_error("poll", errno);
}

base::Status send_all(int fd, std::string_view bytes, base::Deadline deadline) {
    while (!bytes.empty()) {
        TRY(wait_for(fd, POLLOUT, deadline));
        const ssize_t sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno != EAGAIN && errno != EINTR) {
            return base::errno_error("send", errno);
        }
        bytes.remove_prefix(sent > 0 ? static_cast<std::size_t>(sent) : 0);
    }
    return base::Done{};
}

// Up to `size` octets, fewer at the end of the stream.
base::Result<std::string> receive(int fd, std::size_t size, base::Deadline deadline) {
    std::string all;
    std::array<char, 16'384> piece{};
    while (all.size() < size) {
        TRY(wait_for(fd, POLLIN, deadline));
        const ssize_t got =
            ::recv(fd, piece.data(), std::min(piece.size(), size - all.size()), MSG_DONTWAIT);
        if (got == 0) {
            break;
        }
        if (got < 0 && errno != EAGAIN && errno != EINTR) {
            return base::errno_error("receive", errno);
        }
        all.append(piece.data(), got > 0 ? static_cast<std::size_t>(got) : 0);
    }
    return all;
}

std::string line_of(const ExplainRequest& request) {
    std::string line = request.format == Format::Json ? "json " : "text ";
    if (request.domain.empty()) {
        return line + "steering\n";
    }
    line += "explain " + request.domain;
    return line + (request.source ? " " + request.source->to_text() : "") + "\n";
}

base::Result<std::string> ask_socket(const std::string& path, const ExplainRequest& request) {
    const auto deadline = base::Deadline::after(kSteeringTime);
    const base::Fd socket = TRY(base::connect_unix(path, deadline));
    TRY(send_all(socket.get(), line_of(request), deadline));
    std::string answer = TRY(receive(socket.get(), kSteeringAnswerMax + 1, deadline));
    if (answer.size() > kSteeringAnswerMax) {
        return base::Error{base::Errc::TooLarge, "the answer does not end"};
    }
    std::string_view rest = answer;
    if (rest.starts_with(kGood)) {
        answer.erase(0, kGood.size());
        return answer;
    }
    if (!rest.starts_with(kError)) {
        return base::Error{rest.empty() ? base::Errc::Unavailable : base::Errc::Invalid,
                           rest.empty() ? "it closed the connection: too many ask it at once"
                                        : "no name server listens at " + path};
    }
    rest.remove_prefix(kError.size());
    const bool missing = rest.starts_with(kNotFound);
    rest.remove_prefix(missing ? kNotFound.size() : 0);
    return base::Error{missing ? base::Errc::NotFound : base::Errc::Unavailable,
                       std::string(rest.substr(0, rest.find('\n')))};
}

void append_u16(std::string& out, std::uint16_t value) {
    out += static_cast<char>(value >> 8);
    out += static_cast<char>(value & 0xff);
}

base::Result<std::string> chaos_query(const ExplainRequest& request) {
    const std::string text = TRY(dns::explain::name_of(request));
    const dns::Name name = TRY(dns::Name::from_text(text));
    std::string query;
    append_u16(query, static_cast<std::uint16_t>(std::random_device{}()));
    using namespace std::string_view_literals;
    query += "\0\0\0\1\0\0\0\0\0\0"sv;  // no flags, one question
    query += base::as_text(name.wire());
    append_u16(query, static_cast<std::uint16_t>(dns::RrType::Txt));
    append_u16(query, static_cast<std::uint16_t>(dns::RrClass::Chaos));
    return query;
}

base::Result<base::Fd> connect_tcp(const base::Endpoint& address, base::Deadline deadline) {
    sockaddr_storage storage{};
    const socklen_t length = address.to_sockaddr(storage);
    base::Fd socket(::socket(storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!socket) {
        return base::errno_error("socket", errno);
    }
    if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&storage), length) != 0 &&
        errno != EINPROGRESS) {
        return base::Error{base::Errc::Unavailable, "nobody answers at " + address.to_text()};
    }
    TRY(wait_for(socket.get(), POLLOUT, deadline));
    int problem = 0;
    socklen_t size = sizeof problem;
    (void)::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &problem, &size);
    if (problem != 0) {
        return base::Error{base::Errc::Unavailable, "nobody answers at " + address.to_text()};
    }
    return socket;
}

base::Result<std::string> ask_address(const base::Endpoint& address,
                                      const ExplainRequest& request) {
    const auto deadline = base::Deadline::after(kSteeringTime);
    const std::string query = TRY(chaos_query(request));
    const base::Fd socket = TRY(connect_tcp(address, deadline));
    std::string framed;
    append_u16(framed, static_cast<std::uint16_t>(query.size()));
    TRY(send_all(socket.get(), framed + query, deadline));
    const std::string size = TRY(receive(socket.get(), 2, deadline));
    if (size.size() < 2) {
        return base::Error{base::Errc::Unavailable, "it closed the connection"};
    }
    const std::size_t wanted = dns::load_u16(base::as_bytes(size).data());
    const std::string reply = TRY(receive(socket.get(), wanted, deadline));
    return dns::explain::read_chaos_reply(query, reply, request.format);
}

}  // namespace

base::Result<std::string> ask_steering(const SteeringTarget& target,
                                       const ExplainRequest& request) {
    return target.socket.empty() ? ask_address(target.address, request)
                                 : ask_socket(target.socket, request);
}

}  // namespace ops
