#pragma once

// What is done with an UPDATE where it comes in, also on a UDP thread: its signature is judged, so
// that only senders with a key of ours reach the main loop and the database.
//
// Pure; neither allocates nor locks. Thread rule: any thread. Times: seconds since 1970.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "dns/answer.h"
#include "dns/snapshot.h"
#include "dns/tsig.h"
#include "dns/wire.h"

namespace dns::update {

enum class GateVerdict : std::uint8_t {
    NotSigned,  ///< REFUSED
    Answered,   ///< the signature is wrong: `size` octets of `out` say so (RFC 8945 5.2)
    Authentic,
};

/// What became of it.
struct Gate {
    GateVerdict verdict = GateVerdict::NotSigned;
    std::size_t size = 0;
};

/// `out`: at least kUdpResponseMax octets.
[[nodiscard]] Gate judge_signature(const TsigKeys& keys,
                                   std::span<const std::byte> packet,
                                   std::uint64_t now_s,
                                   std::span<std::byte> out) noexcept;

/// What answer() does with an UPDATE. None: `outcome` is answered, as anything else that is
/// refused; it stays as it is (an unknown opcode) where there is no key to sign updates with.
[[nodiscard]] std::optional<std::size_t> answer_update(const Snapshot& snapshot,
                                                       std::span<const std::byte> packet,
                                                       ThreadState& state,
                                                       QueryOutcome& outcome,
                                                       std::span<std::byte> out) noexcept;

/// A request whose opcode is UPDATE.
[[nodiscard]] inline bool is_update(std::span<const std::byte> packet) noexcept {
    return packet.size() >= kHeaderSize &&
           (load_u16(packet.data() + 2) & (kFlagResponse | kFlagOpcode)) == kOpcodeUpdate;
}

}  // namespace dns::update
