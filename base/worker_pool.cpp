#include "base/worker_pool.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include <pthread.h>

#include "base/check.h"

namespace base {

struct WorkerPool::State {
    struct Job {
        std::function<void()> run;
        std::function<void()> on_dropped;
    };

    std::string name;
    std::size_t queue_max = 0;
    mutable std::mutex mutex;  // guards all below but the threads
    std::condition_variable condition;
    std::deque<Job> jobs;
    std::size_t running = 0;
    bool ending = false;
    std::vector<std::thread> threads;

    // noexcept: a job that throws is a crash with its stack, not a lost worker.
    void work() noexcept {
        (void)pthread_setname_np(pthread_self(), name.substr(0, 15).c_str());
        std::unique_lock lock(mutex);
        while (true) {
            condition.wait(lock, [this] { return ending || !jobs.empty(); });
            if (ending) {
                return;
            }
            Job job = std::move(jobs.front());
            jobs.pop_front();
            ++running;
            lock.unlock();
            job.run();
            job = {};  // what it captured goes outside the lock
            lock.lock();
            --running;
        }
    }
};

WorkerPool::WorkerPool(std::string name, std::size_t threads, std::size_t queue_max)
    : state_(std::make_unique<State>()) {
    CHECK(threads > 0);
    state_->name = std::move(name);
    state_->queue_max = queue_max;
    state_->threads.reserve(threads);
    for (std::size_t i = 0; i < threads; ++i) {
        state_->threads.emplace_back([state = state_.get()] { state->work(); });
    }
}

WorkerPool::~WorkerPool() {
    std::deque<State::Job> dropped;
    {
        const std::lock_guard lock(state_->mutex);
        state_->ending = true;
        dropped.swap(state_->jobs);
    }
    state_->condition.notify_all();
    for (State::Job& job : dropped) {
        if (job.on_dropped) {
            job.on_dropped();
        }
    }
    for (std::thread& thread : state_->threads) {
        thread.join();
    }
}

Status WorkerPool::submit(std::function<void()> job, std::function<void()> on_dropped) {
    {
        const std::lock_guard lock(state_->mutex);
        // Idle workers count as room: a job for them does not wait.
        const std::size_t idle =
            state_->threads.size() - std::min(state_->running, state_->threads.size());
        if (state_->ending || state_->jobs.size() >= state_->queue_max + idle) {
            return Error{Errc::Busy, "queue of " + state_->name + " is full"};
        }
        state_->jobs.push_back(State::Job{std::move(job), std::move(on_dropped)});
    }
    state_->condition.notify_one();
    return Done{};
}

std::size_t WorkerPool::queued() const {
    const std::lock_guard lock(state_->mutex);
    return state_->jobs.size();
}

std::size_t WorkerPool::threads() const noexcept {
    return state_->threads.size();
}

std::size_t WorkerPool::running() const {
    const std::lock_guard lock(state_->mutex);
    return state_->running;
}

}  // namespace base
