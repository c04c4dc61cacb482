#pragma once

// The zone signer: a checked Zone in, all its records with signatures and denial out. What answers
// carry and what secondaries get is made from the same SignedZone.
//
// Signed is every authoritative RRset; not glue, and of a delegation only DS and the record that
// denies (RFC 4035 2.2). A steered RRset is signed as the one variant that the caller gives: the
// anchor for answers, the canonical row for transfers. The types that names are said to have are
// those of the sets given, so that no variant may bring another.
//
// Signatures that were made before are used again where the set is the same, so that a change of a
// zone costs signatures for what changed, and a start from the files costs none.
//
// Pure: no clock. Workers only: 30 us and more a signature. Thread rule: any thread.
// Errors: Invalid with owner and reason (no key, records of DNSSEC written by hand); Unavailable if
// something has to be signed and the private half is not at hand.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "dns/dnssec/denial.h"
#include "dns/dnssec/rrsig.h"
#include "dns/dnssec/signature_cache.h"
#include "dns/name.h"
#include "dns/zone.h"

namespace dns::dnssec {

/// An RRset with the data of its RRSIG records, one for each key; none if it is not signed.
struct SignedSet {
    RecordSet set;
    std::vector<std::string> signatures;
};

using SignedSets = std::map<std::uint16_t, SignedSet>;

/// A zone as others may have it. A value.
struct SignedZone {
    Name apex;
    Denial denial = Denial::Nsec;
    std::uint32_t serial = 0;
    std::uint32_t negative_ttl = 0;    ///< TTL of what denies (RFC 9077 3)
    Validity validity;                 ///< when all of the signatures hold
    std::map<Name, SignedSets> names;  ///< in canonical order; the owners of NSEC3 among them
    /// Zone, keys and TTL of denials in one number, 64 bits of SHA-256: whose a signature is that
    /// is made when it is asked for. Another key makes another number.
    std::uint64_t signer = 0;
    /// Denial::Compact: the NSEC set of each name that is there, which is no part of a chain.
    std::map<Name, SignedSet> denials{};
};

/// What a zone is signed with.
struct ZoneSigning {
    std::vector<ZoneKey> zone_keys;  ///< sign every set; at least one
    std::vector<ZoneKey> key_keys;   ///< sign the DNSKEY set besides: keys that have a DS, or shall
    std::vector<PublicKey> published;          ///< the DNSKEY set
    std::vector<PublicKey> delegation_wanted;  ///< CDS and CDNSKEY: what DS the parent shall have
    bool delegation_removed = false;           ///< or none any more (RFC 8078 4)
    std::uint32_t key_ttl = 3600;
    Denial denial = Denial::Nsec;
    Validity validity;               ///< of what is signed anew
    std::int64_t reuse_after_s = 0;  ///< signatures that expire after this are used again
    std::uint32_t serial = 0;
    std::map<Name, RecordSets> steered;  ///< of names of the zone, sets that it does not have
};

/// Signs all of a zone. With Denial::Compact there are NSEC sets of the names that are there, each
/// for itself; what denies other names is signed when it is asked for (denial_cache.h). Of a chain
/// there is then only what stands around wildcards: answers from those say what lies beside them.
/// `cache`: of this zone, from before; then what this call used. If it fails, as it was.
[[nodiscard]] base::Result<SignedZone> sign_zone(const Zone& zone,
                                                 const ZoneSigning& signing,
                                                 SignatureCache& cache);
[[nodiscard]] base::Result<SignedZone> sign_zone(const Zone& zone, const ZoneSigning& signing);

/// The SOA of another serial with its signature: all that is signed anew when only the serial
/// moves. Serial and set of `zone` are changed.
base::Status sign_serial(SignedZone& zone, const ZoneSigning& signing, std::uint32_t serial);

/// The DNSKEY, CDS, CDNSKEY and (Denial::Nsec3) NSEC3PARAM sets of a zone: they are compiled with
/// its other sets.
[[nodiscard]] RecordSets key_sets(const Name& apex, const ZoneSigning& signing);

/// As a master file (RFC 1035 5), a record a line, names absolute: for tools that check, and for
/// people.
[[nodiscard]] base::Result<std::string> zone_text(const SignedZone& zone);

}  // namespace dns::dnssec
