#pragma once

// The answer function: a packet in, a packet out. Pure but for the counters and turns of the
// thread's own state: no allocation, no lock, no system call, no clock.
//
// Serves: exact names, no data, no such name (RFC 2308, RFC 8020), empty non-terminals, wildcards
// (RFC 4592), CNAME and DNAME within a zone (RFC 6672, RFC 6604), referrals with glue (RFC 9471),
// additional addresses, ANY (RFC 8482 4.2), steered names (STEERING 5.6), EDNS (RFC 6891) with
// cookies, NSID, keepalive and extended errors, truncation by whole RRsets (RFC 2181 9), response
// rate limiting (answer_guard.h), signatures and denials for queries with DO (RFC 4035 3.1). Signed
// queries and those for transfers are left to transfer/transfer_answer.h, class CHAOS to
// explain/chaos_answer.h, updates that are signed well to whoever may wait (DeferReason). Not
// served: other classes.
//
// Thread rule: answer() from any thread; a ThreadState belongs to one thread, its counters may be
// read from others.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>

#include "dns/answer_guard.h"
#include "dns/client.h"
#include "dns/counter.h"
#include "dns/dnssec/ask_queue.h"
#include "dns/dnssec/denial_cache.h"
#include "dns/message.h"
#include "dns/siphash.h"
#include "dns/snapshot.h"
#include "dns/source_cache.h"
#include "dns/wire.h"

namespace dns {

/// What became of the queries that were well-formed.
enum class AnswerKind : std::uint8_t {
    Positive,
    Steered,
    NoData,
    NoName,
    Referral,
    Alias,         ///< a chain that ends outside the zone, or was cut off
    Minimal,       ///< ANY
    OutsideZones,  ///< REFUSED: not our name
    InternalName,  ///< REFUSED: a name of the internal view
    Failed,        ///< SERVFAIL: no server of the domain can be named
};
inline constexpr std::size_t kAnswerKinds = 10;

/// "positive", "steered", ...: the label of its counter.
[[nodiscard]] std::string_view answer_kind_name(AnswerKind kind) noexcept;

/// Why answer() gave nothing: the query is for somebody who may wait (deferred_queries.h).
enum class DeferReason : std::uint8_t {
    None,
    Update,     ///< a signed UPDATE (RFC 2136)
    Signature,  ///< an answer whose signature has to be made first
};
inline constexpr std::size_t kDeferReasons = 3;

/// What became of a denial whose signature is made when it is asked for.
enum class OnlineDenial : std::uint8_t {
    Kept,     ///< there was one
    Asked,    ///< the answer waits for it
    Refused,  ///< the budget is used up (denial_gate.h), or too many wait: TC, over TCP SERVFAIL
    Late,     ///< it was waited for and did not come
};
inline constexpr std::size_t kOnlineDenials = 4;

/// "kept", "asked", ...: the label of its counter.
[[nodiscard]] std::string_view online_denial_name(OnlineDenial denial) noexcept;

/// What one thread has answered. Its thread raises them, any may read.
struct AnswerCounters {
    std::array<Counter, kQueryOutcomes> outcomes;
    std::array<Counter, kAnswerKinds> answers;
    std::array<Counter, dnssec::kVariantsServed> variants;  ///< by what was served of a place
    std::array<Counter, kOnlineDenials> denials;            ///< of names, in compact zones
    Counter truncated;
};

/// Turns are kept apart by set and kind, so that a client that asks for two kinds in turn does not
/// skip every second variant.
inline constexpr std::size_t kTurns = 256;

/// What a thread of the answer path keeps from one answer to the next: whose turn it is in each
/// rotation, what guards its answers, and its counters. Owned by the thread; not shared.
struct ThreadState {
    /// Threads start at different places, so that a few answers of each do not all begin with the
    /// same server.
    explicit ThreadState(std::uint32_t thread_index, AnswerPolicy policy = {}, unsigned threads = 1)
        : guard(std::move(policy), threads) {
        turns.fill(thread_index * 0x9e3779b1U >> 16);
    }

    /// Whether queries may be left to others for this reason; set once, by whoever takes them.
    [[nodiscard]] bool may_defer(DeferReason reason) const noexcept {
        return defers[static_cast<std::size_t>(reason)];
    }

    std::array<bool, kDeferReasons> defers{};
    DeferReason deferred = DeferReason::None;  ///< of the last answer; the caller takes it back
    std::array<std::uint32_t, kTurns> turns;
    SourceCache sources;
    dnssec::AskQueue* asks = nullptr;  ///< for signatures that are not there; null: none are made
    dnssec::DenialCache* denials = nullptr;  ///< of compact zones; null: they deny no name
    /// What it answers was asked before, and then asked for what is to be signed.
    bool holds = false;
    bool waits = false;   ///< the last answer is none: it is to be asked again when it is signed
    bool waited = false;  ///< no answer waits any more
    AnswerGuard guard;
    AnswerCounters counters;
};

/// The two words that pick the client's row of a zone's table (steering/source_hash.h).
[[nodiscard]] SipWords source_hash(const SipKey& key,
                                   const Client& client,
                                   std::span<const std::byte> zone) noexcept;

/// Answers `packet` into `out` (at least kUdpPlainMax octets; kUdpResponseMax is all that UDP ever
/// needs, kMessageMax all that TCP does). Gives the size, or 0 if nothing is to be sent. `out` and
/// `packet` must not overlap.
[[nodiscard]] std::size_t answer(const Snapshot& snapshot,
                                 std::span<const std::byte> packet,
                                 const Client& client,
                                 ThreadState& state,
                                 std::span<std::byte> out) noexcept;

/// The same without signatures and transfers: what is signed or asks for a transfer is refused.
[[nodiscard]] std::size_t answer_plain(const Snapshot& snapshot,
                                       std::span<const std::byte> packet,
                                       const Client& client,
                                       ThreadState& state,
                                       std::span<std::byte> out) noexcept;

}  // namespace dns
