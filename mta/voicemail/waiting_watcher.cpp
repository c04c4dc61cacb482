#include "mta/voicemail/waiting_watcher.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "base/db.h"
#include "base/fiber.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/worker_pool.h"
#include "mta/voicemail/message_waiting.h"
#include "mta/voicemail/waiting_sender.h"

namespace mta {

namespace {

constexpr const char* kChannel = "roundtable_mailbox";
constexpr int kLeaseSeconds = 60;  // longer than the slowest way to tell takes
constexpr base::Duration kQueryTime = std::chrono::seconds(5);
constexpr base::Duration kGather = std::chrono::milliseconds(100);

constexpr base::Statement kClaim{
    "mta_claim_waiting",
    "SELECT c.subscription, c.method, c.target, c.context, c.mailbox, c.login, c.counts, "
    "c.told "
    "FROM catalog.claim_waiting($1, $2, $3, $4) AS c"};
constexpr base::Statement kFinish{"mta_finish_waiting",
                                  "SELECT catalog.finish_waiting($1, $2, $3, $4, $5)"};

base::DbPoolOptions pool_options() {
    base::DbPoolOptions options;
    options.connections = 1;
    options.queue_max = 64;
    return options;
}

base::Result<WaitingEvent> event_of(const base::Row& row) {
    WaitingEvent event;
    event.subscription = row.int64(0);
    event.method = TRY(parse_waiting_method(row.text(1)));
    event.target = row.string(2);
    event.context = row.string(3);
    event.mailbox = row.string(4);
    event.login = row.string(5);
    const std::vector<std::int64_t> counts = row.int64_array(6);
    if (counts.size() != 4) {
        return base::Error{base::Errc::Corrupt, "four counts wanted"};
    }
    event.counts = {counts[0], counts[1], counts[2], counts[3]};
    if (!row.is_null(7)) {
        const std::vector<std::int64_t> told = row.int64_array(7);
        if (told.size() != 4) {
            return base::Error{base::Errc::Corrupt, "four counts wanted"};
        }
        event.told = WaitingCounts{told[0], told[1], told[2], told[3]};
    }
    return event;
}

void count_told(WaitingMethod method, bool told) {
    static constexpr const char* kName = "roundtable_message_waiting_told_total";
    static constexpr const char* kHelp = "message waiting states told to subscribers, by outcome";
    static constexpr std::array<const char*, 3> kMethods{"hook", "webhook", "sip"};
    base::counter(kName,
                  kHelp,
                  {{"folder", "mta"},
                   {"method", kMethods.at(static_cast<std::size_t>(method))},
                   {"outcome", told ? "told" : "failed"}})
        .add();
}

}  // namespace

// Shared with posted tasks and jobs, which may outlive the watcher; the tellers end with it, so
// that no job is the last to let go.
struct WaitingWatcher::State : std::enable_shared_from_this<WaitingWatcher::State> {
    State(base::Loop& main_loop,
          const std::string& conninfo,
          std::string name,
          std::string hook_directory)
        : poster(main_loop.poster()),
          database(conninfo, "mtad message waiting", pool_options()),
          owner(std::move(name)),
          hooks(std::move(hook_directory)),
          tellers(std::make_unique<base::WorkerPool>("mta-waiting", kTellersMax, kTellersMax)) {}

    void on_notice(std::string_view payload);
    void watch();
    base::Status look();
    std::size_t room() const;
    base::Deadline next_room() const;
    void tell(const WaitingEvent& event, std::uint64_t number);
    void follow(const std::string& conninfo);

    const base::Poster poster;
    base::DbPool database;
    const std::string owner;
    const std::string hooks;
    base::FiberEvent wake;                            // loop thread
    std::set<std::int64_t> changed;                   // loop thread
    bool all = true;                                  // loop thread: look at every mailbox
    std::map<std::uint64_t, base::Deadline> telling;  // loop thread: when each counts as slow
    std::uint64_t told = 0;                           // loop thread: numbers them
    bool away = false;                                // loop thread: the last look failed
    std::atomic<bool> stopping{false};
    std::unique_ptr<base::WorkerPool> tellers;
    std::unique_ptr<base::ChangeListener> changes;
};

void WaitingWatcher::State::on_notice(std::string_view payload) {
    std::int64_t mailbox = 0;
    const auto [end, error] =
        std::from_chars(payload.data(), payload.data() + payload.size(), mailbox);
    if (error != std::errc() || changed.size() >= kNoticesMax) {
        all = true;
    } else {
        changed.insert(mailbox);
    }
    wake.notify();
}

void WaitingWatcher::State::follow(const std::string& conninfo) {
    const std::weak_ptr<State> weak = weak_from_this();
    const auto notice = [poster = poster, weak](std::optional<std::string> payload) {
        poster.post([weak, payload = std::move(payload)] {
            if (const auto state = weak.lock()) {
                state->on_notice(payload ? *payload : std::string("all"));
            }
        });
    };
    base::ChangeListener::Callbacks callbacks;
    callbacks.on_change = [notice](const std::string& channel, const std::string& payload) {
        notice(channel == kChannel ? std::optional(payload) : std::nullopt);
    };
    callbacks.on_connected = [notice] { notice(std::nullopt); };
    changes = std::make_unique<base::ChangeListener>(
        conninfo,
        "mtad message waiting",
        std::vector<std::string>{kChannel, "roundtable_directory"},
        std::move(callbacks));
}

// The fiber: it ends with the loop, or when the watcher goes.
void WaitingWatcher::State::watch() {
    base::Deadline poll = base::Deadline::after(kPollEvery);
    while (!stopping.load() && !base::fiber_cancelled()) {
        const base::Status looked = look();
        const bool failed = !looked;
        if (failed != std::exchange(away, failed)) {
            if (failed) {
                base::log::warning(
                    "mta", "message waiting stands still", {{"error", looked.error()}});
            } else {
                base::log::info("mta", "message waiting goes on");
            }
        }
        if (wake.wait(poll.sooner(next_room()))) {
            // Deliveries come in bursts: one look for many of them.
            (void)base::sleep_until(base::Deadline::after(kGather));
        }
        if (poll.passed()) {
            all = true;
            poll = base::Deadline::after(kPollEvery);
        }
    }
}

// How many may begin now.
std::size_t WaitingWatcher::State::room() const {
    const auto quick = static_cast<std::size_t>(std::count_if(
        telling.begin(), telling.end(), [](const auto& one) { return !one.second.passed(); }));
    return std::min(kQuickMax - std::min(kQuickMax, quick), kTellersMax - telling.size());
}

// When one of those that leave no room counts as slow; an hour hence if there is room.
base::Deadline WaitingWatcher::State::next_room() const {
    base::Deadline next = base::Deadline::after(std::chrono::hours(1));
    if (room() > 0 || telling.size() >= kTellersMax) {
        return next;
    }
    for (const auto& [number, slow] : telling) {
        next = slow.passed() ? next : next.sooner(slow);
    }
    return next;
}

// Claims what fits and has it told. Without room the end of a telling wakes us, or next_room().
base::Status WaitingWatcher::State::look() {
    const std::size_t fit = room();
    if (fit == 0 || (!all && changed.empty())) {
        return base::Done{};
    }
    const bool every = std::exchange(all, false);
    const std::vector<std::int64_t> mailboxes(changed.begin(), changed.end());
    changed.clear();
    const base::Param which = every ? base::Param(nullptr) : base::Param(mailboxes);
    const base::Result<base::Rows> rows =
        database.query(kClaim,
                       {owner, which, kLeaseSeconds, static_cast<std::int64_t>(fit)},
                       base::Deadline::after(kQueryTime));
    if (!rows) {
        all = true;
        return rows.error();
    }
    all = all || rows.value().size() >= fit;  // there may be more
    for (const base::Row& row : rows.value()) {
        const WaitingEvent event = TRY(event_of(row));
        const std::uint64_t number = ++told;
        telling.emplace(number, base::Deadline::after(kSlowAfter));
        const base::Status queued = tellers->submit(
            [self = shared_from_this(), event, number] { self->tell(event, number); });
        if (!queued) {
            telling.erase(number);  // the claim lapses, and somebody tells it
        }
    }
    return base::Done{};
}

// On a worker.
void WaitingWatcher::State::tell(const WaitingEvent& event, std::uint64_t number) {
    const base::Status done = tell_waiting(event, hooks, &stopping);
    count_told(event.method, static_cast<bool>(done));
    if (!done) {
        base::log::warning("mta",
                           "message waiting not told",
                           {{"subscription", event.subscription},
                            {"mailbox", event.mailbox + "@" + event.context},
                            {"error", done.error()}});
    }
    const base::Param problem = done ? base::Param(nullptr) : base::Param(done.error().detail);
    const base::Result<base::Rows> finished =
        database.query(kFinish,
                       {owner, event.subscription, event.context, event.mailbox, problem},
                       base::Deadline::after(kQueryTime));
    if (!finished) {
        // It is told again once the claim has lapsed.
        base::log::warning("mta", "message waiting not noted", {{"error", finished.error()}});
    }
    const std::weak_ptr<State> weak = weak_from_this();
    poster.post([weak, number] {
        if (const auto state = weak.lock()) {
            state->telling.erase(number);
            // The account may have changed while it was being told.
            state->all = true;
            state->wake.notify();
        }
    });
}

WaitingWatcher::WaitingWatcher(std::shared_ptr<State> state) : state_(std::move(state)) {
}

WaitingWatcher::~WaitingWatcher() {
    state_->stopping.store(true);
    state_->changes.reset();
    state_->tellers.reset();
    state_->wake.notify();
}

base::Result<std::unique_ptr<WaitingWatcher>> WaitingWatcher::create(base::Loop& loop,
                                                                     const std::string& database,
                                                                     const std::string& owner,
                                                                     const std::string& hooks) {
    auto state = std::make_shared<State>(loop, database, owner, hooks);
    state->follow(database);
    (void)TRY(base::spawn(loop, "message waiting", [state] { state->watch(); }));
    return std::unique_ptr<WaitingWatcher>(new WaitingWatcher(std::move(state)));
}

}  // namespace mta
