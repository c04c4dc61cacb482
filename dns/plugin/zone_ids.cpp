#include "dns/plugin/zone_ids.h"

#include <limits>

namespace dns::plugin {

ZoneIds::ZoneIds(const Directory& directory) {
    for (const DirectoryDomain& domain : directory.domains) {
        auto apex = Name::from_text(domain.name);
        if (apex && domain.id > 0 && domain.id <= std::numeric_limits<std::int32_t>::max()) {
            const auto added = ids_.emplace(std::move(apex).take_value(), domain.id);
            apexes_.emplace(domain.id, &added.first->first);
        }
    }
}

std::int64_t ZoneIds::id_of(const Name& apex) const {
    const auto found = ids_.find(apex);
    return found == ids_.end() ? kNoZoneId : found->second;
}

const Name* ZoneIds::apex_of(std::int64_t id) const {
    const auto found = apexes_.find(id);
    return found == apexes_.end() ? nullptr : found->second;
}

}  // namespace dns::plugin
