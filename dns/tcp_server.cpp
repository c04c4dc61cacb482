#include "dns/tcp_server.h"

#include <algorithm>
#include <array>
#include <list>
#include <map>
#include <utility>

#include "base/fiber.h"
#include "base/stream.h"
#include "dns/large_queries.h"
#include "dns/limits.h"
#include "dns/tcp_connection.h"

namespace dns {
namespace {

constexpr int kBacklog = 128;

}  // namespace

base::IpAddress tcp_client(const base::IpAddress& address) noexcept {
    if (address.family() == base::IpFamily::V4) {
        return address;
    }
    std::array<std::byte, 16> network{};
    std::copy_n(address.bytes().begin(), 8, network.begin());
    return base::IpAddress::v6(network);
}

struct TcpServer::State : TcpConnection::Host, std::enable_shared_from_this<State> {
    State(base::Loop& the_loop, Options the_options, RespondFunction the_respond)
        : loop(the_loop),
          options(std::move(the_options)),
          respond(std::move(the_respond)),
          large(kLargeQueriesMax, kLargeQueriesPerClientMax),
          out(kMessageMax) {}

    // An open connection that has its place in the counts.
    struct Place {
        base::FiberId fiber{};
        bool idle = false;
        std::list<TcpConnection*>::iterator at;  // in idle_longest, if idle
    };

    void on_accept(base::Fd socket, const base::Endpoint& peer);
    [[nodiscard]] bool admit(const base::IpAddress& client);
    [[nodiscard]] bool replace_idle();
    void leave(TcpConnection& connection);
    void release(const base::IpAddress& client);
    std::span<const std::byte> on_query(TcpConnection& connection,
                                        std::span<const std::byte> packet,
                                        bool& taken) override;
    void on_idle(TcpConnection& connection, bool idle) override;
    bool takes_large(std::span<const std::byte> header) override;
    bool hold(TcpConnection& connection, std::size_t octets) override;
    [[nodiscard]] bool free_large(const TcpConnection& wanting);
    void give_back(TcpConnection& connection) override;

    base::Loop& loop;
    Options options;
    RespondFunction respond;  // empty once the server is gone
    std::map<base::IpAddress, std::size_t> clients;
    std::size_t connections = 0;
    std::map<TcpConnection*, Place, std::less<>> places;
    std::list<TcpConnection*> idle_longest;  // from the longest idle to the latest
    LargeQueries large;
    // Every answer is written here first, and copied before any wait.
    std::vector<std::byte> out;
    TcpCounters counters;
};

bool TcpServer::State::admit(const base::IpAddress& client) {
    const auto known = clients.find(client);
    if (known != clients.end() && known->second >= options.connections_per_client_max) {
        counters.refused_client.add();
        return false;
    }
    if (connections >= options.connections_max && !replace_idle()) {
        counters.refused_total.add();
        return false;
    }
    ++clients[client];
    ++connections;
    return true;
}

// Its place is free at once; its fiber ends at the loop's next turn.
bool TcpServer::State::replace_idle() {
    if (idle_longest.empty()) {
        return false;
    }
    TcpConnection& longest = *idle_longest.front();
    const base::FiberId fiber = places.at(&longest).fiber;
    longest.forget_input();
    leave(longest);
    base::cancel_fiber(loop, fiber);
    counters.replaced.add();
    return true;
}

void TcpServer::State::leave(TcpConnection& connection) {
    give_back(connection);
    const auto place = places.find(&connection);
    if (place == places.end()) {
        return;  // it was replaced
    }
    if (place->second.idle) {
        idle_longest.erase(place->second.at);
    }
    places.erase(place);
    release(tcp_client(connection.peer().address()));
}

void TcpServer::State::release(const base::IpAddress& client) {
    --connections;
    const auto known = clients.find(client);
    if (--known->second == 0) {
        clients.erase(known);
    }
}

void TcpServer::State::on_accept(base::Fd socket, const base::Endpoint& peer) {
    const base::IpAddress client = tcp_client(peer.address());
    if (!admit(client)) {
        return;
    }
    auto adopted = base::SocketStream::adopt(loop, std::move(socket));
    if (!adopted) {
        release(client);
        return;
    }
    const auto connection = std::make_shared<TcpConnection>(
        *this,
        std::move(adopted).take_value(),
        TcpConnection::Limits{options.idle, options.slow, options.taken_max});
    const auto spawned = base::spawn(loop, "dns-tcp", [self = shared_from_this(), connection] {
        const base::Error ended = connection->serve();
        if (ended.code == base::Errc::Timeout) {
            self->counters.timeouts.add();
        }
        self->leave(*connection);
    });
    if (!spawned) {
        release(client);
        return;
    }
    places[connection.get()].fiber = spawned.value();
    counters.accepted.add();
}

std::span<const std::byte> TcpServer::State::on_query(TcpConnection& connection,
                                                      std::span<const std::byte> packet,
                                                      bool& taken) {
    if (!respond) {
        return {};
    }
    taken = options.take && options.take(packet, connection.peer(), connection.shared_from_this());
    if (taken) {
        counters.queries.add();
        return {};
    }
    const std::size_t size = respond(packet, connection.peer(), out);
    if (size != 0) {
        counters.queries.add();
    }
    return std::span<const std::byte>(out).first(size);
}

void TcpServer::State::on_idle(TcpConnection& connection, bool idle) {
    const auto found = places.find(&connection);
    if (found == places.end()) {
        return;
    }
    Place& place = found->second;
    if (place.idle) {
        idle_longest.erase(place.at);
    }
    place.idle = idle;
    if (idle) {
        place.at = idle_longest.insert(idle_longest.end(), &connection);
    }
}

bool TcpServer::State::takes_large(std::span<const std::byte> header) {
    return options.large && (header.empty() || options.large(header));
}

bool TcpServer::State::hold(TcpConnection& connection, std::size_t octets) {
    const base::IpAddress client = tcp_client(connection.peer().address());
    for (;;) {
        const LargeQueries::Verdict verdict = large.hold(&connection, client, octets);
        if (verdict == LargeQueries::Verdict::Granted) {
            return true;
        }
        if (verdict == LargeQueries::Verdict::ClientFull || !free_large(connection)) {
            counters.refused_large.add();
            return false;
        }
    }
}

// Who began longest ago and still waits for the rest. Its memory is free at once.
bool TcpServer::State::free_large(const TcpConnection& wanting) {
    for (const LargeQueries::Held& held : large.held()) {
        const auto place = places.find(held.holder);
        if (held.holder == &wanting || place == places.end() || !place->second.idle) {
            continue;
        }
        TcpConnection& longest = *place->first;
        const base::FiberId fiber = place->second.fiber;
        longest.forget_input();
        leave(longest);
        base::cancel_fiber(loop, fiber);
        counters.refused_large.add();
        return true;
    }
    return false;
}

void TcpServer::State::give_back(TcpConnection& connection) {
    large.give_back(&connection);
}

TcpReply::TcpReply(std::shared_ptr<TcpConnection> connection) : connection_(std::move(connection)) {
    connection_->begin_reply();
}

TcpReply::TcpReply(TcpReply&& other) noexcept = default;

TcpReply::~TcpReply() {
    if (connection_ != nullptr) {
        connection_->end_reply();
    }
}

base::Status TcpReply::send(std::span<const std::byte> message, base::Deadline deadline) {
    return connection_->send_reply(message, deadline);
}

void TcpReply::abandon() {
    connection_->abandon();
}

TcpServer::TcpServer(std::shared_ptr<State> state) : state_(std::move(state)) {
}

TcpServer::~TcpServer() {
    listeners_.clear();
    state_->respond = nullptr;
    state_->options.take = nullptr;
    state_->options.large = nullptr;
}

base::Result<std::unique_ptr<TcpServer>> TcpServer::create(base::Loop& loop,
                                                           Options options,
                                                           RespondFunction respond) {
    auto state = std::make_shared<State>(loop, std::move(options), std::move(respond));
    std::unique_ptr<TcpServer> server(new TcpServer(state));
    for (const base::Endpoint& endpoint : state->options.endpoints) {
        server->listeners_.push_back(TRY(server->open(endpoint)));
    }
    return server;
}

base::Result<std::unique_ptr<base::Listener>> TcpServer::open(
    const base::Endpoint& endpoint) const {
    return base::Listener::create(state_->loop,
                                  endpoint,
                                  kBacklog,
                                  [state = state_](base::Fd socket, const base::Endpoint& peer) {
                                      state->on_accept(std::move(socket), peer);
                                  });
}

std::vector<base::Endpoint> TcpServer::bound() const {
    std::vector<base::Endpoint> endpoints;
    for (const auto& listener : listeners_) {
        endpoints.push_back(listener->bound());
    }
    return endpoints;
}

void TcpServer::set_limits(const Options& limits) {
    Options& own = state_->options;
    own.connections_max = limits.connections_max;
    own.connections_per_client_max = limits.connections_per_client_max;
    own.idle = limits.idle;
    own.slow = limits.slow;
    own.taken_max = limits.taken_max;
}

const TcpCounters& TcpServer::counters() const noexcept {
    return state_->counters;
}

}  // namespace dns
