#pragma once

// From a zone, its image and its steered sets to what answers with signatures are made from: the
// zone's own signatures, and the anchors of what is signed when it is asked for.
//
// Pure: no clock. Workers only. Thread rule: any thread, one at a time for each state.

#include <cstdint>
#include <memory>

#include "base/result.h"
#include "dns/dnssec/signature_cache.h"
#include "dns/dnssec/zone_signer.h"
#include "dns/snapshot.h"
#include "dns/zone.h"
#include "dns/zone_image.h"

namespace dns {

/// Adds DNSKEY, CDS and CDNSKEY, so that the zone's image has them. Invalid if it has one of
/// them already; build_zone() takes none of the others that signing makes.
base::Status add_key_sets(Zone& zone, const dnssec::ZoneSigning& plan);

/// A zone as it is to be sealed, without key sets. Sets and image are those that it is served with.
struct SealInput {
    const Zone& zone;
    const ZoneImage& image;
    const Snapshot::ZoneSets& sets;
    std::shared_ptr<const dnssec::ZoneSigning> plan;
    std::uint32_t serial = 0;
    std::int64_t now_s = 0;  ///< since 1970
    dnssec::ValidityPolicy policy;
};

/// What came of it.
struct Sealed {
    Snapshot::ZoneSeal seal;
    dnssec::SignedZone zone;       ///< for secondaries
    std::int64_t resign_at_s = 0;  ///< when signatures are to be made anew
};

/// Signs what `cache` does not have; that then has what was used. `before`: what the zone had, may
/// be null. Errors: those of sign_zone() and of ZoneSignatures::build().
[[nodiscard]] base::Result<Sealed> seal_zone(const SealInput& input,
                                             dnssec::SignatureCache& cache,
                                             const dnssec::ZoneVariants* before);

/// The anchors of these sets are those that the zone is sealed with.
[[nodiscard]] bool has_anchors_of(const dnssec::ZoneVariants& variants,
                                  const Snapshot::ZoneSets& sets);

}  // namespace dns
