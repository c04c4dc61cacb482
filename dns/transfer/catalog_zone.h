#pragma once

// The catalog zone (RFC 9432, version 2), as producer: one PTR for each zone that secondaries may
// fetch, so that they take up new domains and drop removed ones by themselves.
//
// A member's label is made from its domain's id in the database: it stays while the domain is
// there, and a domain that is removed and added again gets another, which tells secondaries to
// begin anew (RFC 9432 4.1). Only peers that get the catalog may ask for it; it is no public zone.
//
// Pure. Thread rule: any thread.

#include <cstdint>
#include <vector>

#include "base/result.h"
#include "dns/transfer/zone_content.h"

namespace dns::transfer {

/// A domain of the catalog.
struct CatalogMember {
    std::int64_t id = 0;  ///< in directory.domain
    Name zone;
};

/// TooLarge if the names under `apex` are longer than names may be.
[[nodiscard]] base::Result<FixedContent> catalog_content(const Name& apex,
                                                         const std::vector<CatalogMember>& members);

}  // namespace dns::transfer
