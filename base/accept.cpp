#include "base/accept.h"

#include <cerrno>

#include "base/metrics.h"

namespace base {

Accepted accept_next(int listener, int most) {
    Accepted accepted;
    for (int i = 0; i < most; ++i) {
        socklen_t length = sizeof accepted.peer;
        accepted.socket = Fd(::accept4(listener,
                                       reinterpret_cast<sockaddr*>(&accepted.peer),
                                       &length,
                                       SOCK_NONBLOCK | SOCK_CLOEXEC));
        if (accepted.socket || errno == EAGAIN) {
            return accepted;
        }
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            static Counter& rests = counter("roundtable_accept_rests_total",
                                            "Times a listener paused because descriptors ran out.",
                                            {{"folder", "base"}});
            rests.add();
            accepted.exhausted = true;
            return accepted;
        }
    }
    return accepted;
}

}  // namespace base
