#include "dns/snapshot.h"

namespace dns {

Snapshot::Snapshot(Source source) : source_(std::move(source)), names_(source_.names.get()) {
    parts_.reserve(source_.zones.size());
    for (std::size_t i = 0; i < source_.zones.size(); ++i) {
        ZoneParts parts{source_.zones[i].mail.get(), source_.zones[i].access.get()};
        if (i < source_.seals.size()) {
            const ZoneSeal& seal = source_.seals[i];
            parts.signatures = seal.signatures.get();
            parts.variants = seal.variants.get();
            parts.withheld = seal.wanted && parts.signatures == nullptr;
        }
        parts_.push_back(parts);
    }
}

base::Result<std::unique_ptr<const Snapshot>> Snapshot::create(Source source) {
    if (source.names == nullptr || source.zones.size() != source.names->zones().size() ||
        source.serials.size() != source.zones.size()) {
        return base::Error{base::Errc::Invalid, "snapshot without the sets of its zones"};
    }
    for (std::size_t i = 0; i < source.zones.size(); ++i) {
        const ZoneImage& zone = source.names->zone(static_cast<std::uint32_t>(i));
        if (source.zones[i].nameless) {
            continue;
        }
        if ((zone.steers_mail() && source.zones[i].mail == nullptr) ||
            (zone.steers_access() && source.zones[i].access == nullptr)) {
            return base::Error{base::Errc::Invalid,
                               "zone " + zone.apex().to_text() + " has no steering yet"};
        }
    }
    for (const ZoneSeal& seal : source.seals) {
        if ((seal.signatures == nullptr) != (seal.variants == nullptr)) {
            return base::Error{base::Errc::Invalid, "signatures without variants or the reverse"};
        }
    }
    return std::unique_ptr<const Snapshot>(new Snapshot(std::move(source)));
}

}  // namespace dns
