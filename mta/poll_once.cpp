#include "mta/poll_once.h"

#include <chrono>
#include <utility>

#include "base/clock.h"
#include "base/log.h"

namespace mta {

namespace {

constexpr base::Duration kJobDeadline = std::chrono::seconds(30);

}  // namespace

PollOnce::PollOnce(std::string complaint, Refresh refresh)
    : complaint_(std::move(complaint)), refresh_(std::move(refresh)) {
}

void PollOnce::poll(base::DbPool& pool) {
    if (waiting_.exchange(true)) {
        return;
    }
    const base::Status queued = pool.submit(
        [this](base::Connection& connection) {
            waiting_.store(false);
            const base::Status refreshed = refresh_(connection);
            if (!refreshed) {
                base::log::warning("mta", complaint_, {{"error", refreshed.error()}});
            }
        },
        base::Deadline::after(kJobDeadline),
        [this](const base::Error&) { waiting_.store(false); });
    if (!queued) {
        waiting_.store(false);
    }
}

}  // namespace mta
