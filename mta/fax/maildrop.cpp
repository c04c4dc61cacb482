#include "mta/fax/maildrop.h"

#include <array>
#include <cerrno>
#include <charconv>
#include <utility>

#include <poll.h>
#include <sys/socket.h>

#include "base/fd_wait.h"

namespace mta {

using base::Deadline;
using base::Errc;
using base::Error;
using base::Result;
using base::Status;

namespace {

constexpr std::size_t kReadSize = 64U << 10U;

Status wait_for(int socket, short events, Deadline deadline) {
    const Status ready = base::wait_ready(socket, events, deadline);
    if (!ready && ready.error().code == Errc::Timeout) {
        return Error{Errc::Timeout, "the access server does not answer in time"};
    }
    return ready;
}

Status connect_to(int socket, const base::Endpoint& server, Deadline deadline) {
    sockaddr_storage address{};
    const unsigned size_of_address = server.to_sockaddr(address);
    if (::connect(socket, reinterpret_cast<const sockaddr*>(&address), size_of_address) != 0) {
        if (errno != EINPROGRESS) {
            return Error{Errc::Unavailable, base::errno_error("connect", errno).detail};
        }
        (void)TRY(wait_for(socket, POLLOUT, deadline));
        int error = 0;
        socklen_t size = sizeof error;
        if (::getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error != 0) {
            return Error{Errc::Unavailable, base::errno_error("connect", error).detail};
        }
    }
    return base::Done{};
}

}  // namespace

// In the middle of a message every later line would be taken for an answer: nothing more is said.
Error Maildrop::give_up(const char* why) {
    socket_.reset();
    input_.clear();
    at_ = 0;
    return Error{Errc::TooLarge, why};
}

Status Maildrop::fill(Deadline deadline) {
    if (!socket_) {
        return Error{Errc::Closed, "the connection was given up in the middle of a message"};
    }
    std::array<char, kReadSize> piece{};
    for (;;) {
        TRY(wait_for(socket_.get(), POLLIN, deadline));
        const ssize_t got = ::recv(socket_.get(), piece.data(), piece.size(), MSG_DONTWAIT);
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
            continue;
        }
        if (got <= 0) {
            return Error{Errc::Closed, "the access server closed the connection"};
        }
        input_.erase(0, at_);
        at_ = 0;
        input_.append(piece.data(), static_cast<std::size_t>(got));
        return base::Done{};
    }
}

Result<std::string> Maildrop::read_line(Deadline deadline) {
    std::size_t searched = 0;
    for (;;) {
        const std::size_t end = input_.find('\n', at_ + searched);
        if (end != std::string::npos) {
            std::string line = input_.substr(at_, end - at_);
            at_ = end + 1;
            if (line.ends_with('\r')) {
                line.pop_back();
            }
            return line;
        }
        searched = input_.size() - at_;
        if (searched > kMaildropMessageMax) {
            return give_up("a line of the access server has no end");
        }
        TRY(fill(deadline));
    }
}

Status Maildrop::command(const std::string& line, Deadline deadline) {
    if (!socket_) {
        return Error{Errc::Closed, "the connection was given up in the middle of a message"};
    }
    const std::string whole = line + "\r\n";
    std::string_view rest = whole;
    while (!rest.empty()) {
        TRY(wait_for(socket_.get(), POLLOUT, deadline));
        const ssize_t sent =
            ::send(socket_.get(), rest.data(), rest.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent >= 0) {
            rest.remove_prefix(static_cast<std::size_t>(sent));
        } else if (errno != EAGAIN && errno != EINTR) {
            return Error{Errc::Closed, "the access server closed the connection"};
        }
    }
    return expect_ok(deadline);
}

Status Maildrop::expect_ok(Deadline deadline) {
    const std::string answer = TRY(read_line(deadline));
    if (answer.starts_with("+OK")) {
        return base::Done{};
    }
    if (answer.starts_with("-ERR [IN-USE]")) {
        return Error{Errc::Busy, "another program reads the queue: " + answer};
    }
    if (answer.starts_with("-ERR [SYS/TEMP]")) {
        return Error{Errc::Unavailable, answer};
    }
    if (answer.starts_with("-ERR")) {
        return Error{Errc::Refused, answer};
    }
    return Error{Errc::Corrupt, "that is no POP3 server"};
}

Result<std::string> Maildrop::read_lines(Deadline deadline) {
    std::string text;
    for (;;) {
        const auto read = read_line(deadline);
        if (!read) {
            return read.error();
        }
        const std::string& line = read.value();
        if (line == ".") {
            return text;
        }
        text.append(line, line.starts_with('.') ? 1 : 0);
        text += "\r\n";
        if (text.size() > kMaildropMessageMax) {
            return give_up("a message of the queue is too large");
        }
    }
}

Result<Maildrop> Maildrop::open(const base::Endpoint& server,
                                const std::string& login,
                                const std::string& password,
                                Deadline deadline) {
    for (const std::string* word : {&login, &password}) {
        if (word->empty() || word->find_first_of("\r\n") != std::string::npos) {
            return Error{Errc::Invalid, "login and password are one line each"};
        }
    }
    const bool is_v4 = server.address().family() == base::IpFamily::V4;
    base::Fd socket(
        ::socket(is_v4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!socket) {
        return base::errno_error("socket", errno);
    }
    TRY(connect_to(socket.get(), server, deadline));
    Maildrop drop(std::move(socket));
    TRY(drop.expect_ok(deadline));
    TRY(drop.command("USER " + login, deadline));
    TRY(drop.command("PASS " + password, deadline));
    return drop;
}

Result<std::vector<std::size_t>> Maildrop::list(Deadline deadline) {
    TRY(command("LIST", deadline));
    const std::string text = TRY(read_lines(deadline));
    std::vector<std::size_t> numbers;
    for (std::size_t from = 0; from < text.size();) {
        const std::size_t end = text.find("\r\n", from);
        std::size_t number = 0;
        const auto [stop, error] = std::from_chars(text.data() + from, text.data() + end, number);
        if (error != std::errc() || stop == text.data() + from) {
            return Error{Errc::Corrupt, "the access server's list of messages is malformed"};
        }
        numbers.push_back(number);
        if (numbers.size() > kMaildropCountMax) {
            return give_up("the queue has too many messages");
        }
        from = end + 2;
    }
    return numbers;
}

Result<std::string> Maildrop::header(std::size_t number, Deadline deadline) {
    TRY(command("TOP " + std::to_string(number) + " 0", deadline));
    return read_lines(deadline);
}

Result<std::string> Maildrop::message(std::size_t number, Deadline deadline) {
    TRY(command("RETR " + std::to_string(number), deadline));
    return read_lines(deadline);
}

Status Maildrop::remove(std::size_t number, Deadline deadline) {
    return command("DELE " + std::to_string(number), deadline);
}

Status Maildrop::quit(Deadline deadline) {
    return command("QUIT", deadline);
}

}  // namespace mta
