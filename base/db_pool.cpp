#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <set>
#include <thread>
#include <utility>

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/check.h"
#include "base/db.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/random.h"

namespace base {

namespace {

constexpr std::chrono::milliseconds kBackOffMin{100};
constexpr std::chrono::milliseconds kBackOffMax{5000};

// How often an idle connection is looked at.
constexpr std::chrono::milliseconds kIdleLook{1000};

// Doubles from try to try; up to a quarter is random, so that many workers do not call in step.
class BackOff {
  public:
    [[nodiscard]] Duration next() noexcept {
        const Duration span = std::exchange(next_, std::min<Duration>(next_ * 2, kBackOffMax));
        const auto quarter = static_cast<std::uint64_t>(span.count()) / 4;
        return span - Duration(static_cast<std::int64_t>(random_below(quarter + 1)));
    }

    void reset() noexcept { next_ = kBackOffMin; }

  private:
    Duration next_ = kBackOffMin;
};

}  // namespace

struct DbPool::State {
    struct Job {
        std::function<void(Connection&)> run;
        Deadline deadline;
        std::function<void(Error)> on_dropped;

        void drop(Errc code, const char* why) const {
            if (on_dropped) {
                on_dropped(Error{code, why});
            }
        }
    };

    std::string conninfo;
    std::string application_name;
    DbPoolOptions options;
    std::atomic<std::size_t> connected{0};

    mutable std::mutex mutex;  // guards the five below
    std::condition_variable condition;
    std::deque<Job> jobs;
    std::set<Connection*> serving;
    std::size_t running = 0;
    bool ending = false;

    std::vector<std::thread> threads;

    void work() noexcept;
    // Null when the pool ends.
    std::unique_ptr<Connection> connect();
    void serve(Connection& connection);
    void drop_overdue(std::unique_lock<std::mutex>& lock);
};

std::unique_ptr<Connection> DbPool::State::connect() {
    BackOff back_off;
    bool told = false;
    while (true) {
        auto opened = Connection::open(conninfo, application_name, options.timeouts);
        if (opened) {
            if (told) {
                log::info("base", "database-back", {{"application", application_name}});
            }
            return std::move(opened).take_value();
        }
        if (!std::exchange(told, true)) {
            log::warning("base",
                         "database-away",
                         {{"application", application_name}, {"error", opened.error()}});
        }
        std::unique_lock lock(mutex);
        drop_overdue(lock);
        if (condition.wait_for(lock, back_off.next(), [this] { return ending; })) {
            return nullptr;
        }
    }
}

// Jobs whose time has passed while nobody could run them. Unlocks while it tells their owners.
void DbPool::State::drop_overdue(std::unique_lock<std::mutex>& lock) {
    std::vector<Job> overdue;
    const auto keep = std::stable_partition(
        jobs.begin(), jobs.end(), [](const Job& job) { return !job.deadline.passed(); });
    std::move(keep, jobs.end(), std::back_inserter(overdue));
    jobs.erase(keep, jobs.end());
    lock.unlock();
    for (const Job& job : overdue) {
        job.drop(Errc::Unavailable, "no database connection in time");
    }
    overdue.clear();
    lock.lock();
}

void DbPool::State::serve(Connection& connection) {
    std::unique_lock lock(mutex);
    while (!ending) {
        if (jobs.empty()) {
            condition.wait_for(lock, kIdleLook);
            if (jobs.empty() && !connection.is_alive()) {
                return;
            }
            continue;
        }
        Job job = std::move(jobs.front());
        jobs.pop_front();
        ++running;
        lock.unlock();
        if (job.deadline.passed()) {
            job.drop(Errc::Timeout, "not started in time");
        } else {
            job.run(connection);
        }
        job = {{}, job.deadline, {}};  // what it captured goes outside the lock
        lock.lock();
        --running;
        if (!connection.is_open()) {
            return;
        }
    }
}

// noexcept: a job that throws is a crash with its stack.
void DbPool::State::work() noexcept {
    (void)pthread_setname_np(pthread_self(), "db");
    while (true) {
        const std::unique_ptr<Connection> connection = connect();
        if (!connection) {
            return;
        }
        {
            const std::lock_guard lock(mutex);
            serving.insert(connection.get());
        }
        ++connected;
        serve(*connection);
        --connected;
        const std::lock_guard lock(mutex);
        serving.erase(connection.get());
        if (ending) {
            return;
        }
    }
}

DbPool::DbPool(std::string conninfo, std::string application_name, const DbPoolOptions& options)
    : state_(std::make_shared<State>()) {
    CHECK(options.connections > 0);
    state_->conninfo = std::move(conninfo);
    state_->application_name = std::move(application_name);
    state_->options = options;
    state_->threads.reserve(options.connections);
    for (std::size_t i = 0; i < options.connections; ++i) {
        state_->threads.emplace_back([state = state_.get()] { state->work(); });
    }
}

DbPool::~DbPool() {
    std::deque<State::Job> dropped;
    {
        const std::lock_guard lock(state_->mutex);
        state_->ending = true;
        dropped.swap(state_->jobs);
        for (Connection* const connection : state_->serving) {
            connection->end_by(monotonic_now() + kDbEndGrace);
        }
    }
    state_->condition.notify_all();
    for (const State::Job& job : dropped) {
        job.drop(Errc::Cancelled, "shutting down");
    }
    for (std::thread& thread : state_->threads) {
        thread.join();
    }
}

Status DbPool::submit(std::function<void(Connection&)> job,
                      Deadline deadline,
                      std::function<void(Error)> on_dropped) {
    {
        const std::lock_guard lock(state_->mutex);
        const std::size_t workers = state_->connected.load();
        const std::size_t idle = workers - std::min(state_->running, workers);
        if (state_->ending || state_->jobs.size() >= state_->options.queue_max + idle) {
            return Error{Errc::Busy, "queue of the database pool is full"};
        }
        state_->jobs.push_back(State::Job{std::move(job), deadline, std::move(on_dropped)});
    }
    state_->condition.notify_one();
    return Done{};
}

Result<Rows> DbPool::query(const Statement& statement, Params params, Deadline deadline) {
    return run([statement, params = std::move(params)](
                   Connection& connection) { return connection.query(statement, params); },
               deadline);
}

bool DbPool::is_available() const noexcept {
    return state_->connected.load() > 0;
}

std::size_t DbPool::queued() const {
    const std::lock_guard lock(state_->mutex);
    return state_->jobs.size();
}

struct ChangeListener::State {
    std::string conninfo;
    std::string application_name;
    std::vector<std::string> channels;
    Callbacks callbacks;
    Fd stop;  // eventfd: readable when the listener is to end
    std::thread thread;

    [[nodiscard]] bool wait_stop(Duration span) const noexcept {
        pollfd waited{stop.get(), POLLIN, 0};
        const auto ms = std::chrono::ceil<std::chrono::milliseconds>(span).count();
        return ::poll(&waited, 1, static_cast<int>(ms)) > 0;
    }

    void run() noexcept;
    Status start(Connection& connection) const;
    // Until the connection is lost (Unavailable) or the end (Ok).
    Status follow(Connection& connection) const;
};

Status ChangeListener::State::start(Connection& connection) const {
    for (const std::string& channel : channels) {
        TRY(connection.listen(channel));
    }
    if (callbacks.on_connected) {
        callbacks.on_connected();
    }
    return Done{};
}

Status ChangeListener::State::follow(Connection& connection) const {
    while (true) {
        const std::vector<Notification> notices =
            TRY(connection.wait_notifications(Duration::zero()));
        for (const Notification& notice : notices) {
            callbacks.on_change(notice.channel, notice.payload);
        }
        pollfd waited[2] = {{stop.get(), POLLIN, 0}, {connection.socket(), POLLIN, 0}};
        if (::poll(waited, 2, -1) > 0 && waited[0].revents != 0) {
            return Done{};
        }
    }
}

void ChangeListener::State::run() noexcept {
    (void)pthread_setname_np(pthread_self(), "db-listen");
    BackOff back_off;
    bool told = false;  // once an outage, however long it is
    while (!wait_stop(Duration::zero())) {
        auto opened = Connection::open(conninfo, application_name);
        Status status = Done{};
        if (opened) {
            status = start(*opened.value());
            if (status) {
                back_off.reset();
                told = false;
                status = follow(*opened.value());
            }
        }
        if (opened && status) {
            return;
        }
        if (!std::exchange(told, true)) {
            log::warning("base",
                         "change-listener-lost",
                         {{"application", application_name},
                          {"error", opened ? status.error() : opened.error()}});
        }
        if (wait_stop(back_off.next())) {
            return;
        }
    }
}

ChangeListener::ChangeListener(std::string conninfo,
                               std::string application_name,
                               std::vector<std::string> channels,
                               Callbacks callbacks)
    : state_(std::make_unique<State>()) {
    state_->conninfo = std::move(conninfo);
    state_->application_name = std::move(application_name);
    state_->channels = std::move(channels);
    state_->callbacks = std::move(callbacks);
    CHECK(state_->callbacks.on_change != nullptr);
    state_->stop = Fd(::eventfd(0, EFD_CLOEXEC));
    CHECK(state_->stop);
    state_->thread = std::thread([state = state_.get()] { state->run(); });
}

ChangeListener::~ChangeListener() {
    const std::uint64_t one = 1;
    CHECK(::write(state_->stop.get(), &one, sizeof one) == sizeof one);
    state_->thread.join();
}

}  // namespace base
