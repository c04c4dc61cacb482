#include "dns/plugin/remote_server.h"

#include <cerrno>
#include <optional>
#include <string>
#include <utility>

#include <unistd.h>

#include "base/fiber.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/stream.h"
#include "base/unix_socket.h"
#include "base/worker_pool.h"

namespace dns::plugin {
namespace {

constexpr int kBacklog = 128;
// For the rest of a request, and for each piece of an answer to be taken.
constexpr base::Duration kSlow = std::chrono::seconds(10);
// A connection that waits for a request: PowerDNS may have none for days.
constexpr base::Duration kIdle = std::chrono::hours(24 * 365);
// Requests at hand that are answered before other connections have their turn.
constexpr unsigned kTurnRequests = 16;

}  // namespace

// Members are destroyed from the last to the first. What is below `loop` lives on the thread.
struct RemoteServer::State {
    explicit State(const SnapshotHolder& the_holder) : holder(the_holder) {}

    void accept(base::Fd socket);
    base::Status serve(base::Stream& stream);
    base::Status answer(base::Stream& stream, RemoteBackend& backend, std::string_view line);
    base::Status send(base::Stream& stream, BackendReply& reply);
    void take(std::shared_ptr<const Directory> directory);

    const SnapshotHolder& holder;
    PluginConfig config;
    RemoteCounters counters;
    std::unique_ptr<base::Loop> loop;
    std::unique_ptr<base::UnixListener> listener;
    std::optional<SnapshotReader> reader;
    SharedZoneIds ids = std::make_shared<const ZoneIds>(Directory());
    std::shared_ptr<const Directory> signed_from;  // null, as `signing`: no keys are known
    SharedSigning signing;
    NotifiedSerials notified;
    std::size_t connections = 0;
    std::unique_ptr<base::WorkerPool> thread;
};

void RemoteServer::State::accept(base::Fd socket) {
    if (connections >= config.connections) {
        counters.refused.add();
        return;
    }
    auto adopted = base::SocketStream::adopt(*loop, std::move(socket));
    if (!adopted) {
        counters.refused.add();
        return;
    }
    const std::shared_ptr<base::Stream> stream = std::move(adopted).take_value();
    const auto spawned = base::spawn(*loop, "powerdns", [this, stream] {
        const base::Status ended = serve(*stream);
        if (!ended && ended.error().code == base::Errc::Timeout) {
            counters.slow.add();
        }
        stream->close();
        --connections;
    });
    if (!spawned) {
        counters.refused.add();
        return;
    }
    ++connections;
    counters.accepted.add();
}

// Ends by an error only.
base::Status RemoteServer::State::serve(base::Stream& stream) {
    base::StreamLimits limits;
    limits.input_max = kRemoteLineMax;
    limits.write_timeout = kSlow;
    stream.set_limits(limits);
    RemoteBackend backend(notified);
    std::optional<base::Deadline> rest;  // for a request that has begun
    std::size_t seen = 0;                // octets without an end of line
    for (unsigned answered = 0;;) {
        const std::string_view input = stream.buffered();
        const std::size_t end = input.find('\n', seen);
        if (end != std::string_view::npos) {
            const std::string line(input.substr(0, end));
            stream.consume(end + 1);
            rest.reset();
            seen = 0;
            TRY(answer(stream, backend, line));
            if (++answered % kTurnRequests == 0) {
                TRY(base::fiber_yield());
            }
            continue;
        }
        seen = input.size();
        if (!rest && !input.empty()) {
            rest = base::Deadline::after(kSlow);
        }
        // One deadline for all of a request: who sends an octet now and then is slow, too.
        TRY(stream.flush(base::Deadline::after(kSlow)));
        TRY(stream.fill(rest.value_or(base::Deadline::after(kIdle))));
    }
}

base::Status RemoteServer::State::answer(base::Stream& stream,
                                         RemoteBackend& backend,
                                         std::string_view line) {
    // What a long list is made from, it shares: the snapshot is not held while anything waits.
    reader->online();
    BackendReply reply = backend.answer(line, {*reader->get(), *ids, config.keys, signing.get()});
    reader->offline();
    counters.calls[static_cast<std::size_t>(reply.outcome)].add();
    return send(stream, reply);
}

base::Status RemoteServer::State::send(base::Stream& stream, BackendReply& reply) {
    TRY(stream.write(reply.text));
    for (bool more = reply.more != nullptr; more;) {
        std::string piece;
        more = reply.more->next(piece);
        TRY(stream.write(piece));
        TRY(base::fiber_yield());
    }
    return base::Done{};
}

// Keys of all zones are made into text here, where only PowerDNS waits for it.
void RemoteServer::State::take(std::shared_ptr<const Directory> directory) {
    ids = std::make_shared<const ZoneIds>(*directory);
    if (config.keys == KeyUse::None || directory->secrets == nullptr) {
        return;
    }
    if (signed_from == nullptr || signed_from->signing != directory->signing ||
        *signed_from->secrets != *directory->secrets) {
        signing = std::make_shared<const SigningData>(directory->signing, *directory->secrets);
    }
    signed_from = std::move(directory);
}

RemoteServer::RemoteServer(std::unique_ptr<State> state) : state_(std::move(state)) {
}

RemoteServer::~RemoteServer() {
    state_->loop->stop();
    state_->thread.reset();  // waits for the loop to return
}

base::Result<std::unique_ptr<RemoteServer>> RemoteServer::create(const SnapshotHolder& holder,
                                                                 const PluginConfig& config) {
    const SocketOwner owner = TRY(find_owner(config));
    auto state = std::make_unique<State>(holder);
    State* const raw = state.get();
    raw->config = config;
    raw->loop = TRY(base::Loop::create("powerdns"));
    raw->listener =
        TRY(base::UnixListener::create(*raw->loop,
                                       config.path,
                                       config.mode,
                                       kBacklog,
                                       [raw](base::Fd socket, const base::UnixPeer& /*peer*/) {
                                           raw->accept(std::move(socket));
                                       }));
    if (::chown(config.path.c_str(), owner.user, owner.group) != 0) {
        return base::errno_error("give " + config.path + " to its owner", errno);
    }
    raw->thread = std::make_unique<base::WorkerPool>("dns-powerdns", 1, 1);
    TRY(raw->thread->submit([raw] {
        raw->reader.emplace(raw->holder);  // a reader belongs to its thread
        raw->loop->run();
        raw->listener.reset();
        raw->reader.reset();
    }));
    return std::unique_ptr<RemoteServer>(new RemoteServer(std::move(state)));
}

void RemoteServer::set_directory(std::shared_ptr<const Directory> directory) {
    // False once it is stopping: nobody asks then.
    (void)state_->loop->post(
        [state = state_.get(), directory = std::move(directory)] { state->take(directory); });
}

const RemoteCounters& RemoteServer::counters() const noexcept {
    return state_->counters;
}

}  // namespace dns::plugin
