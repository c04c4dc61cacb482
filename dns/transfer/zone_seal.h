#pragma once

// The signatures of a version of a signed zone that are made for this version alone: over its SOA,
// whose serial moved, and over the canonical answers of its steered sets. All others are in its
// FixedContent. A set that is what it was keeps its signature for a day, so that a delta holds what
// changed and nothing else.
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

/// Signatures younger than this are kept. A zone is signed anew, and with it this, at most
/// lifetime_s - jitter_s - refresh_left_s after the last time: what is kept outlives that.
inline constexpr std::int64_t kSealKeptS = 86400;

/// The version before, for what can be kept of its seal. Borrowed.
struct EarlierSeal {
    const FixedContent* fixed = nullptr;  ///< null: there is none
    const SteeredParts* steered = nullptr;
    const RecordList* seal = nullptr;  ///< null: it was not signed
};

/// Unavailable if the keys' private halves are not at hand.
[[nodiscard]] base::Result<SharedSeal> seal_version(const dnssec::ZoneVariants& signer,
                                                    const dnssec::Validity& validity,
                                                    std::uint32_t serial,
                                                    const FixedContent& fixed,
                                                    const SteeredParts& steered,
                                                    const EarlierSeal& earlier = {});

}  // namespace dns::transfer
