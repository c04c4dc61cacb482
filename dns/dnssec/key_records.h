#pragma once

// The records that tell others of a key: DNSKEY (RFC 4034 2), DS (RFC 4034 5, RFC 4509), CDS and
// CDNSKEY (RFC 7344 3, RFC 8078). Record data in wire form.
//
// Pure. Any thread.

#include <cstdint>
#include <string>
#include <string_view>

#include "dns/dnssec/signing_key.h"
#include "dns/name.h"

namespace dns::dnssec {

inline constexpr std::uint16_t kTypeDs = 43;
inline constexpr std::uint16_t kTypeRrsig = 46;
inline constexpr std::uint16_t kTypeNsec = 47;
inline constexpr std::uint16_t kTypeDnskey = 48;
inline constexpr std::uint16_t kTypeNsec3 = 50;
inline constexpr std::uint16_t kTypeNsec3param = 51;
inline constexpr std::uint16_t kTypeCds = 59;
inline constexpr std::uint16_t kTypeCdnskey = 60;
inline constexpr std::uint16_t kTypeNxname = 128;

/// A key as others see it. One key signs everything of a zone (a CSK): Zone Key and Secure Entry
/// Point are set.
struct PublicKey {
    Algorithm algorithm = Algorithm::EcdsaP256;
    std::string octets;

    bool operator==(const PublicKey&) const = default;
};

/// Data of the DNSKEY record, and of the CDNSKEY: they are the same.
[[nodiscard]] std::string dnskey_data(const PublicKey& key);

/// RFC 4034 appendix B. Two keys may have the same: it is a hint, not a name.
[[nodiscard]] std::uint16_t key_tag(std::string_view dnskey_data) noexcept;

/// Data of the DS record, and of the CDS, with digest type 2 (SHA-256, RFC 4509), the only one that
/// must be used (RFC 9904).
[[nodiscard]] std::string ds_data(const Name& zone, std::string_view dnskey_data);

/// The digest of a DS record of another type, as a parent may make it from CDNSKEY; empty for types
/// that are not known here. 2: SHA-256, 4: SHA-384 (RFC 6605 2).
[[nodiscard]] std::string ds_digest(const Name& zone,
                                    std::string_view dnskey_data,
                                    std::uint8_t digest_type);

/// CDS "0 0 0 00" and CDNSKEY "0 3 0 AA==": the parent shall remove all DS (RFC 8078 4).
[[nodiscard]] std::string delete_cds_data();
[[nodiscard]] std::string delete_cdnskey_data();

}  // namespace dns::dnssec
