#pragma once

// SessionLoops: the threads that run SMTP sessions, each with a loop and an SmtpService. With more
// than one they share the ports (SO_REUSEPORT) and the kernel spreads the connections.
//
// Owner: the mail agent. Thread rule: create(), the destructor and bound() on the creating thread;
// stop() from a fiber of another loop, once, before the destructor; utilisation() from any thread.
// Errors: create() as base::Listener::create and base::Loop::create.

#include <cstddef>
#include <memory>
#include <vector>

#include "base/clock.h"
#include "base/endpoint.h"
#include "base/fiber.h"
#include "base/loop.h"
#include "base/result.h"
#include "base/worker_pool.h"
#include "mta/admission.h"
#include "mta/session.h"
#include "mta/smtp_service.h"

namespace mta {

class SessionLoops {
  public:
    /// `count` at least 1; with more than one no port may be 0. `admission` and `parts` outlive it.
    [[nodiscard]] static base::Result<std::unique_ptr<SessionLoops>> create(
        std::size_t count,
        const std::vector<base::Endpoint>& listen,
        Admission& admission,
        SessionParts& parts);
    ~SessionLoops();
    SessionLoops(const SessionLoops&) = delete;
    SessionLoops& operator=(const SessionLoops&) = delete;

    /// SmtpService::drain on every loop, then ends the loops and waits for their threads.
    void stop(base::Deadline deadline);

    /// Of the busiest loop, 0 to 1.
    [[nodiscard]] double utilisation() const;

    [[nodiscard]] const std::vector<base::Endpoint>& bound() const { return bound_; }

  private:
    struct Worker {
        std::unique_ptr<base::Loop> loop;
        std::unique_ptr<SmtpService> service;  ///< of the loop's thread
    };

    explicit SessionLoops(std::size_t count);

    std::vector<Worker> workers_;
    std::vector<base::Endpoint> bound_;
    std::unique_ptr<base::WorkerPool> threads_;
};

}  // namespace mta
