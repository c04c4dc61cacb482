#pragma once

// Records that say what is not there: NSEC (RFC 4034 4), NSEC3 (RFC 5155, with 0 iterations and no
// salt as RFC 9276 3.1 wants), compact denial (RFC 9824).
//
// Pure. Any thread. Not for the answer path: every call allocates.

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "base/result.h"
#include "dns/name.h"

namespace dns::dnssec {

using TypeSet = std::set<std::uint16_t>;

/// How a zone denies. Chains are for zones that others transfer; compact records are made when they
/// are asked for, and so for zones without transfer peers.
enum class Denial : std::uint8_t { Nsec, Nsec3, Compact };

/// "nsec", "nsec3", "compact".
[[nodiscard]] std::string_view denial_name(Denial denial) noexcept;
[[nodiscard]] std::optional<Denial> parse_denial(std::string_view name) noexcept;

/// RFC 4034 4.1.2. Types that exist in answers only (OPT, 128..255 but NXNAME) are left out.
[[nodiscard]] std::string type_bitmap(const TypeSet& types);

/// Data of an NSEC record.
[[nodiscard]] std::string nsec_data(const Name& next, const TypeSet& types);

/// The chain over names in canonical order, the apex among them: an NSEC record each. Names without
/// types (empty non-terminals) have none (RFC 4034 4). Each record lists NSEC and RRSIG besides.
[[nodiscard]] std::map<Name, std::string> nsec_chain(const std::map<Name, TypeSet>& names);

/// The hash of a name: SHA-1 once, without salt (RFC 5155 5). 20 octets.
[[nodiscard]] std::string nsec3_hash(const Name& name);

/// The owner of the NSEC3 record of a hash: its base32hex below the zone (RFC 5155 1.3).
[[nodiscard]] base::Result<Name> nsec3_owner(std::string_view hash, const Name& zone);

/// The chain over the hashes of all names, empty non-terminals too (RFC 5155 7.1): an NSEC3 record
/// each, without opt-out. `names` has the types as they are to be listed. Corrupt if two names have
/// the same hash.
[[nodiscard]] base::Result<std::map<Name, std::string>> nsec3_chain(
    const Name& zone, const std::map<Name, TypeSet>& names);

/// Data of NSEC3PARAM: SHA-1, no flag, 0 iterations, no salt.
[[nodiscard]] std::string nsec3param_data();

/// The name that follows at once in canonical order (RFC 9824 3.2, RFC 4471 3.1.2): nothing is
/// between the two. The zone's apex if nothing in the zone follows.
[[nodiscard]] Name next_name(const Name& name, const Name& zone);

/// RFC 9824 3.2 and 3.3: the NSEC record at a name that exists and lacks the type that was asked
/// for; `types` is all that the name has in any variant of its answers.
[[nodiscard]] std::string compact_no_data(const Name& name, const Name& zone, TypeSet types);

/// RFC 9824 3.1: the NSEC record at a name that does not exist: RRSIG, NSEC and NXNAME.
[[nodiscard]] std::string compact_no_name(const Name& name, const Name& zone);

}  // namespace dns::dnssec
