#include "dns/snapshot.h"

#include <algorithm>

namespace dns {
namespace {

// What a group lacks for a zone that is steered.
bool serves(const Snapshot::ZoneSets& sets, const ZoneImage& zone) {
    return sets.nameless || ((!zone.steers_mail() || sets.mail != nullptr) &&
                             (!zone.steers_access() || sets.access != nullptr));
}

// Groups keep what they have from one snapshot to the next: only who is in which can be new.
bool same_shape(const std::vector<Snapshot::ZoneSets>& left,
                const std::vector<Snapshot::ZoneSets>& right) {
    return std::ranges::equal(left, right, [](const auto& a, const auto& b) {
        return a.nameless == b.nameless && (a.mail == nullptr) == (b.mail == nullptr) &&
               (a.access == nullptr) == (b.access == nullptr);
    });
}

base::Status check_groups(const Snapshot::Source& source) {
    for (std::size_t i = 0; i < source.group_of->size(); ++i) {
        const std::uint32_t group = (*source.group_of)[i];
        const ZoneImage& zone = source.names->zone(static_cast<std::uint32_t>(i));
        if (group >= source.groups.size() || !serves(source.groups[group], zone)) {
            return base::Error{base::Errc::Invalid,
                               "zone " + zone.apex().to_text() + " has no steering yet"};
        }
    }
    return base::Done{};
}

base::Status check_seals(const std::vector<Snapshot::ZoneSeal>& seals) {
    for (const Snapshot::ZoneSeal& seal : seals) {
        if ((seal.signatures == nullptr) != (seal.variants == nullptr)) {
            return base::Error{base::Errc::Invalid, "signatures without variants or the reverse"};
        }
    }
    return base::Done{};
}

}  // namespace

Snapshot::Snapshot(Source source)
    : source_(std::move(source)),
      names_(source_.names.get()),
      groups_(source_.groups.data()),
      group_of_(source_.group_of->data()),
      serials_(source_.serials->data()),
      seals_(source_.seals == nullptr ? nullptr : source_.seals->data()) {
}

base::Result<std::unique_ptr<const Snapshot>> Snapshot::create(Source source, const Source* known) {
    const std::size_t zones = source.names == nullptr ? 0 : source.names->zones().size();
    if (source.names == nullptr || source.group_of == nullptr || source.serials == nullptr ||
        source.group_of->size() != zones || source.serials->size() != zones ||
        (source.seals != nullptr && source.seals->size() != zones)) {
        return base::Error{base::Errc::Invalid, "snapshot without the parts of its zones"};
    }
    const bool looked_at = known != nullptr && known->names == source.names &&
                           known->group_of == source.group_of &&
                           same_shape(known->groups, source.groups);
    if (!looked_at) {
        TRY(check_groups(source));
    }
    if (source.seals != nullptr && (known == nullptr || known->seals != source.seals)) {
        TRY(check_seals(*source.seals));
    }
    return std::unique_ptr<const Snapshot>(new Snapshot(std::move(source)));
}

}  // namespace dns
