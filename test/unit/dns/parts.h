#pragma once

// Parts of snapshots that tests make by hand.

#include <cstdint>
#include <memory>
#include <vector>

#include "dns/snapshot.h"

namespace dns_test {

/// The same for each of `zones` zones: all in the first group, or with one serial.
inline dns::Snapshot::PerZone<std::uint32_t> each(std::size_t zones, std::uint32_t value) {
    return std::make_shared<const std::vector<std::uint32_t>>(zones, value);
}

/// `sets` for `zones` zones with this serial.
inline void steer_all(dns::Snapshot::Source& source,
                      std::size_t zones,
                      std::uint32_t serial,
                      dns::Snapshot::ZoneSets sets = {}) {
    source.groups = {std::move(sets)};
    source.group_of = each(zones, 0);
    source.serials = each(zones, serial);
}

inline dns::Snapshot::PerZone<dns::Snapshot::ZoneSeal> seals(
    std::vector<dns::Snapshot::ZoneSeal> made) {
    return std::make_shared<const std::vector<dns::Snapshot::ZoneSeal>>(std::move(made));
}

}  // namespace dns_test
