#pragma once

// Waiting for a descriptor without a loop: for commands and workers.
//
// Thread rule: any thread that is no loop; it blocks, until the deadline at most.

#include "base/clock.h"
#include "base/result.h"

namespace base {

/// Until poll(2) has something to say of the descriptor: `events` (POLLIN, POLLOUT), an error, or
/// the end of the other side, which the next call on it tells. Timeout; Io.
[[nodiscard]] Status wait_ready(int fd, short events, Deadline deadline);

}  // namespace base
