#include "access/session_loops.h"

#include <algorithm>
#include <string>

#include "access/limits.h"
#include "base/check.h"
#include "base/fiber.h"
#include "base/log.h"

namespace accessd {
namespace {

constexpr base::Duration kStopPoll = std::chrono::milliseconds(5);

base::StreamLimits stream_limits() {
    base::StreamLimits limits;
    limits.write_timeout = kWriteTimeout;
    return limits;
}

/// One more session of a loop, as long as it lives.
class Counted {
  public:
    explicit Counted(std::shared_ptr<std::atomic<std::size_t>> count) : count_(std::move(count)) {
        count_->fetch_add(1);
    }

    ~Counted() {
        if (count_ != nullptr) {
            count_->fetch_sub(1);
        }
    }

    Counted(Counted&&) noexcept = default;
    Counted& operator=(Counted&&) = delete;
    Counted(const Counted&) = delete;
    Counted& operator=(const Counted&) = delete;

  private:
    std::shared_ptr<std::atomic<std::size_t>> count_;
};

/// What travels to the session's thread. Shared, because tasks are copyable.
struct Arrival {
    base::Fd socket;
    SessionTable::Slot slot;
    SessionLoops::Serve serve;
    Counted counted;
};

void run_session(base::Loop& loop, Arrival& arrival) {
    auto stream = base::SocketStream::adopt(loop, std::move(arrival.socket), stream_limits());
    if (!stream) {
        base::log::warning("access", "connection lost", {{"error", stream.error()}});
        return;
    }
    arrival.serve(*stream.value());
}

}  // namespace

base::Result<std::unique_ptr<SessionLoops>> SessionLoops::create(std::size_t count) {
    std::unique_ptr<SessionLoops> made(new SessionLoops());  // the constructor is private
    for (std::size_t i = 0; i < count; ++i) {
        Worker worker;
        worker.loop = TRY(base::Loop::create("access-" + std::to_string(i + 1)));
        worker.sessions = std::make_shared<std::atomic<std::size_t>>(0);
        made->workers_.push_back(std::move(worker));
    }
    made->threads_ = std::make_unique<base::WorkerPool>("access-loop", count, count);
    for (Worker& worker : made->workers_) {
        SessionLoops* self = made.get();
        base::Loop* loop = worker.loop.get();
        self->running_.fetch_add(1);
        TRY(self->threads_->submit([self, loop] {
            loop->run();
            self->running_.fetch_sub(1);
        }));
    }
    return made;
}

SessionLoops::~SessionLoops() {
    for (Worker& worker : workers_) {
        worker.loop->stop();
    }
    threads_.reset();
}

void SessionLoops::start(const char* name,
                         base::Fd socket,
                         SessionTable::Slot slot,
                         const Serve& serve) {
    const auto least =
        std::min_element(workers_.begin(), workers_.end(), [](const Worker& a, const Worker& b) {
            return a.sessions->load() < b.sessions->load();
        });
    auto arrival = std::make_shared<Arrival>(
        Arrival{std::move(socket), std::move(slot), serve, Counted(least->sessions)});
    base::Loop* loop = least->loop.get();
    loop->post([loop, arrival, name] {
        const auto spawned =
            base::spawn(*loop, name, [loop, arrival] { run_session(*loop, *arrival); });
        if (!spawned) {
            base::log::warning("access", "no session", {{"error", spawned.error()}});
        }
    });
}

bool SessionLoops::stop(base::Deadline deadline) {
    for (Worker& worker : workers_) {
        worker.loop->stop();
    }
    while (running_.load() > 0 && !deadline.passed()) {
        if (!base::sleep_until(base::Deadline::after(kStopPoll).sooner(deadline))) {
            break;
        }
    }
    return running_.load() == 0;
}

double SessionLoops::utilisation() const {
    double most = 0;
    for (const Worker& worker : workers_) {
        most = std::max(most, worker.loop->utilisation());
    }
    return most;
}

}  // namespace accessd
