#include "base/resolver.h"

#include <cerrno>
#include <optional>

#include <sys/socket.h>

#include "base/check.h"
#include "base/fd.h"
#include "base/fiber.h"
#include "base/loop.h"
#include "base/random.h"
#include "base/stream.h"

namespace base {

namespace {

constexpr std::size_t kDatagramMax = 4096;
constexpr std::size_t kTcpMax = 65535;

struct Question {
    std::string_view name;
    DnsType type = DnsType::A;
    bool recursion_desired = true;
};

std::uint16_t random_id() noexcept {
    return static_cast<std::uint16_t>(random_below(65536));
}

// A socket of its own for each try: the kernel picks a random port, and, being connected, passes on
// only what comes from that server (RFC 5452 9.2).
Result<Fd> connect_udp(const Endpoint& server) {
    const int family = server.address().family() == IpFamily::V4 ? AF_INET : AF_INET6;
    Fd socket(::socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    sockaddr_storage storage{};
    const socklen_t length = server.to_sockaddr(storage);
    if (!socket ||
        ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&storage), length) != 0) {
        return Error{Errc::Unavailable, errno_error("ask " + server.to_text(), errno).detail};
    }
    return socket;
}

// Datagrams that are no reply to this query are passed over: somebody may be guessing.
Result<DnsMessage> ask_udp(const Endpoint& server, const Question& question, Deadline deadline) {
    const std::uint16_t id = random_id();
    const std::string query =
        TRY(encode_dns_query(id, question.name, question.type, question.recursion_desired));
    const Fd socket = TRY(connect_udp(server));
    if (::send(socket.get(), query.data(), query.size(), MSG_NOSIGNAL) < 0) {
        return Error{Errc::Unavailable, errno_error("ask " + server.to_text(), errno).detail};
    }
    FiberEvent readable;
    FdWatch watch;
    watch = FdWatch::create(*Loop::current(), socket.get(), Interest::Read, [&] {
        watch.disable();
        readable.notify();
    });
    std::string datagram(kDatagramMax, '\0');
    while (true) {
        const ssize_t count = ::recv(socket.get(), datagram.data(), datagram.size(), 0);
        if (count >= 0) {
            const std::string_view message(datagram.data(), static_cast<std::size_t>(count));
            auto parsed = parse_dns_reply(message, id, question.name, question.type);
            if (parsed) {
                return parsed;
            }
            continue;
        }
        if (errno != EAGAIN && errno != EINTR) {
            return Error{Errc::Unavailable, errno_error("ask " + server.to_text(), errno).detail};
        }
        watch.enable();
        TRY(readable.wait(deadline));
    }
}

// RFC 1035 4.2.2: two bytes of length, then the message.
Result<DnsMessage> ask_tcp(const Endpoint& server, const Question& question, Deadline deadline) {
    const std::uint16_t id = random_id();
    const std::string query =
        TRY(encode_dns_query(id, question.name, question.type, question.recursion_desired));
    StreamLimits limits;
    limits.input_max = kTcpMax + 2;
    const std::unique_ptr<SocketStream> stream =
        TRY(SocketStream::connect(*Loop::current(), server, deadline, limits));
    const char length[2] = {static_cast<char>(query.size() >> 8U),
                            static_cast<char>(query.size() & 0xFFU)};
    TRY(stream->write({length, 2}));
    TRY(stream->write(query));
    TRY(stream->flush(deadline));
    while (true) {
        const std::string_view input = stream->buffered();
        if (input.size() >= 2) {
            const std::size_t size = static_cast<std::size_t>(static_cast<unsigned char>(input[0]))
                                         << 8U |
                                     static_cast<unsigned char>(input[1]);
            if (input.size() - 2 >= size) {
                return parse_dns_reply(input.substr(2, size), id, question.name, question.type);
            }
        }
        TRY(stream->fill(deadline));
    }
}

Result<DnsMessage> ask(const Endpoint& server,
                       const Question& question,
                       DnsTransport transport,
                       Deadline deadline) {
    DnsMessage message;
    if (transport == DnsTransport::UdpFirst) {
        message = TRY(ask_udp(server, question, deadline));
    }
    if (message.truncated || transport == DnsTransport::TcpOnly) {
        message = TRY(ask_tcp(server, question, deadline));
        if (message.truncated) {
            return Error{Errc::Unavailable, server.to_text() + " truncates over TCP"};
        }
    }
    return message;
}

}  // namespace

Result<DnsReply> dns_query(std::span<const Endpoint> servers,
                           std::string_view name,
                           DnsType type,
                           Deadline deadline,
                           const DnsQueryOptions& options) {
    CHECK(in_fiber());
    const Question question{name, type, options.recursion_desired};
    TRY(encode_dns_query(0, name, type, true));  // a bad name is nobody's failure but the caller's
    std::optional<DnsReply> failed_reply;
    Error last{Errc::Unavailable, "no DNS server is configured"};
    for (int round = 0; round < options.rounds; ++round) {
        for (const Endpoint& server : servers) {
            auto answer = ask(server,
                              question,
                              options.transport,
                              deadline.sooner(Deadline::after(options.try_timeout)));
            if (answer) {
                DnsReply& reply = answer.value().reply;
                if (reply.rcode == DnsRcode::NoError || reply.rcode == DnsRcode::NxDomain) {
                    return std::move(reply);
                }
                failed_reply = std::move(reply);
                continue;
            }
            if (answer.error().code == Errc::Cancelled) {
                return std::move(answer).take_error();
            }
            last.code = answer.error().code == Errc::Timeout ? Errc::Timeout : Errc::Unavailable;
            last.detail = server.to_text() + ": " + answer.error().detail;
            if (deadline.passed()) {
                return Error{Errc::Timeout, last.detail};
            }
        }
    }
    if (failed_reply) {
        return *std::move(failed_reply);
    }
    return last;
}

}  // namespace base
