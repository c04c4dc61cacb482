#include "storage/tracking/tracker.h"

#include <algorithm>
#include <atomic>
#include <functional>
#include <utility>

#include "base/clock.h"
#include "base/db.h"
#include "base/fiber.h"
#include "base/file.h"
#include "base/guarded.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/worker_pool.h"
#include "storage/journal/journal_writer.h"
#include "storage/journal/rebuilder.h"
#include "storage/path/path_metrics.h"
#include "storage/tracking/discovery.h"
#include "storage/tracking/failover_watch.h"
#include "storage/tracking/helper_program.h"
#include "storage/tracking/layout_follower.h"
#include "storage/upkeep/compactor.h"
#include "storage/upkeep/janitor.h"
#include "storage/upkeep/retention.h"
#include "storage/upkeep/salvager.h"

namespace storage {
namespace {

using base::Deadline;
using base::Errc;
using base::Result;
using base::Status;

constexpr auto kStartupConnect = std::chrono::seconds(5);
constexpr auto kStatementDeadline = std::chrono::seconds(30);
constexpr auto kFailoverPause = std::chrono::seconds(1);
constexpr auto kProbeWait = std::chrono::seconds(2);
constexpr auto kProbeLook = std::chrono::milliseconds(10);
// A storage server that is back gets what it is owed soon.
constexpr auto kProbeRetryMax = std::chrono::seconds(5);
constexpr std::uint64_t kFirstRate = 1U << 20U;  // until the cluster's is read
constexpr auto kMetricsPeriod = std::chrono::seconds(1);

// A tracker writes: copies that are owed, journals, compacted segments.
PathOptions path_options(std::string helper_program) {
    PathOptions paths;
    paths.helper_program = std::move(helper_program);
    paths.retry_max = kProbeRetryMax;
    return paths;
}

CatchUpOptions catch_up_options(const TrackerOptions& options) {
    CatchUpOptions catch_up;
    catch_up.tracker = options.name;
    catch_up.grace = options.grace;
    catch_up.pause = options.catch_up_pause;
    return catch_up;
}

RepairOptions repair_options(const TrackerOptions& options) {
    RepairOptions repair;
    repair.tracker = options.name;
    return repair;
}

ScrubOptions scrub_options(const TrackerOptions& options) {
    ScrubOptions scrub;
    scrub.tracker = options.name;
    scrub.times.attribute_cache = options.attribute_cache;
    return scrub;
}

SealOptions seal_options(const TrackerOptions& options) {
    SealOptions seal;
    seal.tracker = options.name + " seal";  // catch-up claims the same rows beside it
    seal.pause = std::min<std::chrono::milliseconds>(10 * options.upkeep_pause, seal.pause);
    return seal;
}

PlanOptions plan_options(const TrackerOptions& options) {
    PlanOptions plan;
    plan.tracker = options.name;
    // Tests hurry; an agent of theirs hears of a drain as soon as they do.
    plan.request_pause =
        std::min<std::chrono::milliseconds>(5 * options.upkeep_pause, plan.request_pause);
    plan.drain_settle =
        std::min<std::chrono::milliseconds>(15 * options.upkeep_pause, plan.drain_settle);
    return plan;
}

SalvageOptions salvage_options(const TrackerOptions& options) {
    SalvageOptions salvage;
    salvage.tracker = options.name;
    return salvage;
}

CompactorOptions compactor_options(const TrackerOptions& options) {
    CompactorOptions compactor;
    compactor.tracker = options.name;
    return compactor;
}

JanitorOptions janitor_options(const TrackerOptions& options) {
    JanitorOptions janitor;
    janitor.tracker = options.name;
    return janitor;
}

FailoverWatchOptions watch_options(const TrackerOptions& options) {
    FailoverWatchOptions watch;
    watch.committer = "tracker " + options.name;
    watch.database = options.database;
    watch.file = options.state_dir + "/commit-sequence";
    return watch;
}

JournalOptions journal_options(const TrackerOptions& options) {
    JournalOptions journal;
    journal.tracker = options.name;
    journal.database = options.database;
    return journal;
}

RebuildOptions rebuild_options(const TrackerOptions& options) {
    RebuildOptions rebuild;
    rebuild.tracker = options.name;
    rebuild.database = options.database;
    return rebuild;
}

}  // namespace

struct Tracker::State {
    State(base::Loop& a_loop, TrackerOptions an_options, std::string helper_program)
        : loop(a_loop),
          options(std::move(an_options)),
          servers(loop, path_options(std::move(helper_program))),
          pool(options.database, "tracker " + options.name, {options.connections, 64, {}}),
          catch_up(servers, pool, catch_up_options(options)),
          discovery(servers, pool),
          journal(servers, pool, journal_options(options)),
          rebuilder(servers, pool, rebuild_options(options)),
          workers("tracker", 1, 64),
          repair_rate(kFirstRate),
          scrub_rate(kFirstRate),
          repairer({servers, pool, workers, repair_rate}, repair_options(options)),
          scrubber({servers, pool, workers, scrub_rate}, scrub_options(options)),
          planner(servers, pool, plan_options(options)),
          retention(pool),
          compactor(servers, pool, workers, compactor_options(options)),
          salvager(servers, pool, workers, salvage_options(options)),
          janitor(servers, pool, janitor_options(options)),
          sealer(servers, pool, seal_options(options)),
          failover(pool, workers, watch_options(options)),
          round_ns(base::monotonic_now().time_since_epoch().count()) {}

    base::Loop& loop;
    const TrackerOptions options;
    StorageServerSet servers;
    base::DbPool pool;
    CatchUp catch_up;
    Discovery discovery;
    JournalWriter journal;
    Rebuilder rebuilder;
    base::WorkerPool workers;
    ByteRate repair_rate;
    ByteRate scrub_rate;
    Repairer repairer;
    Scrubber scrubber;
    CopyPlanner planner;
    Retention retention;
    Compactor compactor;
    Salvager salvager;
    Janitor janitor;
    SegmentSealer sealer;
    FailoverWatch failover;
    std::unique_ptr<LayoutFollower> follower;
    PathMetrics path_metrics{servers};
    base::Timer show_metrics;
    bool came_through = false;  // the last round of catch-up
    bool catalog_changed = false;
    std::atomic<bool> stopping{false};
    std::atomic<std::int64_t> round_ns;
    base::Guarded<CatchUpState> numbers;  // shown by the admin port's thread

    void apply(const Layout& layout);
    // Runs `step` every `pause` until the tracker or the loop stops.
    void repeat(const char* name, std::chrono::milliseconds pause, std::function<Status()> step);
    Status look_for_failover();
    Status catch_up_round();
    Status discover_recent();
    void start_journal();
    Status wait_for_stores();
    Status look_at_numbers();
    Status make_partitions();
    Status plan_round();
    // Runs `once` until it finds nothing to do.
    Status exhaust(const std::function<Result<std::size_t>()>& once);
};

void Tracker::State::apply(const Layout& layout) {
    std::vector<StorageServerConfig> configs;
    for (const LayoutServer& server : layout.servers) {
        configs.push_back(server.config);
    }
    servers.apply(std::move(configs));
    catch_up.set_agents(layout.agents);
    journal.set_policy(layout.policy);
}

void Tracker::State::repeat(const char* name,
                            std::chrono::milliseconds pause,
                            std::function<Status()> step) {
    const auto body = [this, name, pause, step = std::move(step)] {
        bool failing = false;  // told once, however long it is
        while (!stopping) {
            const Status done = step();
            const bool was_failing = std::exchange(failing, !done);
            if (!done && !was_failing) {
                base::log::info(
                    "storage", "tracker_step_failed", {{"step", name}, {"error", done.error()}});
            }
            // What failed is not put off for an hour.
            const auto rest = done ? pause : std::min(pause, options.recent_pause);
            if (!base::sleep_until(Deadline::after(rest))) {
                return;
            }
        }
    };
    const Result<base::FiberId> spawned = base::spawn(loop, name, body);
    if (!spawned) {
        base::log::error(
            "storage", "fiber_not_started", {{"name", name}, {"error", spawned.error()}});
    }
}

// What the trackers remember of a catalog that has lost commits is wrong.
Status Tracker::State::look_for_failover() {
    if (TRY(failover.look())) {
        discovery.forget();
        catalog_changed = true;
    }
    return base::Done{};
}

// Until nothing is due any more. After the database was away, what it does not know comes first: an
// abort frame may be there.
Status Tracker::State::catch_up_round() {
    if (!rebuilder.is_open()) {
        came_through = false;
        round_ns = base::monotonic_now().time_since_epoch().count();
        return base::Done{};  // nothing is delivered until the journal is replayed
    }
    if (!came_through || std::exchange(catalog_changed, false)) {
        TRY(wait_for_stores());
        TRY(discover_recent());
    }
    came_through = false;
    while (!stopping) {
        if (TRY(catch_up.run_once()) == 0) {
            break;
        }
    }
    came_through = true;
    round_ns = base::monotonic_now().time_since_epoch().count();
    return look_at_numbers();
}

void Tracker::State::start_journal() {
    repeat("journal", options.journal_pause, [this] { return journal.delta(); });
    repeat("checkpoint", options.journal_pause, [this] { return journal.checkpoint(); });
    repeat("rebuild", options.rebuild_pause, [this] { return rebuilder.step(); });
    repeat("rebuild claim", options.journal_pause, [this] { return rebuilder.keep(); });
}

// What lies on a store whose first probe is still under way would be taken for out of reach, and
// put off. A store that is really gone costs this wait once.
Status Tracker::State::wait_for_stores() {
    const Deadline deadline = Deadline::after(kProbeWait);
    const auto is_ready = [](const StorageServerClient* server) {
        return server->health().is_healthy();
    };
    while (!std::ranges::all_of(servers.all(), is_ready) && !deadline.passed()) {
        TRY(base::sleep_until(Deadline::after(kProbeLook).sooner(deadline)));
    }
    return base::Done{};
}

Status Tracker::State::discover_recent() {
    const base::Instant began = base::monotonic_now();
    (void)TRY(discovery.run_once(DiscoveryDepth::Recent));
    const SegmentSeen seen{static_cast<std::int64_t>(discovery.unlisted().size()), began};
    return pool.run([seen](base::Connection& connection) { return note_listed(connection, seen); },
                    Deadline::after(kStatementDeadline));
}

Status Tracker::State::look_at_numbers() {
    static base::Gauge& owed = base::gauge("roundtable_copies_owed",
                                           "Copies of segments that are owed to storage servers");
    static base::Gauge& open =
        base::gauge("roundtable_segments_open", "Segments without a seal in the catalog");
    static base::Gauge& behind =
        base::gauge("roundtable_segments_behind", "Segments with frames that are not catalogued");
    const CatchUpState state =
        TRY(pool.run([](base::Connection& connection) { return catch_up_state(connection); },
                     Deadline::after(kStatementDeadline)));
    owed.set(static_cast<double>(state.copies_owed));
    open.set(static_cast<double>(state.segments_open));
    behind.set(static_cast<double>(state.segments_behind));
    const std::uint64_t before =
        numbers.with([&](CatchUpState& shown) { return std::exchange(shown, state).copies_owed; });
    if (before != state.copies_owed) {
        base::log::warning("storage", "copies_owed", {{"copies", state.copies_owed}});
    }
    return base::Done{};
}

Status Tracker::State::make_partitions() {
    const std::int64_t made =
        TRY(pool.run([](base::Connection& connection) { return ensure_partitions(connection); },
                     Deadline::after(kStatementDeadline)));
    if (made > 0) {
        base::log::info("storage", "partitions_made", {{"partitions", made}});
    }
    return base::Done{};
}

Status Tracker::State::plan_round() {
    static base::Gauge& suspects =
        base::gauge("roundtable_copies_suspect", "Copies of segments that a reader found bad");
    static base::Gauge& oldest = base::gauge("roundtable_copy_owed_oldest_seconds",
                                             "How long the longest owed copy has been owed");
    const UpkeepState now = TRY(planner.run_once());
    suspects.set(static_cast<double>(now.suspects));
    oldest.set(now.oldest_owed_s);
    repair_rate.set_per_second(now.bytes_per_second);
    scrub_rate.set_per_second(now.bytes_per_second);
    return base::Done{};
}

Status Tracker::State::exhaust(const std::function<Result<std::size_t>()>& once) {
    while (!stopping) {
        if (TRY(once()) == 0) {
            break;
        }
    }
    return base::Done{};
}

Tracker::Tracker(std::unique_ptr<State> state) : state_(std::move(state)) {
}

Tracker::~Tracker() = default;

Result<std::unique_ptr<Tracker>> Tracker::create(base::Loop& loop, TrackerOptions options) {
    std::string helper = TRY(find_helper_program(options.helper_program));
    TRY(base::ensure_dir(options.state_dir));
    LayoutSource source{options.database, ServerRole::Tracker, options.name, options.state_dir};
    const StartLayout start = TRY(start_layout(source, Deadline::after(kStartupConnect)));
    auto state = std::make_unique<State>(loop, std::move(options), std::move(helper));
    State* raw = state.get();  // outlives what it owns
    LayoutFollowerOptions follow;
    follow.poll = raw->options.layout_poll;
    raw->follower = std::make_unique<LayoutFollower>(
        loop, raw->pool, raw->workers, std::move(source), follow, start);
    raw->follower->set_on_change([raw](const Layout& layout) { raw->apply(layout); });
    return std::unique_ptr<Tracker>(new Tracker(std::move(state)));
}

void Tracker::start() {
    State& state = *state_;
    state.apply(state.follower->layout());
    state.follower->start();
    state.show_metrics =
        base::Timer::every(state.loop, kMetricsPeriod, [&state] { state.path_metrics.update(); });
    state.repeat(
        "catch up", state.options.catch_up_pause, [&state] { return state.catch_up_round(); });
    state.repeat("failover", kFailoverPause, [&state] { return state.look_for_failover(); });
    state.repeat(
        "discover", state.options.recent_pause, [&state] { return state.discover_recent(); });
    state.repeat("discover all", state.options.full_pause, [&state]() -> Status {
        // The first probes take a moment; without them nothing would be listed for an hour.
        TRY(base::sleep_until(Deadline::after(state.options.recent_pause)));
        (void)TRY(state.discovery.run_once(DiscoveryDepth::All));
        return base::Done{};
    });
    const auto upkeep = state.options.upkeep_pause;
    state.repeat("plan copies", upkeep, [&state] { return state.plan_round(); });
    state.repeat("repair", upkeep, [&state] {
        return state.exhaust([&state] { return state.repairer.run_once(); });
    });
    state.repeat("scrub", upkeep, [&state] {
        return state.exhaust([&state] { return state.scrubber.run_once(); });
    });
    state.repeat("retention", state.options.retention_pause, [&state]() -> Status {
        (void)TRY(state.retention.run_once());
        return base::Done{};
    });
    state.repeat("compact", state.options.compact_pause, [&state]() -> Status {
        while (!state.stopping && TRY(state.compactor.run_once()) > 0) {
        }
        return base::Done{};
    });
    state.repeat("salvage", state.options.salvage_pause, [&state] {
        return state.exhaust([&state] { return state.salvager.run_once(); });
    });
    state.repeat("remove superseded", state.options.compact_pause, [&state]() -> Status {
        while (!state.stopping && TRY(state.janitor.remove_superseded()) > 0) {
        }
        return base::Done{};
    });
    state.repeat("sweep", state.options.full_pause, [&state]() -> Status {
        TRY(base::sleep_until(Deadline::after(state.options.recent_pause)));
        return state.janitor.sweep();
    });
    state.repeat("seal", upkeep, [&state] {
        return state.exhaust([&state] { return state.sealer.run_once(); });
    });
    state.repeat("housekeeping", state.options.housekeeping_pause, [&state] {
        return state.make_partitions();
    });
    state.start_journal();
}

void Tracker::stop() {
    state_->stopping = true;
}

TrackerHealth Tracker::health() const {
    TrackerHealth health;
    health.database_available = state_->pool.is_available();
    health.since_round_ms =
        (base::monotonic_now().time_since_epoch().count() - state_->round_ns) / 1'000'000;
    const JournalHealth journal = state_->journal.health();
    health.journal_known = journal.is_known;
    health.journal_lag_ms = journal.lag_ms;
    state_->numbers.with([&](const CatchUpState& numbers) {
        health.copies_owed = numbers.copies_owed;
        health.segments_open = numbers.segments_open;
        health.segments_behind = numbers.segments_behind;
    });
    return health;
}

const CatchUpCounters& Tracker::counters() const {
    return state_->catch_up.counters();
}

const RepairCounters& Tracker::repair_counters() const {
    return state_->repairer.counters();
}

const ScrubCounters& Tracker::scrub_counters() const {
    return state_->scrubber.counters();
}

}  // namespace storage
