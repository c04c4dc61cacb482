#include "dns/udp_server.h"

#include <atomic>
#include <mutex>
#include <utility>

#include <sys/socket.h>

#include "base/worker_pool.h"
#include "dns/deferred_queries.h"

namespace dns {
namespace {

struct ThreadWork {
    ThreadWork(std::uint32_t index, const UdpServer::Options& options)
        : answers(index, options.answers, options.threads) {
        answers.asks = options.asks;
        answers.denials = options.denials;
    }

    ThreadWork(const ThreadWork&) = delete;
    ThreadWork& operator=(const ThreadWork&) = delete;

    ~ThreadWork() {
        if (deferred != nullptr) {
            deferred->close();
        }
    }

    void defer_to(DeferredQueries& queries) {
        deferred = queries.add_source(socket.fd.get());
        for (std::size_t i = 0; i < kDeferReasons; ++i) {
            answers.defers[i] = queries.handles(static_cast<DeferReason>(i));
        }
    }

    UdpSocket socket;
    DatagramBatch batch;
    ThreadState answers;
    UdpCounters counters;
    std::shared_ptr<DeferredSource> deferred;  // null: nothing is left to others

    // Settings that are to be taken. The thread never waits for the lock: it looks again before its
    // next batch.
    std::atomic<bool> changed{false};
    std::mutex changing;
    std::unique_ptr<AnswerGuard> next;
};

void take_settings(ThreadWork& work) noexcept {
    const std::unique_lock lock(work.changing, std::try_to_lock);
    if (lock.owns_lock()) {
        work.answers.guard.swap_policy(*work.next);
        work.changed.store(false, std::memory_order_relaxed);
    }
}

void count(UdpCounters& counters, const DatagramBatch::Counts& counts) noexcept {
    counters.received.add(counts.received);
    counters.sent.add(counts.sent);
    counters.dropped_send.add(counts.dropped_send);
    counters.dropped_source.add(counts.dropped_source);
}

// The size of what is answered at once: nothing, or that the query cannot be taken now.
std::size_t defer(ThreadWork& work,
                  std::span<const std::byte> packet,
                  std::span<std::byte> out) noexcept {
    const DeferReason reason = std::exchange(work.answers.deferred, DeferReason::None);
    if (work.deferred->push(reason, work.batch.current(), packet.size())) {
        work.counters.deferred.add();
        return 0;
    }
    work.counters.deferred_full.add();
    return answer_not_ready(packet, out);
}

// Two system calls a batch: one that waits for a datagram and takes what else is there, one that
// sends. Offline while it waits, so that a new snapshot need not wait for a query.
void run_thread(ThreadWork& work, const SnapshotHolder& holder, const std::atomic<bool>& stopping) {
    SnapshotReader reader(holder);
    const int fd = work.socket.fd.get();
    while (!stopping.load(std::memory_order_relaxed)) {
        const std::size_t received = work.batch.receive(fd, UdpWait::ForOne);
        if (received == 0) {
            continue;  // nothing came for a while, or the end
        }
        if (work.changed.load(std::memory_order_relaxed)) {
            take_settings(work);
        }
        reader.online();
        const Snapshot* const snapshot = reader.get();
        work.answers.guard.set_time(moment_now());
        const auto counts = work.batch.reply(
            fd,
            received,
            [&](std::span<const std::byte> packet,
                const sockaddr_storage& source,
                std::span<std::byte> out) -> std::size_t {
                if (snapshot == nullptr) {
                    return 0;
                }
                const std::size_t size =
                    answer(*snapshot, packet, udp_client(source), work.answers, out);
                return work.answers.deferred == DeferReason::None ? size : defer(work, packet, out);
            });
        reader.offline();
        count(work.counters, counts);
    }
}

}  // namespace

struct UdpServer::State {
    explicit State(const SnapshotHolder& the_holder) : holder(the_holder) {}

    State(const State&) = delete;
    State& operator=(const State&) = delete;
    ~State();

    const SnapshotHolder& holder;
    std::vector<base::Endpoint> bound;
    unsigned threads_each = 1;  // of an endpoint
    std::vector<std::unique_ptr<ThreadWork>> threads;
    std::atomic<bool> stopping{false};
    std::unique_ptr<base::WorkerPool> workers;
};

UdpServer::State::~State() {
    stopping.store(true);
    for (const auto& work : threads) {
        // Wakes the thread that waits there, although the call itself says ENOTCONN. Where it did
        // not, the thread would look after kUdpWaitMax.
        (void)shutdown(work->socket.fd.get(), SHUT_RDWR);
    }
}

UdpServer::UdpServer(std::unique_ptr<State> state) : state_(std::move(state)) {
}

UdpServer::~UdpServer() = default;

base::Result<std::unique_ptr<UdpServer>> UdpServer::create(const SnapshotHolder& holder,
                                                           Options options) {
    auto state = std::make_unique<State>(holder);
    state->threads_each = options.threads;
    for (unsigned i = 0; i < options.threads; ++i) {
        for (base::Endpoint& endpoint : options.endpoints) {
            auto work = std::make_unique<ThreadWork>(
                static_cast<std::uint32_t>(state->threads.size()), options);
            work->socket = TRY(
                bind_udp(endpoint, base::PortUse::Shared, UdpWait::ForOne, options.receive_buffer));
            if (options.deferred != nullptr) {
                work->defer_to(*options.deferred);
            }
            endpoint = work->socket.bound;  // the next thread takes the same port
            state->threads.push_back(std::move(work));
        }
    }
    state->bound = std::move(options.endpoints);
    const std::size_t threads = state->threads.size();
    state->workers = std::make_unique<base::WorkerPool>("dns-udp", threads, threads);
    for (const auto& work : state->threads) {
        TRY(state->workers->submit([work = work.get(), &holder, &stopping = state->stopping] {
            run_thread(*work, holder, stopping);
        }));
    }
    return std::unique_ptr<UdpServer>(new UdpServer(std::move(state)));
}

void UdpServer::set_answers(const AnswerPolicy& answers) {
    for (const auto& work : state_->threads) {
        auto next = std::make_unique<AnswerGuard>(answers, state_->threads_each);
        const std::lock_guard lock(work->changing);
        work->next.swap(next);
        work->changed.store(true, std::memory_order_relaxed);
    }
}

const std::vector<base::Endpoint>& UdpServer::bound() const noexcept {
    return state_->bound;
}

std::vector<const AnswerCounters*> UdpServer::answer_counters() const {
    std::vector<const AnswerCounters*> counters;
    for (const auto& work : state_->threads) {
        counters.push_back(&work->answers.counters);
    }
    return counters;
}

std::vector<const GuardCounters*> UdpServer::guard_counters() const {
    std::vector<const GuardCounters*> counters;
    for (const auto& work : state_->threads) {
        counters.push_back(&work->answers.guard.counters());
    }
    return counters;
}

std::vector<const UdpCounters*> UdpServer::counters() const {
    std::vector<const UdpCounters*> counters;
    for (const auto& work : state_->threads) {
        counters.push_back(&work->counters);
    }
    return counters;
}

}  // namespace dns
