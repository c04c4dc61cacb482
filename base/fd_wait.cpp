#include "base/fd_wait.h"

#include <algorithm>
#include <cerrno>
#include <chrono>

#include <poll.h>

namespace base {

namespace {

// poll() counts in milliseconds of an int: far deadlines take several calls.
constexpr std::int64_t kStepMaxMs = 60'000;

}  // namespace

Status wait_ready(int fd, short events, Deadline deadline) {
    pollfd wanted{fd, events, 0};
    for (;;) {
        // Rounded up: a wait must not end before its deadline, again and again.
        const auto left =
            std::chrono::ceil<std::chrono::milliseconds>(deadline.remaining()).count();
        const int ready =
            ::poll(&wanted, 1, static_cast<int>(std::clamp<std::int64_t>(left, 0, kStepMaxMs)));
        if (ready > 0) {
            return Done{};
        }
        if (ready < 0 && errno != EINTR) {
            return errno_error("poll", errno);
        }
        if (deadline.passed()) {
            return Error{Errc::Timeout, "nothing came in time"};
        }
    }
}

}  // namespace base
