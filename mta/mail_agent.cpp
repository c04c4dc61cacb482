#include "mta/mail_agent.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include "base/admin.h"
#include "base/clock.h"
#include "base/db.h"
#include "base/fiber.h"
#include "base/file.h"
#include "base/listener.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/uuid.h"
#include "base/worker_pool.h"
#include "mta/ingest/ingest_service.h"
#include "mta/load_service.h"
#include "mta/notify/notifier.h"
#include "mta/recipient.h"
#include "mta/scan/scan_gate.h"
#include "mta/scan/scan_policies.h"
#include "mta/scan/scanner.h"
#include "mta/sender.h"
#include "mta/session.h"
#include "mta/session_loops.h"
#include "mta/voicemail/waiting_watcher.h"
#include "storage/catalog/catalog.h"
#include "storage/tracking/agent.h"

namespace mta {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr base::Duration kSampleEvery = milliseconds(100);
constexpr base::Duration kHealthEvery = milliseconds(200);
constexpr base::Duration kSenderPollEvery = seconds(5);
constexpr base::Duration kDiskEvery = seconds(10);
constexpr base::Duration kSaveEvery = seconds(30);
constexpr base::Duration kStoreShutdown = seconds(5);
constexpr base::Duration kFileDeadline = seconds(30);
constexpr std::size_t kFileQueueMax = 8;
constexpr const char* kNotificationChannel = "roundtable_notification";

base::DbPoolOptions one_connection() {
    base::DbPoolOptions options;
    options.connections = 1;
    options.queue_max = 16;
    return options;
}

storage::AgentOptions agent_options(const MailAgentConfig& config) {
    storage::AgentOptions options;
    options.role = storage::ServerRole::Mail;
    options.server = config.name;
    options.database = config.database;
    options.state_dir = config.state_dir;
    options.helper_program = config.path_helper;
    options.segment_size_max = config.segment_size_bytes;
    return options;
}

std::string first_word(const std::string& text) {
    return text.substr(0, text.find(' '));
}

}  // namespace

// Members are destroyed from the last to the first: what others use stands above them.
struct MailAgent::State {
    State(base::Loop& main_loop, MailAgentConfig settings)
        : loop(main_loop),
          config(std::move(settings)),
          admission(config.admission),
          budget(config.memory_max_bytes),
          load(static_cast<std::uint64_t>(base::wall_us()), base::monotonic_now()),
          recipients(RecipientVerifier::ask_servers(config.internal_view), config.postmaster, {}),
          senders(config.state_dir + "/sender_block.bin"),
          scan_policies(config.state_dir + "/scan_policy.bin"),
          files("mta-files", 1, kFileQueueMax) {}

    base::Status open();
    void load_caches();
    void poll_directory();
    base::Status start_scanner();
    base::Status start_sessions();
    base::Status start_chores();
    base::Status start_listeners();
    [[nodiscard]] IngestParts ingest_parts();
    base::Status start_notifier();
    void follow_directory();
    base::Status every(const char* name, base::Duration period, std::function<void()> chore);

    void sample_load();
    void look_at_health();
    void look_at_disk();
    void save_recipients();
    [[nodiscard]] base::Status room(std::uint64_t announced_bytes) const;
    [[nodiscard]] base::Status healthy() const;
    void stop();

    [[nodiscard]] std::string recipients_file() const {
        return config.state_dir + "/recipient_cache.bin";
    }

    base::Loop& loop;
    const MailAgentConfig config;
    Admission admission;
    ByteBudget budget;
    LoadMeter load;
    RecipientVerifier recipients;
    SenderPolicy senders;
    ScanPolicies scan_policies;
    std::unique_ptr<Scanner> scanner;     // null: messages are not scanned
    std::unique_ptr<ScanGate> scan_gate;  // of the scanner
    std::atomic<bool> store_fit{false};
    std::function<void()> on_ready;  // empty once called
    base::Deadline ready_by = base::Deadline::after(kReadyWait);
    std::atomic<bool> disk_low{false};
    std::atomic<bool> stopping{false};
    std::atomic<double> store_queue{0};
    std::unique_ptr<storage::TrackingAgent> tracking;
    std::unique_ptr<Notifier> notifier;
    std::optional<SessionParts> parts;
    base::WorkerPool files;
    std::unique_ptr<base::DbPool> database;
    std::unique_ptr<base::ChangeListener> changes;
    std::unique_ptr<WaitingWatcher> waiting;
    std::unique_ptr<LoadService> load_service;
    std::unique_ptr<SessionLoops> sessions;
    std::unique_ptr<base::AdminServer> admin;
    std::unique_ptr<IngestService> ingest;
};

base::Status MailAgent::State::open() {
    TRY(base::ensure_dir(config.state_dir));
    load_caches();
    TRY(start_scanner());
    tracking = TRY(storage::TrackingAgent::create(loop, agent_options(config)));
    database =
        std::make_unique<base::DbPool>(config.database, "mtad " + config.name, one_connection());
    parts.emplace(
        SessionParts{config.engine,
                     config.times,
                     recipients,
                     senders,
                     budget,
                     load,
                     [this](storage::Submission submission, base::Deadline deadline) {
                         return tracking->store(std::move(submission), deadline);
                     },
                     [this](std::uint64_t announced_bytes) { return room(announced_bytes); },
                     scan_gate.get()});
    tracking->start();
    TRY(start_notifier());
    follow_directory();
    waiting = TRY(WaitingWatcher::create(loop,
                                         config.database,
                                         config.name + " " + base::Uuid::time_ordered().to_text(),
                                         config.waiting_hooks));
    TRY(start_listeners());
    return start_chores();
}

// A cache that cannot be read is a cache less, not a reason not to serve.
void MailAgent::State::load_caches() {
    const base::Status verdicts = recipients.load(recipients_file());
    if (!verdicts) {
        base::log::warning("mta", "recipient cache dropped", {{"error", verdicts.error()}});
    }
    const base::Status blocked = senders.load();
    if (!blocked) {
        base::log::warning("mta", "sender list on disk dropped", {{"error", blocked.error()}});
    }
    if (!senders.is_known()) {
        base::log::info("mta", "no sender list yet: nobody is blocked until it is read");
    }
}

// Only with a scanner in the configuration. Waits for it a moment, and refuses to start with one
// that would not take our longest message.
base::Status MailAgent::State::start_scanner() {
    if (config.scan.clamds.empty()) {
        return base::Done{};
    }
    const base::Status policies = scan_policies.load();
    if (!policies) {
        base::log::warning("mta", "scan policies on disk dropped", {{"error", policies.error()}});
    }
    scanner = TRY(Scanner::create(config.scan, config.engine.size_max_bytes));
    scan_gate = std::make_unique<ScanGate>(*scanner, scan_policies);
    return scanner->watch(loop);
}

void MailAgent::State::poll_directory() {
    senders.poll(*database);
    if (scanner) {
        scan_policies.poll(*database);
    }
}

void MailAgent::State::follow_directory() {
    base::ChangeListener::Callbacks callbacks;
    callbacks.on_change = [this](const std::string& channel, const std::string&) {
        if (channel == kNotificationChannel) {
            loop.post([this] { notifier->wake(); });
        } else {
            poll_directory();
        }
    };
    callbacks.on_connected = [this] { poll_directory(); };
    changes = std::make_unique<base::ChangeListener>(
        config.database,
        "mtad " + config.name,
        std::vector<std::string>{"roundtable_directory", kNotificationChannel},
        std::move(callbacks));
}

base::Status MailAgent::State::start_notifier() {
    NotifierOptions options;
    options.server = config.name;
    options.host_name = config.engine.host_name;
    options.database = config.database;
    options.readers.summary = [this](const mail::MessageId& id, base::Deadline deadline) {
        return tracking->read_summary(id, deadline);
    };
    options.readers.message = [this](const mail::MessageId& id, base::Deadline deadline) {
        return tracking->read_message(id, deadline);
    };
    notifier = TRY(Notifier::create(loop, std::move(options)));
    return base::Done{};
}

base::Status MailAgent::State::start_listeners() {
    if (config.load_listen) {
        load_service =
            TRY(LoadService::create(loop,
                                    *config.load_listen,
                                    load,
                                    {config.name, load.report(base::monotonic_now()).start_id}));
    }
    if (config.admin_listen) {
        admin = TRY(base::AdminServer::create(*config.admin_listen, [this] { return healthy(); }));
    }
    if (!config.ingest_socket.empty()) {
        ingest = TRY(IngestService::create(loop, config.ingest_socket, ingest_parts()));
    }
    sessions = TRY(SessionLoops::create(config.loops, config.listen, admission, *parts));
    return base::Done{};
}

IngestParts MailAgent::State::ingest_parts() {
    return {*parts, [this](const std::string& key, base::Deadline deadline) {
                return database->run(
                    [key](base::Connection& connection) {
                        return storage::message_of_key(connection, key);
                    },
                    deadline);
            }};
}

base::Status MailAgent::State::start_chores() {
    TRY(every("sample load", kSampleEvery, [this] { sample_load(); }));
    TRY(every("look at health", kHealthEvery, [this] { look_at_health(); }));
    TRY(every("poll senders", kSenderPollEvery, [this] { poll_directory(); }));
    TRY(every("look at disk", kDiskEvery, [this] { look_at_disk(); }));
    return every("save recipients", kSaveEvery, [this] { save_recipients(); });
}

// A fiber, because chores may wait. It ends when the loop stops.
base::Status MailAgent::State::every(const char* name,
                                     base::Duration period,
                                     std::function<void()> chore) {
    TRY(base::spawn(loop, name, [period, chore = std::move(chore)] {
        do {
            chore();
        } while (base::sleep_until(base::Deadline::after(period)));
    }));
    return base::Done{};
}

void MailAgent::State::sample_load() {
    Pressure pressure;
    pressure.sessions =
        static_cast<double>(admission.sessions()) / static_cast<double>(admission.sessions_max());
    pressure.loops = std::max(loop.utilisation(), sessions->utilisation());
    pressure.store_queue = store_queue.load();
    load.sample(pressure, base::monotonic_now());
    static base::Gauge& gauge =
        base::gauge("roundtable_smtp_sessions", "SMTP sessions open", {{"folder", "mta"}});
    gauge.set(static_cast<double>(admission.sessions()));
}

void MailAgent::State::look_at_health() {
    const storage::AgentHealth health = tracking->health();
    const storage::AgentOptions defaults;
    store_queue.store(static_cast<double>(health.deliveries_waiting) /
                      static_cast<double>(defaults.deliver_queue_max));
    if (store_fit.exchange(health.mirror.fit) != health.mirror.fit) {
        base::log::warning("mta",
                           health.mirror.fit ? "store fit" : "store unfit",
                           {{"reason", health.mirror.reason},
                            {"stores", health.mirror.stores_healthy},
                            {"min_copies", std::uint64_t{health.mirror.min_copies}}});
    }
    if (on_ready && (health.mirror.fit || ready_by.passed())) {
        if (!health.mirror.fit) {
            base::log::warning("mta", "store-not-fit", {{"reason", health.mirror.reason}});
        }
        std::exchange(on_ready, nullptr)();
    }
    const std::string_view no_scan = scan_gate ? scan_gate->unfit_reason() : std::string_view();
    if (stopping.load()) {
        load.set_fit(false, "stopping");
    } else if (disk_low.load()) {
        load.set_fit(false, "disk-low");
    } else if (!no_scan.empty()) {
        load.set_fit(false, std::string(no_scan));
    } else {
        load.set_fit(health.mirror.fit, first_word(health.mirror.reason));
    }
}

void MailAgent::State::look_at_disk() {
    const std::string directory = config.state_dir;
    const base::Result<std::uint64_t> free_bytes = files.run(
        [directory]() -> base::Result<std::uint64_t> {
            std::error_code error;
            const std::filesystem::space_info space = std::filesystem::space(directory, error);
            if (error) {
                return base::Error{base::Errc::Io, "space of " + directory};
            }
            return std::uint64_t{space.available};
        },
        base::Deadline::after(kFileDeadline));
    if (!free_bytes) {
        return;  // as it was: a slow disk is not a full one
    }
    const bool low = free_bytes.value() < config.disk_free_min_bytes;
    if (disk_low.exchange(low) != low) {
        base::log::warning("mta",
                           low ? "disk low" : "disk has room again",
                           {{"directory", directory}, {"free_bytes", free_bytes.value()}});
    }
}

void MailAgent::State::save_recipients() {
    const base::Status saved = files.run([this] { return recipients.save(recipients_file()); },
                                         base::Deadline::after(kFileDeadline));
    if (!saved && saved.error().code != base::Errc::Cancelled) {
        base::log::warning("mta", "recipient cache not saved", {{"error", saved.error()}});
    }
}

// Asked at MAIL, on the session loops: refuses before the data is sent what could not be kept.
base::Status MailAgent::State::room(std::uint64_t announced_bytes) const {
    if (!store_fit.load()) {
        return base::Error{base::Errc::Unavailable, "too few storage servers"};
    }
    if (disk_low.load()) {
        return base::Error{base::Errc::Busy, "disk low"};
    }
    const std::size_t used = budget.used_bytes();
    if (used >= budget.max_bytes() || announced_bytes > budget.max_bytes() - used) {
        return base::Error{base::Errc::Busy, "memory for messages is used up"};
    }
    return base::Done{};
}

base::Status MailAgent::State::healthy() const {
    if (stopping.load()) {
        return base::Error{base::Errc::Cancelled, "stopping"};
    }
    return room(0);
}

// On a fiber of the main loop.
void MailAgent::State::stop() {
    base::log::info("mta", "stopping", {{"sessions", admission.sessions()}});
    load.set_fit(false, "stopping");
    const base::Deadline transactions = base::Deadline::after(config.stop);
    if (ingest) {
        ingest->drain(transactions);
    }
    sessions->stop(transactions);
    changes.reset();
    notifier->stop();
    waiting.reset();
    tracking->shutdown(base::Deadline::after(kStoreShutdown));
    save_recipients();
    base::log::info("mta", "stopped");
    loop.stop();
}

MailAgent::MailAgent(std::unique_ptr<State> state) : state_(std::move(state)) {
}

MailAgent::~MailAgent() = default;

base::Result<std::unique_ptr<MailAgent>> MailAgent::create(base::Loop& loop,
                                                           MailAgentConfig config,
                                                           std::function<void()> on_ready) {
    auto state = std::make_unique<State>(loop, std::move(config));
    state->on_ready = std::move(on_ready);
    TRY(state->open());
    return std::unique_ptr<MailAgent>(new MailAgent(std::move(state)));
}

void MailAgent::request_stop() {
    State* state = state_.get();
    if (state->stopping.exchange(true)) {
        return;
    }
    state->loop.post([state] {
        const base::Result<base::FiberId> fiber =
            base::spawn(state->loop, "stop", [state] { state->stop(); });
        if (!fiber) {
            state->loop.stop();
        }
    });
}

std::vector<base::Endpoint> MailAgent::smtp_endpoints() const {
    return state_->sessions->bound();
}

}  // namespace mta
