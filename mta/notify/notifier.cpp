#include "mta/notify/notifier.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <utility>

#include "base/db.h"
#include "base/fiber.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/worker_pool.h"

namespace mta {

namespace {

using std::chrono::seconds;

constexpr base::Duration kPollEvery = seconds(1);
constexpr base::Duration kLookEvery = seconds(10);
constexpr base::Duration kPurgeEvery = seconds(600);
constexpr base::Duration kClaimDeadline = seconds(10);
constexpr base::Duration kFinishDeadline = seconds(20);
constexpr std::size_t kDbConnections = 3;
constexpr std::size_t kDbQueueMax = 64;
constexpr int kPurgesAtOnce = 20;

base::DbPoolOptions pool_options() {
    base::DbPoolOptions options;
    options.connections = kDbConnections;
    options.queue_max = kDbQueueMax;
    return options;
}

base::Counter& outcomes(const NoticeJob& job, std::string_view result) {
    return base::counter("roundtable_notifications_total",
                         "Attempts to notify, by how they ended",
                         {{"folder", "mta"},
                          {"channel", std::string(channel_name(job.channel))},
                          {"result", std::string(result)}});
}

base::Gauge& waiting_gauge() {
    static base::Gauge& gauge = base::gauge(
        "roundtable_notifications_waiting", "Notifications in the queue", {{"folder", "mta"}});
    return gauge;
}

base::Gauge& oldest_gauge() {
    static base::Gauge& gauge = base::gauge("roundtable_notifications_oldest_seconds",
                                            "Age of the oldest notification in the queue",
                                            {{"folder", "mta"}});
    return gauge;
}

}  // namespace

// Members are destroyed from the last to the first: the workers end before what they use.
struct Notifier::State {
    State(base::Loop& main_loop, NotifierOptions options)
        : loop(main_loop),
          poster(main_loop.poster()),
          database(options.database, "mtad " + options.server + " notify", pool_options()),
          queue(database, options.server),
          sender(std::move(options.readers), std::move(options.host_name), stopping),
          workers("notify", kNoticeWorkers, kNoticeWorkers) {}

    void run();
    bool claim();
    void attempt(const NoticeJob& job, const NoticeSettings& settings);
    void give_back(const NoticeJob& job);
    void look_at_queue();
    void purge();
    void on_attempt_done();

    base::Loop& loop;
    base::Poster poster;
    std::atomic<bool> stopping{false};
    base::DbPool database;
    NoticeQueue queue;
    NoticeSender sender;
    std::size_t running = 0;  // loop thread only
    base::FiberEvent event;   // loop thread only
    base::Deadline next_look = base::Deadline::after({});
    base::Deadline next_purge = base::Deadline::after({});
    base::WorkerPool workers;
};

// A fiber of the main loop; it ends with the loop or by stop().
void Notifier::State::run() {
    while (!stopping.load() && !base::fiber_cancelled()) {
        if (next_look.passed()) {
            look_at_queue();
        }
        const bool more = running < kNoticeWorkers && claim();
        if (!more) {
            const base::Status woken = event.wait(base::Deadline::after(kPollEvery));
            if (!woken && woken.error().code == base::Errc::Cancelled) {
                return;
            }
        }
    }
}

// True: there may be more, and workers for it.
bool Notifier::State::claim() {
    const std::size_t most = kNoticeWorkers - running;
    base::Result<std::vector<NoticeJob>> jobs =
        queue.claim(most, base::Deadline::after(kClaimDeadline));
    if (!jobs || jobs.value().empty()) {
        return false;  // PostgreSQL is away, or the catalog's rights are not there yet: later
    }
    const base::Result<NoticeSettings> settings =
        queue.settings(base::Deadline::after(kClaimDeadline));
    if (!settings) {
        std::for_each(jobs.value().begin(), jobs.value().end(), [this](const NoticeJob& job) {
            give_back(job);
        });
        return false;
    }
    const auto shared = std::make_shared<const NoticeSettings>(settings.value());
    for (const NoticeJob& job : jobs.value()) {
        const base::Status submitted =
            workers.submit([this, shared, job] { attempt(job, *shared); });
        if (submitted) {
            ++running;
        } else {
            give_back(job);
        }
    }
    return true;
}

// It was claimed and is not tried here. If that cannot be said the claim lapses.
void Notifier::State::give_back(const NoticeJob& job) {
    const base::Status given = queue.give_back(job, base::Deadline::after(kClaimDeadline));
    if (!given) {
        base::log::info("mta", "claim not given back", {{"job", job.id}, {"error", given.error()}});
    }
}

// On a worker.
void Notifier::State::attempt(const NoticeJob& job, const NoticeSettings& settings) {
    const NoticeOutcome outcome = sender.send(job, settings);
    const base::Deadline deadline =
        base::Deadline::after(stopping.load() ? base::Duration(seconds(2)) : kFinishDeadline);
    const base::Result<std::string> became = queue.finish(job, outcome, deadline);
    const std::string_view result =
        became ? std::string_view(became.value()) : std::string_view("unknown");
    outcomes(job, result).add(1);
    base::log::info("mta",
                    "notification",
                    {{"notification", job.rule},
                     {"job", job.id},
                     {"channel", channel_name(job.channel)},
                     {"attempt", job.attempts},
                     {"result", result},
                     {"outcome", outcome.text}});
    poster.post([this] { on_attempt_done(); });
}

void Notifier::State::on_attempt_done() {
    --running;
    event.notify();
}

void Notifier::State::look_at_queue() {
    next_look = base::Deadline::after(kLookEvery);
    const auto state = queue.state(base::Deadline::after(kClaimDeadline));
    if (state) {
        waiting_gauge().set(static_cast<double>(state.value().waiting));
        oldest_gauge().set(static_cast<double>(state.value().oldest_s));
    }
    if (next_purge.passed()) {
        purge();
    }
}

// As long as there is more than one purge takes the next one comes at once, or at the next look, so
// that what is due is claimed between.
void Notifier::State::purge() {
    std::int64_t forgotten = 0;
    std::int64_t last = kNoticePurgeMost;
    for (int i = 0; i < kPurgesAtOnce && last == kNoticePurgeMost && !stopping.load(); ++i) {
        const auto purged = queue.purge(base::Deadline::after(kClaimDeadline));
        last = purged ? purged.value() : 0;
        forgotten += last;
    }
    if (last < kNoticePurgeMost) {
        next_purge = base::Deadline::after(kPurgeEvery);
    }
    if (forgotten > 0) {
        base::log::info("mta", "notifications forgotten", {{"count", forgotten}});
    }
}

Notifier::Notifier(std::unique_ptr<State> state) : state_(std::move(state)) {
}

Notifier::~Notifier() {
    state_->stopping.store(true);
}

base::Result<std::unique_ptr<Notifier>> Notifier::create(base::Loop& loop,
                                                         NotifierOptions options) {
    auto state = std::make_unique<State>(loop, std::move(options));
    TRY(base::spawn(loop, "notify", [state = state.get()] { state->run(); }));
    return std::unique_ptr<Notifier>(new Notifier(std::move(state)));
}

void Notifier::wake() {
    state_->event.notify();
}

void Notifier::stop() {
    state_->stopping.store(true);
    state_->event.notify();
}

}  // namespace mta
