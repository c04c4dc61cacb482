#pragma once

// The answers of the internal view: address verification for our own mail and access servers.
//
//   <56 hex digits>._account.<domain>  TXT
//       NOERROR  "v=1 account=<id> state=active" (or state=disabled): the address exists
//       NXDOMAIN: it does not; only while the view is sure
//       SERVFAIL: not known as existing, and the view is not sure (no database for a while, or
//                 nothing loaded yet): the asker must take it as temporary. Nobody's mail bounces
//                 because of our own fault.
//   anything else: REFUSED (no name of this view, or, while the view is sure, a domain that is not
//   ours)
//
// A signed query (TSIG, RFC 8945) gets a signed answer, and whoever signs with a key of the view
// may ask from any network; what is signed badly gets the error that RFC 8945 5.2 wants, from
// wherever.
//
// Answers have TTL 0 and denials no SOA: nothing between asker and view may keep them.
//
// Pure, no allocation; any thread. Counters have one writer.

#include <cstddef>
#include <cstdint>
#include <span>

#include "dns/account_view.h"
#include "dns/answer.h"
#include "dns/tsig.h"

namespace dns {

struct InternalCounters {
    std::array<Counter, kQueryOutcomes> outcomes;
    Counter found;
    Counter unknown;       ///< NXDOMAIN
    Counter unsure;        ///< SERVFAIL
    Counter refused_name;  ///< not a name of this view
    Counter refused_acl;   ///< not a client of this view, or badly signed
};

/// Whether a missing address may be denied.
enum class Certainty : std::uint8_t { Sure, Unsure };

/// Who may ask.
enum class Admission : std::uint8_t { Allowed, Refused };

/// A query to the internal view with all that the answer depends on beside the view. Borrows the
/// packet for the call.
struct InternalQuery {
    std::span<const std::byte> packet;
    Transport transport = Transport::Udp;
    Admission admission = Admission::Refused;
    Certainty certainty = Certainty::Unsure;
};

/// `view` null: nothing loaded yet. Size of the response in `out`, 0 for silence.
[[nodiscard]] std::size_t answer_internal(const AccountView* view,
                                          const InternalQuery& asked,
                                          InternalCounters& counters,
                                          std::span<std::byte> out) noexcept;

/// The same for queries that may be signed. Without keys, a signed one is refused. `now_s`:
/// seconds since 1970.
[[nodiscard]] std::size_t answer_internal(const AccountView* view,
                                          const InternalQuery& asked,
                                          const TsigKeys& keys,
                                          std::uint64_t now_s,
                                          InternalCounters& counters,
                                          std::span<std::byte> out) noexcept;

}  // namespace dns
