#pragma once

// The signatures of a version of a signed zone that are made for this version alone: over its SOA,
// whose serial moved, and over the canonical answers of its steered sets. All others are in its
// FixedContent.
//
// Pure. Workers only: some 30 us a signature. Thread rule: any thread.

#include <cstdint>
#include <memory>

#include "base/result.h"
#include "dns/dnssec/zone_variants.h"
#include "dns/transfer/record_list.h"
#include "dns/transfer/zone_content.h"

namespace dns::transfer {

using SharedSeal = std::shared_ptr<const RecordList>;

/// Unavailable if the keys' private halves are not at hand.
[[nodiscard]] base::Result<SharedSeal> seal_version(const dnssec::ZoneVariants& signer,
                                                    const dnssec::Validity& validity,
                                                    std::uint32_t serial,
                                                    const FixedContent& fixed,
                                                    const SteeredParts& steered);

}  // namespace dns::transfer
