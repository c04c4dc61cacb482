#pragma once

// Which signed variant of a steered RRset a DO query gets (DESIGN: signing of steered answers). The
// row that the source's hash picks may not be signed yet; no signature is made where it is asked
// for. A variant is known by its content, so that rows, orders and commits with the same records
// share one signature, and a row that comes back is signed already.
//
// In order: the wanted variant; the newest signed one of the same list of servers that names no
// host that was withdrawn or forced down; the anchor (all configured hosts at one preference),
// which is signed when the zone is loaded. If an override took a host out and only the anchor would
// be left, which names that host, the query waits for the signature, off the UDP loop and at most
// kVariantWaitMax. Signatures that have ended are never served, the anchor's neither.
//
// Pure: no clock, no allocation in choose_variant(). Thread rule: any thread; whoever keeps the
// list publishes it as it does snapshots and does not change it in place.

#include <bitset>
#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "dns/dnssec/rrsig.h"
#include "dns/image.h"
#include "dns/steering/settings.h"

namespace dns::dnssec {

/// Longest wait for a signature.
inline constexpr std::chrono::milliseconds kVariantWaitMax{50};

/// Signed variants kept for one steered RRset of a zone, the anchor apart: a table has fewer rows
/// than this at a time, and older ones are what a fallback chooses from.
inline constexpr std::size_t kVariantsMax = 64;

/// Hosts by their place in the configuration of the pool (ascending server id).
using HostMask = std::bitset<steering::kServersMax>;

/// An RRset and the RRSIG records over it, ready to be copied into answers (dns/image.h).
struct SignedImages {
    Arena arena;
    std::uint32_t set_at = 0;         ///< of an SOA: with the RRSIG records behind it
    std::uint32_t signatures_at = 0;  ///< not of an SOA
    std::uint32_t negative_at = 0;    ///< of an SOA: with the negative TTL, owner written out

    [[nodiscard]] ImageView set() const noexcept { return {arena.data(), set_at}; }

    [[nodiscard]] ImageView signatures() const noexcept { return {arena.data(), signatures_at}; }

    [[nodiscard]] ImageView negative() const noexcept { return {arena.data(), negative_at}; }
};

/// A variant that is signed.
struct SignedVariant {
    std::uint64_t content = 0;  ///< variant_content()
    std::uint32_t roster = 0;   ///< whose hosts `hosts` counts, see HostsOut
    HostMask hosts;             ///< that it names
    Validity validity;
    std::shared_ptr<const SignedImages> images;
};

/// What the steering has taken out. Withdrawn by probes: names of it are better avoided. Removed by
/// an override: an operator said that nobody shall be sent there.
struct HostsOut {
    std::uint32_t roster = 0;  ///< names the list of servers that masks are places in
    HostMask withdrawn;
    HostMask removed;
};

/// Which of the rules at the top of this file applied.
enum class VariantServed : std::uint8_t {
    Wanted,
    Fallback,  ///< `variant` is another; the wanted one is to be signed
    Anchor,    ///< the wanted one is to be signed
    Wait,      ///< until it is signed, at most kVariantWaitMax; then `variant`
    Nothing,   ///< no signature holds: SERVFAIL
};

inline constexpr std::size_t kVariantsServed = 5;

/// "wanted", "fallback", ...: the label of its counter.
[[nodiscard]] std::string_view variant_served_name(VariantServed served) noexcept;

/// What is served. Borrows from the list or the anchor.
struct VariantChoice {
    VariantServed served = VariantServed::Nothing;
    const SignedVariant* variant = nullptr;
};

/// Identity of an RRset's content: type, TTL and records in canonical form, whatever their order.
/// 64 bits of SHA-256: our own records, nobody looks for collisions. Invalid as canonical_set().
[[nodiscard]] base::Result<std::uint64_t> variant_content(std::uint16_t type, const RecordSet& set);

/// `newest_first`: signed variants of the RRset, the last signed one first.
[[nodiscard]] VariantChoice choose_variant(std::uint64_t wanted,
                                           std::span<const SignedVariant> newest_first,
                                           const SignedVariant& anchor,
                                           const HostsOut& out,
                                           std::int64_t now_s) noexcept;

/// The list with a variant that was signed now in front: one of each content, none that has ended,
/// at most kVariantsMax.
[[nodiscard]] std::vector<SignedVariant> with_variant(std::vector<SignedVariant> newest_first,
                                                      const SignedVariant& made,
                                                      std::int64_t now_s);

}  // namespace dns::dnssec
