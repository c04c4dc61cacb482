#pragma once

// SessionLoops: the threads that run sessions, each with a loop. A session goes to the loop that
// has the fewest: IMAP connections are few and long, so chance would not spread them evenly.
//
// Owner: the daemon. Thread rule: create(), start(), stop() and the destructor on one thread (the
// main loop's); stop() from a fiber of it. Errors: create() as base::Loop::create.

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

#include "access/session_table.h"
#include "base/clock.h"
#include "base/endpoint.h"
#include "base/fd.h"
#include "base/loop.h"
#include "base/result.h"
#include "base/stream.h"
#include "base/worker_pool.h"

namespace accessd {

class SessionLoops {
  public:
    [[nodiscard]] static base::Result<std::unique_ptr<SessionLoops>> create(std::size_t count);
    /// Stops, if stop() did not, and waits for the threads.
    ~SessionLoops();
    SessionLoops(const SessionLoops&) = delete;
    SessionLoops& operator=(const SessionLoops&) = delete;

    /// What a session does with its connection, in its fiber. It is closed behind it.
    using Serve = std::function<void(base::Stream&)>;

    /// `name` is seen in fiber lists.
    void start(const char* name, base::Fd socket, SessionTable::Slot slot, const Serve& serve);

    /// Every wait of every session answers Cancelled; true if all had ended by the deadline.
    bool stop(base::Deadline deadline);

    /// Of the busiest loop, 0 to 1. Any thread.
    [[nodiscard]] double utilisation() const;

  private:
    struct Worker {
        std::unique_ptr<base::Loop> loop;
        std::shared_ptr<std::atomic<std::size_t>> sessions;
    };

    SessionLoops() = default;

    std::vector<Worker> workers_;
    std::atomic<std::size_t> running_{0};
    std::unique_ptr<base::WorkerPool> threads_;
};

}  // namespace accessd
