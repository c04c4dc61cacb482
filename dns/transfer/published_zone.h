#pragma once

// PublishedZone: a zone as secondaries may fetch it: its present version and what leads to it from
// versions before. A value, immutable; each move of the serial makes a new one from the one before,
// so that a transfer that is under way goes on from one version (RFC 5936 2.2: one consistent
// zone).
//
// The history is bounded by the size of the zone itself: where it would take more, sending the zone
// whole is no dearer (RFC 1995 5 leaves it to the server). It is in memory only; after a restart a
// secondary gets the zone once whole.
//
// A serial that came from elsewhere (another name server's, by the database) names a content that
// we do not know: what comes after it is given whole to whoever has it.
//
// Thread rule: any thread may read; next_version() and delta_since() allocate: not for UDP threads.

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "dns/transfer/zone_content.h"
#include "dns/transfer/zone_seal.h"

namespace dns::transfer {

/// Versions that a zone remembers at most, and octets of memory that it may always take for them.
inline constexpr std::size_t kPastVersionsMax = 1000;
inline constexpr std::size_t kHistoryAlways = 2048;

/// Where the serial of a version came from.
enum class SerialOrigin : std::uint8_t {
    Own,      ///< moved here: nobody else has published something else under it
    Foreign,  ///< taken over
};

/// A version before the present one, and what of the fixed part changed to the next.
struct PastVersion {
    std::uint32_t serial = 0;
    SteeredOwners owners;
    std::shared_ptr<const SoaContent> soa;
    SteeredParts steered;
    SharedSeal seal;
    std::shared_ptr<const RecordDelta> fixed;  ///< null: nothing

    /// Octets of memory.
    [[nodiscard]] std::size_t memory() const noexcept;
};

/// See the top of this file.
struct PublishedZone {
    std::uint32_t serial = 0;
    SerialOrigin origin = SerialOrigin::Foreign;
    SharedFixed fixed;
    SteeredParts steered;
    SharedSeal seal;                ///< null: the zone is not signed
    std::vector<PastVersion> past;  ///< oldest first; each leads to the next, the last to this one

    [[nodiscard]] const Name& apex() const noexcept { return fixed->apex; }

    /// The steering's records and the seal's; those of `fixed` are the others.
    [[nodiscard]] RecordList steered_records() const;

    /// SOA data of the present version.
    [[nodiscard]] std::string soa() const { return soa_data(fixed->soa, serial); }
};

using SharedZone = std::shared_ptr<const PublishedZone>;

/// The version after `before` (null: there was none). The serial must be another one.
[[nodiscard]] SharedZone next_version(const SharedZone& before,
                                      std::uint32_t serial,
                                      SerialOrigin origin,
                                      SharedFixed fixed,
                                      SteeredParts steered,
                                      SharedSeal seal = nullptr);

/// An IXFR's content: from a past version to the present one in one step.
struct ZoneDelta {
    std::uint32_t from_serial = 0;
    SoaContent from_soa;
    RecordDelta records;
};

/// What leads from `serial` to the present version. None: the version is not known (any more), or
/// the zone whole is smaller.
[[nodiscard]] std::optional<ZoneDelta> delta_since(const PublishedZone& zone, std::uint32_t serial);

}  // namespace dns::transfer
