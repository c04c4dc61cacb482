#pragma once

// The denial of a name whose signature is made when it is asked for: what an answer of a zone with
// compact denial does about it. It gives the record if there is a signature
// (dnssec/denial_cache.h). If not, it asks for one, as far as the budget of the thread goes
// (denial_gate.h), and waits where that is possible: a datagram with the main loop, a query over
// TCP with its fiber. Beyond the budget a datagram gets TC=1: who has forged its source never comes
// back, who comes back over TCP has room of his own. There, and when a signature comes too late, it
// is SERVFAIL.
//
// Thread rule: as answer(). No allocation, no lock, no signature.

#include <cstdint>

#include "dns/answer.h"
#include "dns/client.h"
#include "dns/message.h"
#include "dns/snapshot.h"
#include "dns/wire.h"

namespace dns {

/// The name that is not there. Borrowed.
struct OnlineName {
    const ZoneImage& zone;
    std::uint32_t zone_index;
    const ZoneParts& parts;  ///< with signatures
    const WireName& name;
    std::uint16_t owner;  ///< where the name stands in the message
};

/// What came of a denial.
enum class OnlineAnswer : std::uint8_t {
    Given,
    Waits,  ///< `state.waits`, over UDP `state.deferred`: the query is asked again
    Cut,    ///< TC=1
    None,   ///< SERVFAIL
};

/// Writes the denial behind what the message has, or says what else is to be answered.
[[nodiscard]] OnlineAnswer deny_online(const OnlineName& denied,
                                       const Query& query,
                                       const Client& client,
                                       ThreadState& state,
                                       Message& message) noexcept;

/// Whether the query can wait for a signature that was asked for; then it does.
[[nodiscard]] bool wait_for_signature(const Client& client, ThreadState& state) noexcept;

}  // namespace dns
