#pragma once

// Signatures over RRsets: RRSIG records (RFC 4034 3), how long they hold, when they are made anew.
//
// Moments are seconds since 1970, UTC; in RRSIG they are 32 bits and compare as serial numbers
// (RFC 4034 3.1.5). Pure: no clock. Any thread; signing on workers only (signing_key.h).

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "dns/dnssec/key_records.h"
#include "dns/dnssec/signing_key.h"
#include "dns/name.h"
#include "dns/zone.h"

namespace dns::dnssec {

/// How long signatures hold. Seconds.
struct ValidityPolicy {
    std::int64_t lifetime_s = 14 * 86400;
    /// Zones end at different moments within this, so that a server with many zones does not sign
    /// them all at once; the same zone at the same moment on every server.
    std::int64_t jitter_s = 3 * 86400;
    /// Made anew when no more than this is left. At least the largest TTL, so that a signature
    /// outlives what caches keep (RFC 6781 4.4.2).
    std::int64_t refresh_left_s = 5 * 86400;
    /// Begins before it is made: clocks of validators differ.
    std::int64_t backdate_s = 3600;
};

/// From when to when a signature holds.
struct Validity {
    std::int64_t inception_s = 0;
    std::int64_t expiration_s = 0;

    bool operator==(const Validity&) const = default;
};

/// The validity of what is signed now.
[[nodiscard]] Validity validity_at(std::int64_t now_s,
                                   const Name& zone,
                                   const ValidityPolicy& policy);

/// When signatures with this validity are to be made anew.
[[nodiscard]] std::int64_t refresh_at_s(const Validity& validity, const ValidityPolicy& policy);

/// The TTL that may be served at this moment: no more than what is left of the signature. 0: it has
/// ended and must not be served.
[[nodiscard]] inline std::uint32_t ttl_left(std::uint32_t ttl,
                                            const Validity& validity,
                                            std::int64_t now_s) noexcept {
    const std::int64_t left = validity.expiration_s - now_s;
    return left <= 0 ? 0 : static_cast<std::uint32_t>(std::min<std::int64_t>(ttl, left));
}

/// A key with which a zone is signed. A value; immutable.
struct ZoneKey {
    PublicKey half;
    std::uint16_t tag = 0;
    std::optional<SigningKey> key;  ///< none: the private half is not at hand (no database yet)
};

[[nodiscard]] ZoneKey zone_key(SigningKey key);
[[nodiscard]] ZoneKey zone_key(PublicKey half);

/// Signs an RRset; gives the data of its RRSIG record. Data of the set in any order. Invalid if it
/// is none of its type, Unavailable without the private half.
[[nodiscard]] base::Result<std::string> sign_set(const ZoneKey& key,
                                                 const Name& zone,
                                                 const Name& owner,
                                                 std::uint16_t type,
                                                 const RecordSet& set,
                                                 const Validity& validity);

/// The same of an RRset in canonical form: `records` are canonical_records() of it.
[[nodiscard]] base::Result<std::string> sign_records(const ZoneKey& key,
                                                     const Name& zone,
                                                     const Name& owner,
                                                     std::uint16_t type,
                                                     std::uint32_t ttl,
                                                     std::string_view records,
                                                     const Validity& validity);

/// The fields of an RRSIG record.
struct RrsigFields {
    std::uint16_t covered = 0;
    std::uint8_t algorithm = 0;
    std::uint8_t labels = 0;
    std::uint32_t original_ttl = 0;
    std::uint32_t expiration = 0;
    std::uint32_t inception = 0;
    std::uint16_t tag = 0;
    Name signer;
    std::string signature;
};

/// Reads data of an RRSIG record. Invalid if it is none.
[[nodiscard]] base::Result<RrsigFields> parse_rrsig(std::string_view data);

/// True if the RRSIG is the key's over this RRset and holds at `now_s`. A wildcard's signature
/// holds for the names that answers make from it.
[[nodiscard]] bool verify_set(const PublicKey& key,
                              const Name& owner,
                              const RecordSet& set,
                              std::string_view rrsig_data,
                              std::int64_t now_s);

}  // namespace dns::dnssec
