#include "ops/control.h"

#include <array>
#include <cerrno>
#include <cstring>

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace ops {

namespace {

constexpr std::size_t kDatagramMax = 32768;
constexpr int kAnswerTimeoutMs = 5000;

base::Result<sockaddr_un> socket_address(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof(address.sun_path)) {
        return base::Error{base::Errc::TooLarge, path + " is too long for a socket's name"};
    }
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    return address;
}

std::string list_text(const Supervisor& supervisor) {
    std::string text = "ok\n";
    for (const DaemonStatus& status : supervisor.list()) {
        text += status.name + "\t" + std::string(daemon_state_name(status.state)) + "\t" +
                std::to_string(status.pid) + "\t" + std::to_string(status.restarts) + "\t" +
                status.last_end + "\n";
    }
    return text;
}

}  // namespace

std::string answer_control(Supervisor& supervisor, std::string_view request) {
    if (request == "list") {
        return list_text(supervisor);
    }
    const std::size_t space = request.find(' ');
    if (space != std::string_view::npos) {
        const std::string_view verb = request.substr(0, space);
        const std::string name(request.substr(space + 1));
        if (verb == "stop" || verb == "start") {
            const base::Status done =
                verb == "stop" ? supervisor.stop_daemon(name) : supervisor.start_daemon(name);
            return done ? "ok\n" : "error " + done.error().detail + "\n";
        }
    }
    return "error requests are: list, stop NAME, start NAME\n";
}

base::Result<ControlServer> ControlServer::create(base::Loop& loop,
                                                  const std::string& path,
                                                  Supervisor& supervisor) {
    const sockaddr_un address = TRY(socket_address(path));
    ::unlink(path.c_str());
    base::Fd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!socket ||
        ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
        return base::errno_error("listen at " + path, errno);
    }
    ControlServer server(std::move(socket));
    const int number = server.socket_.get();
    server.watch_ =
        base::FdWatch::create(loop, number, base::Interest::Read, [number, &supervisor] {
            std::array<char, kDatagramMax> request{};
            sockaddr_un from{};
            socklen_t from_size = sizeof(from);
            const ssize_t size = ::recvfrom(number,
                                            request.data(),
                                            request.size(),
                                            MSG_DONTWAIT,
                                            reinterpret_cast<sockaddr*>(&from),
                                            &from_size);
            if (size < 0) {
                return;
            }
            const std::string answer = answer_control(
                supervisor, std::string_view(request.data(), static_cast<std::size_t>(size)));
            // An asker that has gone away is its own affair.
            (void)::sendto(number,
                           answer.data(),
                           answer.size(),
                           MSG_DONTWAIT | MSG_NOSIGNAL,
                           reinterpret_cast<const sockaddr*>(&from),
                           from_size);
        });
    return server;
}

base::Result<std::string> ask_control(const std::string& path, const std::string& request) {
    const sockaddr_un address = TRY(socket_address(path));
    const base::Fd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    // An empty name lets the kernel choose one for the answer to come back to (unix(7), autobind).
    sockaddr_un own{};
    own.sun_family = AF_UNIX;
    if (!socket ||
        ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&own), sizeof(own.sun_family)) !=
            0) {
        return base::errno_error("make a socket", errno);
    }
    if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) !=
            0 ||
        ::send(socket.get(), request.data(), request.size(), MSG_NOSIGNAL) < 0) {
        return base::Error{base::Errc::Unavailable,
                           "no `roundtable up` answers at " + path + "; start it first"};
    }
    pollfd poll_fd{socket.get(), POLLIN, 0};
    std::array<char, kDatagramMax> buffer{};
    if (::poll(&poll_fd, 1, kAnswerTimeoutMs) != 1) {
        return base::Error{base::Errc::Timeout, "the supervisor did not answer within 5 s"};
    }
    const ssize_t size = ::recv(socket.get(), buffer.data(), buffer.size(), 0);
    if (size < 0) {
        return base::errno_error("read the supervisor's answer", errno);
    }
    const std::string_view answer(buffer.data(), static_cast<std::size_t>(size));
    constexpr std::string_view kOk = "ok\n";
    constexpr std::string_view kError = "error ";
    if (answer.starts_with(kOk)) {
        return std::string(answer.substr(kOk.size()));
    }
    std::string_view text = answer.starts_with(kError) ? answer.substr(kError.size()) : answer;
    while (text.ends_with('\n')) {
        text.remove_suffix(1);
    }
    return base::Error{base::Errc::Refused, std::string(text)};
}

}  // namespace ops
