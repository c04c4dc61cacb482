#pragma once

// Acceptance: the one function that decides whether a message gets 250 (DESIGN.md, promise 2). It
// hands the message to the message tracking agent, waits, and turns the outcome into the reply.
// Nothing else in the mail agent says 250 to the end of DATA, and nothing slow is done before
// (RFC 1047).
//
// Thread rule: from a fiber of any loop. The store behind it is storage::TrackingAgent::store; a
// function, so that tests can put another one there.

#include <functional>
#include <optional>

#include "base/clock.h"
#include "base/result.h"
#include "mta/smtp_engine.h"
#include "mta/smtp_reply.h"
#include "storage/tracking/agent.h"

namespace mta {

/// As TrackingAgent::store: success means durable.
using StoreMail =
    std::function<base::Result<storage::Receipt>(storage::Submission, base::Deadline)>;

/// What was decided, and for the log why.
struct Acceptance {
    Reply reply;
    std::optional<storage::Receipt> receipt;  ///< there if and only if the reply is 250
    std::optional<base::Error> error;
};

/// `deadline` bounds the copies; the catalog has its own (storage/tracking/agent.h).
[[nodiscard]] Acceptance accept_mail(const StoreMail& store,
                                     ReceivedMail mail,
                                     base::Deadline deadline);

}  // namespace mta
