#pragma once

// What a zone is to its secondaries: the *effective zone*. It has two parts, kept apart because
// they change apart: what operators wrote (FixedContent, one for each zone) and the canonical
// answer of a pool of servers (SteeredContent, one for all zones that share it). DESIGN section 6:
// the canonical variant alone is transferred.
//
// Values, immutable once made, shared. Thread rule: any thread may read; making them allocates and
// is a worker's. TTLs in seconds.

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "dns/dnssec/zone_signer.h"
#include "dns/transfer/record_list.h"
#include "dns/transfer/steered_content.h"
#include "dns/zone.h"

namespace dns::transfer {

/// A SOA record without its serial.
struct SoaContent {
    std::uint32_t ttl = 0;
    std::string data;  ///< wire form; the serial in it means nothing

    bool operator==(const SoaContent&) const = default;
};

/// The SOA's data with a serial in it. `data` must be that of a SOA: names, then five numbers.
[[nodiscard]] std::string soa_data(const SoaContent& soa, std::uint32_t serial);

/// Which steered RRsets a zone has (an operator's own records at an access name win).
struct SteeredOwners {
    bool mail = false;
    bool imap = false;
    bool pop = false;
    bool imap_srv = false;
    bool pop_srv = false;

    bool operator==(const SteeredOwners&) const = default;
};

/// The part of a zone that no steering touches, without its SOA record.
struct FixedContent {
    Name apex;
    SoaContent soa;
    SteeredOwners steered;
    RecordList records;  ///< in canonical order of their owners, by type and data below

    bool operator==(const FixedContent&) const = default;
};

[[nodiscard]] FixedContent fixed_content(const Zone& zone);

/// Of a signed zone: with signatures and denial, but for the signatures over its SOA and its
/// steered sets, which are made for each version (zone_seal.h).
[[nodiscard]] FixedContent fixed_content(const Zone& zone, const dnssec::SignedZone& signed_zone);

using SharedFixed = std::shared_ptr<const FixedContent>;

/// Of a zone's two pools; null where it is not steered.
struct SteeredParts {
    SharedSteered mail;
    SharedSteered access;

    /// Says the same; not only by identity.
    [[nodiscard]] bool same_as(const SteeredParts& other) const noexcept;
};

/// The records that the steering adds to a zone.
[[nodiscard]] RecordList steered_records(const Name& apex,
                                         const SteeredOwners& owners,
                                         const SteeredParts& parts);

}  // namespace dns::transfer
