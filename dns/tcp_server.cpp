#include "dns/tcp_server.h"

#include <map>
#include <string>

#include "base/fiber.h"
#include "base/hash.h"
#include "base/stream.h"
#include "dns/limits.h"
#include "dns/wire.h"

namespace dns {
namespace {

constexpr int kBacklog = 128;
// A query is a header, a name, and perhaps an OPT with options; more is nobody's honest need.
constexpr std::size_t kTcpQueryMax = 4096;
constexpr std::size_t kLengthSize = 2;

}  // namespace

struct TcpServer::State {
    State(base::Loop& the_loop,
          Options the_options,
          RespondFunction the_respond,
          StreamFunction the_stream)
        : loop(the_loop),
          options(std::move(the_options)),
          respond(std::move(the_respond)),
          start_stream(std::move(the_stream)),
          out(kLengthSize + kMessageMax) {}

    void on_accept(const std::shared_ptr<State>& self, base::Fd socket, const base::Endpoint& peer);
    [[nodiscard]] bool admit(const base::IpAddress& client);
    void leave(const base::IpAddress& client);
    void serve(base::Stream& stream);
    [[nodiscard]] base::Status serve_query(base::Stream& stream);
    [[nodiscard]] base::Status send(base::Stream& stream, std::size_t size);
    [[nodiscard]] base::Status send_all(base::Stream& stream, ReplyStream& replies);

    base::Loop& loop;
    Options options;
    RespondFunction respond;      // empty once the server is gone
    StreamFunction start_stream;  // the same
    std::map<base::IpAddress, std::size_t> clients;
    std::size_t connections = 0;
    // Every answer is written here first and copied before any wait.
    std::vector<std::byte> out;
    TcpCounters counters;
};

bool TcpServer::State::admit(const base::IpAddress& client) {
    if (connections >= options.connections_max) {
        counters.refused_total.add();
        return false;
    }
    std::size_t& open = clients[client];
    if (open >= options.connections_per_client_max) {
        counters.refused_client.add();
        return false;
    }
    ++open;
    ++connections;
    return true;
}

void TcpServer::State::leave(const base::IpAddress& client) {
    --connections;
    if (--clients[client] == 0) {
        clients.erase(client);
    }
}

void TcpServer::State::on_accept(const std::shared_ptr<State>& self,
                                 base::Fd socket,
                                 const base::Endpoint& peer) {
    const base::IpAddress client = peer.address();
    if (!admit(client)) {
        return;
    }
    base::StreamLimits limits;
    limits.input_max = kLengthSize + kTcpQueryMax;
    limits.output_high_water = kMessageMax;
    limits.write_timeout = options.slow;
    auto adopted = base::SocketStream::adopt(loop, std::move(socket), limits);
    if (!adopted) {
        leave(client);
        return;
    }
    const std::shared_ptr<base::Stream> stream = std::move(adopted).take_value();
    const auto spawned = base::spawn(loop, "dns-tcp", [self, stream, client] {
        self->serve(*stream);
        stream->close();
        self->leave(client);
    });
    if (!spawned) {
        leave(client);
        return;
    }
    counters.accepted.add();
}

void TcpServer::State::serve(base::Stream& stream) {
    for (;;) {
        const base::Status served = serve_query(stream);
        if (!served) {
            if (served.error().code == base::Errc::Timeout) {
                counters.timeouts.add();
            }
            return;
        }
    }
}

base::Status TcpServer::State::serve_query(base::Stream& stream) {
    const base::Deadline deadline = base::Deadline::after(options.idle);
    std::size_t needed = kLengthSize;
    while (stream.buffered().size() < needed) {
        TRY(stream.fill(deadline));
    }
    const auto length = load_u16(base::as_bytes(stream.buffered()).data());
    needed += length;
    if (length > kTcpQueryMax) {
        return base::Error{base::Errc::TooLarge, "query"};
    }
    while (stream.buffered().size() < needed) {
        TRY(stream.fill(deadline));
    }
    const auto packet = base::as_bytes(stream.buffered()).subspan(kLengthSize, length);
    const std::unique_ptr<ReplyStream> replies =
        start_stream ? start_stream(packet, stream.peer()) : nullptr;
    if (replies != nullptr) {
        counters.queries.add();
        stream.consume(needed);
        return send_all(stream, *replies);
    }
    const std::size_t size =
        respond ? respond(packet, stream.peer(), std::span(out).subspan(kLengthSize)) : 0;
    stream.consume(needed);
    if (size == 0) {
        return base::Error{base::Errc::Closed, "nothing to answer"};
    }
    counters.queries.add();
    return send(stream, size);
}

// Each message is made when the client has taken the one before, so that one who reads slowly costs
// a message and not a zone. Each wait has the limit of a slow reader.
base::Status TcpServer::State::send_all(base::Stream& stream, ReplyStream& replies) {
    for (;;) {
        if (!respond) {
            return base::Error{base::Errc::Closed, "the server is gone"};
        }
        const ReplyStream::Piece piece = replies.next(std::span(out).subspan(kLengthSize));
        if (piece.state == ReplyStream::State::Failed) {
            return base::Error{base::Errc::TooLarge, "a record fits no message"};
        }
        TRY(send(stream, piece.size));
        if (piece.state == ReplyStream::State::Last) {
            counters.streams.add();
            return base::Done{};
        }
        TRY(base::fiber_yield());
    }
}

base::Status TcpServer::State::send(base::Stream& stream, std::size_t size) {
    store_u16(out.data(), static_cast<std::uint16_t>(size));
    // Length and message leave together (RFC 7766 8). A copy: write() may wait, and the buffer is
    // everybody's.
    const std::string reply(base::as_text(std::span(out).first(kLengthSize + size)));
    return stream.write(reply);
}

TcpServer::TcpServer(std::shared_ptr<State> state) : state_(std::move(state)) {
}

TcpServer::~TcpServer() {
    listeners_.clear();
    state_->respond = nullptr;
    state_->start_stream = nullptr;
}

base::Result<std::unique_ptr<TcpServer>> TcpServer::create(base::Loop& loop,
                                                           Options options,
                                                           RespondFunction respond,
                                                           StreamFunction stream) {
    auto state =
        std::make_shared<State>(loop, std::move(options), std::move(respond), std::move(stream));
    std::unique_ptr<TcpServer> server(new TcpServer(state));
    for (const base::Endpoint& endpoint : state->options.endpoints) {
        server->listeners_.push_back(TRY(base::Listener::create(
            loop, endpoint, kBacklog, [state](base::Fd socket, const base::Endpoint& peer) {
                state->on_accept(state, std::move(socket), peer);
            })));
    }
    return server;
}

std::vector<base::Endpoint> TcpServer::bound() const {
    std::vector<base::Endpoint> endpoints;
    for (const auto& listener : listeners_) {
        endpoints.push_back(listener->bound());
    }
    return endpoints;
}

const TcpCounters& TcpServer::counters() const noexcept {
    return state_->counters;
}

}  // namespace dns
