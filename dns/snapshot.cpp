#include "dns/snapshot.h"

namespace dns {

Snapshot::Snapshot(Source source) : source_(std::move(source)), names_(source_.names.get()) {
    steering_.reserve(source_.zones.size());
    for (const ZoneSets& sets : source_.zones) {
        steering_.push_back({sets.mail.get(), sets.access.get()});
    }
}

base::Result<std::unique_ptr<const Snapshot>> Snapshot::create(Source source) {
    if (source.names == nullptr || source.zones.size() != source.names->zones().size() ||
        source.serials.size() != source.zones.size()) {
        return base::Error{base::Errc::Invalid, "snapshot without the sets of its zones"};
    }
    for (std::size_t i = 0; i < source.zones.size(); ++i) {
        const ZoneImage& zone = source.names->zone(static_cast<std::uint32_t>(i));
        if ((zone.steers_mail() && source.zones[i].mail == nullptr) ||
            (zone.steers_access() && source.zones[i].access == nullptr)) {
            return base::Error{base::Errc::Invalid,
                               "zone " + zone.apex().to_text() + " has no steering yet"};
        }
    }
    return std::unique_ptr<const Snapshot>(new Snapshot(std::move(source)));
}

}  // namespace dns
