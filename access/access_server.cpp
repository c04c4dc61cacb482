#include "access/access_server.h"

#include <atomic>
#include <string>
#include <utility>

#include <sys/socket.h>

#include "access/catalog_store.h"
#include "access/context.h"
#include "access/imap/session.h"
#include "access/load_session.h"
#include "access/pop3_session.h"
#include "access/session_loops.h"
#include "access/session_table.h"
#include "base/admin.h"
#include "base/db.h"
#include "base/fiber.h"
#include "base/file.h"
#include "base/listener.h"
#include "base/log.h"
#include "base/metrics.h"
#include "storage/mailbox/mailbox_watch.h"
#include "storage/mailbox/mailboxes.h"
#include "storage/mailbox/session_notes.h"
#include "storage/tracking/agent.h"

namespace accessd {
namespace {

constexpr base::Duration kHealthEvery = std::chrono::milliseconds(200);
constexpr base::Duration kAgentShutdown = std::chrono::seconds(5);
constexpr base::Duration kNotesShutdown = std::chrono::seconds(2);
constexpr int kBacklog = 512;
constexpr std::size_t kPasswordQueueMax = 128;
constexpr std::size_t kWorkerQueueMax = 256;
constexpr std::size_t kWorkers = 2;
constexpr std::size_t kDatabaseQueueMax = 4096;
constexpr std::size_t kLoadConnectionsMax = 64;

base::DbPoolOptions pool_options(const AccessConfig& config) {
    base::DbPoolOptions options;
    options.connections = config.database_connections;
    options.queue_max = kDatabaseQueueMax;
    return options;
}

storage::AgentOptions agent_options(const AccessConfig& config) {
    storage::AgentOptions options;
    options.role = storage::ServerRole::Access;
    options.server = config.settings.name;
    options.database = config.database;
    options.state_dir = config.state_dir;
    options.helper_program = config.path_helper;
    return options;
}

std::vector<base::Endpoint> bound_of(const std::vector<std::unique_ptr<base::Listener>>& all) {
    std::vector<base::Endpoint> endpoints;
    for (const auto& listener : all) {
        endpoints.push_back(listener->bound());
    }
    return endpoints;
}

/// One line to a client that is turned away. If it does not fit into a fresh socket's buffer, then
/// it is lost: nobody waits for this client.
void turn_away(const base::Fd& socket, std::string_view line) {
    (void)::send(socket.get(), line.data(), line.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
}

}  // namespace

// Members are destroyed from the last to the first: what others use stands above them.
struct AccessServer::State {
    State(base::Loop& main_loop, AccessConfig settings)
        : loop(main_loop),
          config(std::move(settings)),
          table(config.settings.sessions_max,
                config.settings.sessions_per_source_max,
                static_cast<std::uint64_t>(base::wall_us()),
                base::monotonic_now()),
          append_budget(config.settings.append_bytes_in_flight),
          passwords("access-crypt", config.password_threads, kPasswordQueueMax),
          workers("access-work", kWorkers, kWorkerQueueMax),
          view(config.settings.internal_view) {}

    base::Status open();
    base::Status listen();
    base::Status listen_for(const std::vector<base::Endpoint>& endpoints,
                            std::vector<std::unique_ptr<base::Listener>>& listeners,
                            const char* name,
                            std::string_view refusal,
                            void (*serve)(base::Stream&, AccessContext&));
    base::Status listen_for_load();
    void on_load_connection(base::Fd socket);
    void look_at_health();
    [[nodiscard]] base::Status healthy() const;
    void stop();

    base::Loop& loop;
    const AccessConfig config;
    SessionTable table;
    ByteBudget append_budget;
    base::WorkerPool passwords;
    base::WorkerPool workers;
    InternalView view;
    std::unique_ptr<base::DbPool> database;
    std::unique_ptr<storage::Mailboxes> mailboxes;
    std::unique_ptr<storage::MailboxWatch> mailbox_watch;
    std::unique_ptr<storage::SessionNotes> session_notes;
    std::unique_ptr<storage::TrackingAgent> agent;
    std::unique_ptr<CatalogStore> store;
    std::unique_ptr<SignIn> sign_in;
    std::unique_ptr<AccessContext> context;
    std::unique_ptr<SessionLoops> sessions;
    std::vector<std::unique_ptr<base::Listener>> imap;
    std::vector<std::unique_ptr<base::Listener>> pop3;
    std::unique_ptr<base::Listener> load;
    std::size_t load_connections = 0;
    std::unique_ptr<base::AdminServer> admin;
    base::Timer health_timer;
    std::atomic<bool> stopping{false};
    std::atomic<bool> fit{false};    ///< for the admin port's thread
    std::function<void()> on_ready;  ///< empty once called
    base::Deadline ready_by = base::Deadline::after(kReadyWait);
};

base::Status AccessServer::State::open() {
    TRY(base::ensure_dir(config.state_dir));
    const std::string who = "accessd " + config.settings.name;
    agent = TRY(storage::TrackingAgent::create(loop, agent_options(config)));
    database = std::make_unique<base::DbPool>(config.database, who, pool_options(config));
    mailboxes = std::make_unique<storage::Mailboxes>(*database);
    mailbox_watch = std::make_unique<storage::MailboxWatch>(config.database, who);
    session_notes = std::make_unique<storage::SessionNotes>(config.database, who);
    store = std::make_unique<CatalogStore>(*mailboxes, *agent, *mailbox_watch, *session_notes);
    sign_in = std::make_unique<SignIn>(*store, view, passwords);
    context = std::make_unique<AccessContext>(
        AccessContext{config.settings, *store, *sign_in, workers, append_budget});
    sessions = TRY(SessionLoops::create(config.loops));
    agent->start();
    return listen();
}

base::Status AccessServer::State::listen() {
    TRY(listen_for(config.imap_listen,
                   imap,
                   "imap",
                   "* BYE [UNAVAILABLE] Too many connections\r\n",
                   serve_imap));
    TRY(listen_for(
        config.pop3_listen, pop3, "pop3", "-ERR [SYS/TEMP] Too many connections\r\n", serve_pop3));
    TRY(listen_for_load());
    if (config.admin_listen) {
        admin = TRY(base::AdminServer::create(*config.admin_listen, [this] { return healthy(); }));
    }
    health_timer = base::Timer::every(loop, kHealthEvery, [this] { look_at_health(); });
    look_at_health();
    return base::Done{};
}

base::Status AccessServer::State::listen_for(
    const std::vector<base::Endpoint>& endpoints,
    std::vector<std::unique_ptr<base::Listener>>& listeners,
    const char* name,
    std::string_view refusal,
    void (*serve)(base::Stream&, AccessContext&)) {
    for (const base::Endpoint& endpoint : endpoints) {
        const auto on_accept = [this, name, refusal, serve](base::Fd socket,
                                                            const base::Endpoint& peer) {
            SessionTable::Slot slot = table.admit(peer.address(), base::monotonic_now());
            if (!slot) {
                turn_away(socket, refusal);
                return;
            }
            sessions->start(name, std::move(socket), std::move(slot), [this, serve](auto& stream) {
                serve(stream, *context);
            });
        };
        listeners.push_back(TRY(base::Listener::create(loop, endpoint, kBacklog, on_accept)));
    }
    return base::Done{};
}

base::Status AccessServer::State::listen_for_load() {
    if (!config.load_listen) {
        return base::Done{};
    }
    load = TRY(base::Listener::create(
        loop, *config.load_listen, kBacklog, [this](base::Fd socket, const base::Endpoint&) {
            on_load_connection(std::move(socket));
        }));
    return base::Done{};
}

void AccessServer::State::on_load_connection(base::Fd socket) {
    if (load_connections >= kLoadConnectionsMax) {
        return;
    }
    auto shared = std::make_shared<base::Fd>(std::move(socket));
    const auto spawned = base::spawn(loop, "load", [this, shared] {
        auto stream = base::SocketStream::adopt(loop, std::move(*shared));
        if (stream) {
            serve_load(*stream.value(), table, config.settings.name);
        }
        --load_connections;
    });
    load_connections += spawned ? 1U : 0U;
}

void AccessServer::State::look_at_health() {
    static base::Gauge& open_sessions =
        base::gauge("roundtable_access_sessions", "Sessions of clients", {{"folder", "access"}});
    open_sessions.set(static_cast<double>(table.sessions()));
    if (stopping) {
        return;
    }
    // Without the catalog nobody can sign in: better another server, if there is one.
    const bool now_fit = database->is_available();
    if (on_ready && base::Loop::current() != nullptr && (now_fit || ready_by.passed())) {
        std::exchange(on_ready, nullptr)();
    }
    if (fit.exchange(now_fit) != now_fit) {
        base::log::info("access", "fitness", {{"fit", now_fit}});
    }
    table.set_fit(now_fit, now_fit ? "ok" : "catalog-away");
}

base::Status AccessServer::State::healthy() const {
    if (!fit) {
        return base::Error{base::Errc::Unavailable, "the catalog is away"};
    }
    return base::Done{};
}

/// In a fiber of the main loop.
void AccessServer::State::stop() {
    stopping = true;
    table.set_fit(false, "stopping");
    imap.clear();
    pop3.clear();
    if (!sessions->stop(base::Deadline::after(config.stop))) {
        base::log::warning("access", "sessions left", {{"sessions", table.sessions()}});
    }
    session_notes->finish(base::Deadline::after(kNotesShutdown));
    agent->shutdown(base::Deadline::after(kAgentShutdown));
    health_timer.cancel();
    load.reset();
    loop.stop();
}

AccessServer::AccessServer(std::unique_ptr<State> state) : state_(std::move(state)) {
}

AccessServer::~AccessServer() = default;

base::Result<std::unique_ptr<AccessServer>> AccessServer::create(base::Loop& loop,
                                                                 AccessConfig config,
                                                                 std::function<void()> on_ready) {
    auto state = std::make_unique<State>(loop, std::move(config));
    state->on_ready = std::move(on_ready);
    TRY(state->open());
    return std::unique_ptr<AccessServer>(new AccessServer(std::move(state)));
}

void AccessServer::request_stop() {
    State* state = state_.get();
    state->loop.post([state] {
        const auto spawned = base::spawn(state->loop, "stop", [state] { state->stop(); });
        if (!spawned) {
            state->loop.stop();
        }
    });
}

std::vector<base::Endpoint> AccessServer::imap_endpoints() const {
    return bound_of(state_->imap);
}

std::vector<base::Endpoint> AccessServer::pop3_endpoints() const {
    return bound_of(state_->pop3);
}

}  // namespace accessd
