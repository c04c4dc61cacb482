#pragma once

// What is answered to the packets that answer() leaves to transfers: signed ones, queries for
// transfers, and the SOA of the catalog zone.
//
//   over UDP    IXFR: the SOA alone, which sends the client to TCP if it is old (RFC 1995 2);
//               AXFR: REFUSED
//   over TCP    start_transfer() first; what it does not take, answer() answers
//   signed      judged, answered as without the TSIG, and the answer signed (RFC 8945 5.3)
//   no right    REFUSED, signed if the request was
//
// Pure but for the thread's counters. answer_special() neither allocates nor locks: UDP threads
// call it. Thread rule: as answer(). Times: seconds since 1970.

#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "dns/answer.h"
#include "dns/transfer/transfer_view.h"
#include "dns/transfer/zone_stream.h"

namespace dns::transfer {

/// Answers a packet, or says nothing (none): it is none of these, and answer_plain() shall answer
/// it. A size of 0: no answer is to be sent.
[[nodiscard]] std::optional<std::size_t> answer_special(const Snapshot& snapshot,
                                                        std::span<const std::byte> packet,
                                                        const Client& client,
                                                        ThreadState& state,
                                                        std::uint64_t now_s,
                                                        std::span<std::byte> out) noexcept;

/// What became of a packet that came over TCP.
struct TransferStart {
    std::unique_ptr<ZoneStream> stream;  ///< null: an ordinary packet, for answer()
};

/// Starts a transfer if the packet is a query for one, well signed where it is signed, and its
/// sender has the right. Everything else is answered by answer(), which says REFUSED or what is
/// wrong with the signature. `on_planned`: see ZoneStream.
[[nodiscard]] TransferStart start_transfer(const SharedView& view,
                                           std::span<const std::byte> packet,
                                           const base::IpAddress& client,
                                           const WallClock& clock,
                                           PlannedFunction on_planned = {});

}  // namespace dns::transfer
