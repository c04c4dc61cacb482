#include "mta/refusal.h"

#include <array>

namespace mta {

namespace {

constexpr std::array<std::string_view, kRefusalCount> kNames = {
    "early-talk",
    "synchronisation",
    "syntax",
    "sequence",
    "line-too-long",
    "line-end",
    "character",
    "unknown-command",
    "not-offered",
    "foreign-protocol",
    "error-limit",
    "client-timeout",
    "sender-blocked",
    "sender-syntax",
    "recipient-unknown",
    "recipient-syntax",
    "relay-denied",
    "too-many-recipients",
    "message-too-large",
    "bare-cr",
    "bare-lf",
    "nul",
    "too-many-hops",
    "content-refused",
    "virus-found",
    "recipient-unverified",
    "sender-unjudged",
    "not-scanned",
    "no-memory",
    "overload",
    "source-limit",
    "store-failed",
    "shutdown",
};

static_assert(!kNames.back().empty(), "each refusal has a name");

}  // namespace

std::string_view refusal_name(Refusal refusal) {
    const auto index = static_cast<std::size_t>(refusal);
    return index < kNames.size() ? kNames[index] : "unknown";
}

}  // namespace mta
