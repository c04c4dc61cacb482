#pragma once

// From a question to the records that answer it, or to why there are none: the part of answer()
// that looks at zones. Contract, sources and thread rule are those of answer.h.

#include "dns/answer.h"
#include "dns/client.h"
#include "dns/message.h"
#include "dns/snapshot.h"
#include "dns/wire.h"

namespace dns {

/// Writes records, rcode and AA into `message`.
[[nodiscard]] AnswerKind walk_answer(const Snapshot& snapshot,
                                     const Query& query,
                                     const Client& client,
                                     ThreadState& state,
                                     Message& message) noexcept;

}  // namespace dns
