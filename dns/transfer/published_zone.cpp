#include "dns/transfer/published_zone.h"

#include <algorithm>

#include "base/check.h"

namespace dns::transfer {
namespace {

// From the back, since the newest lead to the present: as many as fit.
void trim(std::vector<PastVersion>& past, std::size_t octets_max) {
    std::size_t octets = 0;
    std::size_t kept = 0;
    while (kept < past.size() && kept < kPastVersionsMax) {
        octets += past[past.size() - 1 - kept].memory();
        if (octets > octets_max) {
            break;
        }
        ++kept;
    }
    past.erase(past.begin(), past.end() - static_cast<std::ptrdiff_t>(kept));
}

PastVersion past_of(const PublishedZone& zone, const FixedContent& next) {
    PastVersion version;
    version.serial = zone.serial;
    version.owners = zone.fixed->steered;
    // Shares the memory of the fixed content only while that is the zone's own.
    version.soa = std::make_shared<const SoaContent>(zone.fixed->soa);
    version.steered = zone.steered;
    version.seal = zone.seal;
    if (zone.fixed.get() != &next) {
        RecordDelta delta = difference(zone.fixed->records, next.records);
        if (!delta.empty()) {
            version.fixed = std::make_shared<const RecordDelta>(std::move(delta));
        }
    }
    return version;
}

RecordList with_seal(RecordList records, const SharedSeal& seal) {
    if (seal != nullptr) {
        for (const RecordView record : *seal) {
            records.add(record);
        }
    }
    return records;
}

std::size_t whole_size(const PublishedZone& zone, const RecordList& steered) {
    return zone.fixed->records.size() + steered.size();
}

}  // namespace

std::size_t PastVersion::memory() const noexcept {
    return sizeof *this + sizeof(SoaContent) + soa->data.size() +
           (seal == nullptr ? 0 : sizeof *seal + seal->size()) +
           (fixed == nullptr ? 0 : sizeof *fixed + fixed->size());
}

RecordList PublishedZone::steered_records() const {
    return with_seal(transfer::steered_records(apex(), fixed->steered, steered), seal);
}

SharedZone next_version(const SharedZone& before,
                        std::uint32_t serial,
                        SerialOrigin origin,
                        SharedFixed fixed,
                        SteeredParts steered,
                        SharedSeal seal) {
    auto zone = std::make_shared<PublishedZone>();
    zone->serial = serial;
    zone->origin = origin;
    zone->fixed = std::move(fixed);
    zone->steered = std::move(steered);
    zone->seal = std::move(seal);
    if (before != nullptr && origin == SerialOrigin::Own && before->apex() == zone->apex()) {
        CHECK(before->serial != serial);
        if (before->origin == SerialOrigin::Own) {
            zone->past = before->past;
            zone->past.push_back(past_of(*before, *zone->fixed));
        }
        trim(zone->past, std::max(kHistoryAlways, whole_size(*zone, zone->steered_records())));
        zone->past.shrink_to_fit();
    }
    return zone;
}

std::optional<ZoneDelta> delta_since(const PublishedZone& zone, std::uint32_t serial) {
    // The newest, should a serial have wrapped around.
    const auto reverse =
        std::ranges::find(zone.past.rbegin(), zone.past.rend(), serial, &PastVersion::serial);
    if (reverse == zone.past.rend()) {
        return std::nullopt;
    }
    const auto from = std::prev(reverse.base());
    const RecordList now = zone.steered_records();
    const RecordDelta steering = difference(
        with_seal(steered_records(zone.apex(), from->owners, from->steered), from->seal), now);
    std::vector<const RecordDelta*> steps = {&steering};
    for (auto version = from; version != zone.past.end(); ++version) {
        if (version->fixed != nullptr) {
            steps.push_back(version->fixed.get());
        }
    }
    ZoneDelta delta{serial, *from->soa, condense(steps)};
    if (delta.records.size() > whole_size(zone, now)) {
        return std::nullopt;
    }
    return delta;
}

}  // namespace dns::transfer
