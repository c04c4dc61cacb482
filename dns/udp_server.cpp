#include "dns/udp_server.h"

#include <cerrno>

#include <poll.h>
#include <sys/eventfd.h>

#include "base/worker_pool.h"
#include "dns/udp_socket.h"

namespace dns {
namespace {

struct ThreadWork {
    explicit ThreadWork(std::uint32_t index) : answers(index) {}

    std::vector<UdpSocket> sockets;
    DatagramBatch batch;
    ThreadState answers;
    UdpCounters counters;
};

// One round over the sockets; true if something came.
bool serve_once(ThreadWork& work, const Snapshot& snapshot) noexcept {
    bool busy = false;
    for (const UdpSocket& socket : work.sockets) {
        const auto counts = work.batch.exchange(
            socket.fd.get(),
            [&](std::span<const std::byte> packet,
                const sockaddr_storage& source,
                std::span<std::byte> out) {
                return answer(snapshot, packet, udp_client(source), work.answers, out);
            });
        busy = busy || counts.received != 0;
        work.counters.received.add(counts.received);
        work.counters.sent.add(counts.sent);
        work.counters.dropped_send.add(counts.dropped_send);
        work.counters.dropped_source.add(counts.dropped_source);
    }
    return busy;
}

// Waits for a datagram or for the end. False at the end.
bool wait_for_input(const ThreadWork& work, int stop_fd, std::vector<pollfd>& waits) {
    waits.clear();
    waits.push_back({stop_fd, POLLIN, 0});
    for (const UdpSocket& socket : work.sockets) {
        waits.push_back({socket.fd.get(), POLLIN, 0});
    }
    while (poll(waits.data(), waits.size(), -1) < 0 && errno == EINTR) {
    }
    return waits.front().revents == 0;
}

void run_thread(ThreadWork& work, const SnapshotHolder& holder, int stop_fd) {
    std::vector<pollfd> waits;
    SnapshotReader reader(holder);
    while (wait_for_input(work, stop_fd, waits)) {
        reader.online();
        const Snapshot* snapshot = reader.get();
        // The end is looked for after each wait only: a flood is left after so many rounds.
        for (int round = 0; round < 64 && snapshot != nullptr; ++round) {
            if (!serve_once(work, *snapshot)) {
                break;
            }
            reader.quiescent();
            snapshot = reader.get();
        }
        reader.offline();
    }
}

}  // namespace

struct UdpServer::State {
    const SnapshotHolder& holder;
    std::vector<base::Endpoint> bound;
    std::vector<std::unique_ptr<ThreadWork>> threads;
    base::Fd stop;
    std::unique_ptr<base::WorkerPool> workers;
};

UdpServer::UdpServer(std::unique_ptr<State> state) : state_(std::move(state)) {
}

UdpServer::~UdpServer() {
    const std::uint64_t one = 1;
    // Never read, so that every thread sees it. A counter of 1 is always accepted.
    (void)!write(state_->stop.get(), &one, sizeof one);
    state_->workers.reset();
}

base::Result<std::unique_ptr<UdpServer>> UdpServer::create(const SnapshotHolder& holder,
                                                           Options options) {
    auto state = std::make_unique<State>(State{holder, {}, {}, {}, {}});
    state->stop = base::Fd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!state->stop) {
        return base::errno_error("eventfd", errno);
    }
    for (unsigned i = 0; i < options.threads; ++i) {
        auto work = std::make_unique<ThreadWork>(i);
        for (base::Endpoint& endpoint : options.endpoints) {
            work->sockets.push_back(TRY(bind_udp(endpoint, base::PortUse::Shared)));
            endpoint = work->sockets.back().bound;  // the next thread takes the same port
        }
        state->threads.push_back(std::move(work));
    }
    state->bound = std::move(options.endpoints);
    state->workers =
        std::make_unique<base::WorkerPool>("dns-udp", options.threads, options.threads);
    for (const auto& work : state->threads) {
        TRY(state->workers->submit([work = work.get(), &holder, stop = state->stop.get()] {
            run_thread(*work, holder, stop);
        }));
    }
    return std::unique_ptr<UdpServer>(new UdpServer(std::move(state)));
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

std::vector<const UdpCounters*> UdpServer::counters() const {
    std::vector<const UdpCounters*> counters;
    for (const auto& work : state_->threads) {
        counters.push_back(&work->counters);
    }
    return counters;
}

}  // namespace dns
