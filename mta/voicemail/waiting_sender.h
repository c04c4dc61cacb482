#pragma once

// Tells one subscriber of waiting messages: runs a hook, POSTs to a webhook, or sends a NOTIFY.
//
// - hook: TARGET MAILBOX@CONTEXT NEW OLD URGENT, with the summary of RFC 3842 on standard input and
//   no environment but PATH; it must end within kHookTime and exit with 0, else it is killed and
//   counts as not told. It runs as the mail agent's user, without a shell, and only
//   if it is below the directory of hooks (check_hook).
// - webhook: one POST of waiting_json(); told when the answer is 2xx.
// - sip: send_notify().
//
// Blocks, 40 s at most. Thread rule: any thread that may block.
// Errors: not told, with why in the detail; told twice is possible after Timeout.

#include <atomic>
#include <chrono>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "mta/voicemail/message_waiting.h"

namespace mta {

inline constexpr base::Duration kHookTime = std::chrono::seconds(10);
inline constexpr base::Duration kWebhookTime = std::chrono::seconds(15);

/// `hooks`: directory of the hooks; empty: none is run. `stop` may be null; once it is set, what is
/// under way ends within about a second (Cancelled).
[[nodiscard]] base::Status tell_waiting(const WaitingEvent& event,
                                        const std::string& hooks,
                                        const std::atomic<bool>* stop);

}  // namespace mta
