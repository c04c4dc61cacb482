#include "dns/zone_sealer.h"

#include <algorithm>
#include <utility>

#include "dns/ldns_door.h"
#include "dns/wire.h"

namespace dns {
namespace {

constexpr auto kSoa = static_cast<std::uint16_t>(RrType::Soa);

const SteeredSet* set_of(const Snapshot::ZoneSets& sets, SteeredKind kind) {
    return kind == SteeredKind::Mx ? sets.mail.get() : sets.access.get();
}

// A steered set of a zone, and who makes it.
struct SteeredPlace {
    Name owner;
    std::uint16_t type = 0;
    SteeredKind kind = SteeredKind::None;
    const SteeredSet* set = nullptr;  // null: the pool has nothing of the kind
};

base::Result<std::vector<SteeredPlace>> steered_places(const ZoneImage& image,
                                                       const Snapshot::ZoneSets& sets) {
    std::vector<SteeredPlace> places;
    for (const Node& node : image.nodes()) {
        for (const SetRef& ref : image.sets(node)) {
            if (ref.steered != SteeredKind::None) {
                const SteeredSet* const set = set_of(sets, ref.steered);
                places.push_back({TRY(Name::from_wire(image.name(node))),
                                  ref.type,
                                  ref.steered,
                                  set != nullptr && set->has(ref.steered) ? set : nullptr});
            }
        }
    }
    return places;
}

base::Result<dnssec::ZoneVariants::Place> anchored(const SteeredPlace& place,
                                                   const dnssec::SignedZone& zone) {
    dnssec::ZoneVariants::Place made{place.owner, place.type, place.kind, {}};
    if (place.set == nullptr) {
        return made;
    }
    const SteeredSet::Variant& anchor = place.set->anchor(place.kind);
    made.anchor = TRY(dnssec::signed_variant(
        zone.apex, place.type, zone.names.at(place.owner).at(place.type), zone.validity));
    made.anchor.content = anchor.content;
    made.anchor.hosts = anchor.hosts;
    made.anchor.roster = place.set->out().roster;
    return made;
}

}  // namespace

base::Status add_key_sets(Zone& zone, const dnssec::ZoneSigning& plan) {
    for (auto& [type, set] : dnssec::key_sets(zone.apex, plan)) {
        if (!zone.names[zone.apex].emplace(type, set).second) {
            return base::Error{base::Errc::Invalid,
                               zone.apex.to_text() + " " + record_type_name(type) +
                                   ": made by the name server in a zone that is signed"};
        }
    }
    return base::Done{};
}

base::Result<Sealed> seal_zone(const SealInput& input,
                               dnssec::SignatureCache& cache,
                               const dnssec::ZoneVariants* before) {
    dnssec::ZoneSigning signing = *input.plan;
    signing.validity = dnssec::validity_at(input.now_s, input.zone.apex, input.policy);
    signing.reuse_after_s = input.now_s + input.policy.refresh_left_s;
    const auto has_private_half = [](const dnssec::ZoneKey& key) { return key.key.has_value(); };
    if (!std::ranges::all_of(signing.zone_keys, has_private_half)) {
        // Nothing else is to be had: an old SOA, too, rather than none.
        signing.reuse_after_s = input.now_s;
        signing.serial = cache.serial();
    } else {
        signing.serial = input.serial;
    }
    const auto places = TRY(steered_places(input.image, input.sets));
    for (const SteeredPlace& place : places) {
        if (place.set != nullptr) {
            signing.steered[place.owner][place.type] = place.set->anchor(place.kind).records;
        }
    }
    Sealed sealed;
    sealed.zone = TRY(dnssec::sign_zone(input.zone, signing, cache));
    const auto signatures = std::make_shared<const dnssec::ZoneSignatures>(
        TRY(dnssec::ZoneSignatures::build(input.image, sealed.zone)));
    const dnssec::SignedSet& soa = sealed.zone.names.at(input.zone.apex).at(kSoa);
    dnssec::ZoneVariants::Source source;
    source.apex = input.zone.apex;
    source.plan = input.plan;
    source.soa = soa.set;
    source.negative_ttl = input.zone.negative_ttl;
    source.places.push_back({input.zone.apex, kSoa, SteeredKind::None, {}});
    source.places.front().anchor = TRY(
        dnssec::signed_soa(input.zone.apex, soa, input.zone.negative_ttl, sealed.zone.validity));
    source.places.front().anchor.content = dnssec::soa_content(signing.serial);
    for (const SteeredPlace& place : places) {
        source.places.push_back(TRY(anchored(place, sealed.zone)));
    }
    sealed.seal.wanted = true;
    sealed.seal.signatures = signatures;
    sealed.seal.variants = std::make_shared<const dnssec::ZoneVariants>(
        std::move(source), before, signing.reuse_after_s);
    sealed.resign_at_s = dnssec::refresh_at_s(sealed.zone.validity, input.policy);
    return sealed;
}

bool has_anchors_of(const dnssec::ZoneVariants& variants, const Snapshot::ZoneSets& sets) {
    const auto& places = variants.source().places;
    return std::ranges::all_of(places, [&sets](const dnssec::ZoneVariants::Place& place) {
        const SteeredSet* const set = set_of(sets, place.kind);
        const bool has = place.kind != SteeredKind::None && set != nullptr && set->has(place.kind);
        if (place.kind == SteeredKind::None) {
            return true;
        }
        return has ? place.anchor.content == set->anchor(place.kind).content &&
                         place.anchor.roster == set->out().roster
                   : place.anchor.images == nullptr;
    });
}

}  // namespace dns
