#pragma once

// What the servers of the parent zone say of a zone's keys: which DS all of them have, which some,
// which of them are of no key of ours; and how soon to ask again (RFC 7583 3.3.3: a DS counts once
// all servers of the parent have it).
//
// Pure. Thread rule: values.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/resolver.h"
#include "dns/dnssec/key_roll.h"
#include "dns/name.h"

namespace dns::dnssec {

/// The DS set of a zone, as one server of its parent answers; empty: it says that there is none.
struct ParentAnswer {
    std::vector<base::DnsDs> ds;
    std::uint32_t ttl_s = 0;
};

/// The same of all of them, and what follows for the keys of the zone.
struct ParentView {
    Delegation keys;              ///< tags of ours
    std::vector<std::string> ds;  ///< all that any server has, "12345 13 2 ab12...", ascending
    std::vector<std::string> strangers;  ///< those of it that are of no key of the zone
    std::uint32_t ttl_s = 0;             ///< the largest of the DS sets; 0: there is none
    std::size_t servers = 0;

    /// Resolvers that validate cannot follow any DS that is there: the zone has vanished for them.
    bool broken = false;
};

/// DS with a digest that nobody should make any more (RFC 9904: SHA-1) count for no key; if tag and
/// algorithm are those of a key, they are no strangers either.
[[nodiscard]] ParentView view_parent(const Name& zone,
                                     const ZoneKeys& keys,
                                     std::span<const ParentAnswer> answers);

/// Of what operators should know; empty: nothing. The key in use without its DS is the normal case
/// before a zone's first one is wanted, and no warning.
[[nodiscard]] std::string warning_of(const ParentView& view);

inline constexpr std::int64_t kLookSoonS = 10;
inline constexpr std::int64_t kLookLateS = 3600;
inline constexpr std::int64_t kLookIdleS = 86400;

/// Seconds until the parent is asked again: a tenth of the time for which its change has been
/// waited for, within kLookSoonS and kLookLateS; kLookIdleS while none is (kLookLateS at the end of
/// a roll).
[[nodiscard]] std::int64_t look_again_s(const ZoneKeys& keys, std::int64_t now_s) noexcept;

}  // namespace dns::dnssec
