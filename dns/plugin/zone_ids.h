#pragma once

// ZoneIds: the numbers by which PowerDNS knows zones: those of the domains in the directory. They
// are the same on every name server and after every start, so that what PowerDNS has cached is
// never another zone.
//
// Immutable once made; shared. Thread rule: any thread may read. PowerDNS keeps a number in 31
// bits: a domain whose number is larger has none, and is served by its name alone.

#include <cstdint>
#include <map>
#include <memory>

#include "dns/directory/directory.h"
#include "dns/name.h"

namespace dns::plugin {

/// No zone in particular: PowerDNS's own value.
inline constexpr std::int64_t kNoZoneId = -1;

/// See the top of this file.
class ZoneIds {
  public:
    explicit ZoneIds(const Directory& directory);

    /// kNoZoneId: not in the directory (yet).
    [[nodiscard]] std::int64_t id_of(const Name& apex) const;

    /// Null: none of ours. Borrowed.
    [[nodiscard]] const Name* apex_of(std::int64_t id) const;

  private:
    std::map<Name, std::int64_t> ids_;
    std::map<std::int64_t, const Name*> apexes_;  // into ids_
};

using SharedZoneIds = std::shared_ptr<const ZoneIds>;

}  // namespace dns::plugin
