#pragma once

// Which records say what is not there, for queries with DO: of one answer, of one zone.
//
//   no such name     NSEC: the record that covers the name and the one that covers the wildcard at
//                    its closest encloser (RFC 4035 3.1.3.2). NSEC3: the encloser's, the one that
//                    covers the next closer name and that of the wildcard (RFC 5155 7.2.2)
//   from a wildcard  the record that covers the name, or of NSEC3 the next closer name: nothing
//                    closer is there (RFC 4035 3.1.3.3, RFC 5155 7.2.6)
//   no data          that of the name; of an empty non-terminal of an NSEC chain the one that
//   covers
//                    it (RFC 4035 3.1.3.1, RFC 5155 7.2.3). Of a wildcard besides those that say
//                    that nothing closer is there (RFC 4035 3.1.3.4, RFC 5155 7.2.5)
//
// In zones with compact denial "no such name" is nothing of this: denial_cache.h.
//
// Thread rule: on the stack of one answer; no allocation, no failure.

#include <array>
#include <cstddef>
#include <span>

#include "dns/dnssec/zone_signatures.h"
#include "dns/limits.h"
#include "dns/wire.h"
#include "dns/zone_image.h"

namespace dns {

/// A name that is asked for, and where the zone ends on the way to it. Borrowed.
struct DeniedName {
    const ZoneImage& zone;
    const dnssec::ZoneSignatures& signatures;
    const WireName& name;
    std::size_t labels_off = 0;      ///< to come to the closest encloser; 0: the name is there
    const Node* encloser = nullptr;  ///< the node there
};

/// The deniers of an answer, each once, in the order in which they were noted. They are written
/// last: an alias from a wildcard is denied in the authority section, and more answers may follow
/// it.
class Denials {
  public:
    void no_name(const DeniedName& denied) noexcept;
    void no_closer_name(const DeniedName& denied) noexcept;

    /// `node`: the name's, or the wildcard's that stands for it.
    void no_data(const DeniedName& denied, const Node& node) noexcept;

    void clear() noexcept { count_ = 0; }

    [[nodiscard]] std::span<const dnssec::Denier> all() const noexcept {
        return std::span(deniers_).first(count_);
    }

  private:
    void add(dnssec::Denier denier) noexcept;

    std::size_t count_ = 0;
    // Each alias adds one, what ends the chain three.
    std::array<dnssec::Denier, kChainMax + 3> deniers_;  // NOLINT: the first `count_` are written
};

}  // namespace dns
