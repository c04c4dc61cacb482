#pragma once

// From a zone's keys as they are kept to what it is signed with at this moment.
//
// Pure. Thread rule: any thread.

#include "base/result.h"
#include "dns/dnssec/key_store.h"
#include "dns/dnssec/zone_signer.h"

namespace dns::dnssec {

/// Keys, their records and the way of denial; validity, serial and steered sets are the caller's to
/// fill in. A key without a secret signs nothing: what it signed before may be used again. Invalid
/// if a secret is none.
[[nodiscard]] base::Result<ZoneSigning> plan_signing(const StoredKeys& keys,
                                                     const Secrets& secrets);

}  // namespace dns::dnssec
