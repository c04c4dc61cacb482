#include "mta/session_loops.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

namespace mta {

namespace {

// SmtpService::drain goes on a little beyond its deadline, for what it cancelled.
constexpr base::Duration kDrainMargin = std::chrono::seconds(10);

}  // namespace

SessionLoops::SessionLoops(std::size_t count)
    : threads_(std::make_unique<base::WorkerPool>("smtp", count, count)) {
}

SessionLoops::~SessionLoops() {
    for (const Worker& worker : workers_) {
        worker.loop->stop();
    }
    threads_.reset();  // waits for the loops to return
}

base::Result<std::unique_ptr<SessionLoops>> SessionLoops::create(
    std::size_t count,
    const std::vector<base::Endpoint>& listen,
    Admission& admission,
    SessionParts& parts) {
    std::unique_ptr<SessionLoops> loops(new SessionLoops(count));
    const base::PortUse port_use = count > 1 ? base::PortUse::Shared : base::PortUse::Exclusive;
    for (std::size_t i = 0; i < count; ++i) {
        Worker worker;
        worker.loop = TRY(base::Loop::create("smtp-" + std::to_string(i)));
        worker.service = TRY(SmtpService::create(*worker.loop, listen, port_use, admission, parts));
        loops->workers_.push_back(std::move(worker));
    }
    loops->bound_ = loops->workers_.front().service->bound();
    for (Worker& worker : loops->workers_) {
        TRY(loops->threads_->submit([&worker] {
            worker.loop->run();
            worker.service.reset();
        }));
    }
    return loops;
}

void SessionLoops::stop(base::Deadline deadline) {
    std::vector<base::Completion<base::Done>> drained(workers_.size());
    for (std::size_t i = 0; i < workers_.size(); ++i) {
        base::Loop* loop = workers_[i].loop.get();
        SmtpService* service = workers_[i].service.get();
        loop->post([loop, service, deadline, done = drained[i]] {
            const base::Result<base::FiberId> fiber =
                base::spawn(*loop, "drain", [service, deadline, done] {
                    service->drain(deadline);
                    done.fulfil(base::Done{});
                });
            if (!fiber) {
                done.fulfil(fiber.error());
            }
        });
    }
    const base::Deadline last = base::Deadline::after(deadline.remaining() + kDrainMargin);
    for (base::Completion<base::Done>& completion : drained) {
        // A loop that cannot drain in time is stopped all the same: it cancels its fibers.
        (void)completion.await(last);
    }
    for (const Worker& worker : workers_) {
        worker.loop->stop();
    }
}

double SessionLoops::utilisation() const {
    double most = 0;
    for (const Worker& worker : workers_) {
        most = std::max(most, worker.loop->utilisation());
    }
    return most;
}

}  // namespace mta
