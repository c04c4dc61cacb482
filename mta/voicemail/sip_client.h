#pragma once

// A non-INVITE client transaction over UDP (RFC 3261 17.1.2): the request is sent again after T1,
// 2 T1, 4 T1 ... at most T2 apart, until a final response has come or 64 T1 have passed. Blocks for
// that long at most.
//
// Thread rule: any thread that may block.
// Errors: Timeout (no final response: it may have arrived all the same), Unavailable (nobody
// listens there, or there is no way there), Refused (a final response other than 2xx; detail has
// its status), Cancelled (`stop` was set, which is looked at several times a second), Io.

#include <atomic>
#include <chrono>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "mta/voicemail/sip_notify.h"

namespace mta {

/// RFC 3261 17.1.1.1. Others are for tests.
struct SipTimers {
    base::Duration t1 = std::chrono::milliseconds(500);
    base::Duration t2 = std::chrono::seconds(4);
};

/// Sends `body` to `target` as a NOTIFY of message-summary. Done: 2xx has come. `stop` may be null.
[[nodiscard]] base::Status send_notify(const SipTarget& target,
                                       std::string_view body,
                                       const std::atomic<bool>* stop = nullptr,
                                       const SipTimers& timers = {});

}  // namespace mta
