#pragma once

// Accepting connections of a listening socket, whatever its family: what Listener and UnixListener
// share.
//
// Thread rule: functions of their arguments.

#include <sys/socket.h>

#include "base/clock.h"
#include "base/fd.h"

namespace base {

/// So long accepting rests when descriptors ran out (EMFILE, ENFILE, ENOBUFS, ENOMEM).
inline constexpr Duration kAcceptRest = std::chrono::milliseconds(100);

struct Accepted {
    Fd socket;  ///< nonblocking, close-on-exec; none: see the others
    sockaddr_storage peer{};
    bool exhausted = false;  ///< descriptors ran out; counted in roundtable_accept_rests_total
};

/// The next connection. Those that died in the queue (accept(2)) are passed over, `most` of them.
[[nodiscard]] Accepted accept_next(int listener, int most);

}  // namespace base
