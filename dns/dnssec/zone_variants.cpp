#include "dns/dnssec/zone_variants.h"

#include <algorithm>
#include <utility>

#include "dns/dnssec/canonical.h"
#include "dns/wire.h"

namespace dns::dnssec {
namespace {

constexpr auto kSoa = static_cast<std::uint16_t>(RrType::Soa);

bool same_keys(const ZoneSigning& left, const ZoneSigning& right) {
    return std::ranges::equal(left.zone_keys, right.zone_keys, {}, &ZoneKey::half, &ZoneKey::half);
}

}  // namespace

ZoneVariants::ZoneVariants(Source source, const ZoneVariants* before, std::int64_t reuse_after_s)
    : source_(std::move(source)), places_(source_.places.size()) {
    for (Slot& slot : places_) {
        slot.list.store(std::make_unique<List>().release(), std::memory_order_release);
    }
    if (before != nullptr && same_keys(*source_.plan, *before->source_.plan)) {
        take_over(*before, reuse_after_s);
    }
}

ZoneVariants::~ZoneVariants() {
    for (Slot& slot : places_) {
        const std::unique_ptr<const List> last(slot.list.load(std::memory_order_acquire));
    }
}

void ZoneVariants::take_over(const ZoneVariants& before, std::int64_t reuse_after_s) {
    for (std::size_t i = 0; i < places_.size(); ++i) {
        const Place& place = source_.places[i];
        const auto old = std::ranges::find_if(before.source_.places, [&place](const Place& known) {
            return known.owner == place.owner && known.type == place.type;
        });
        if (old == before.source_.places.end()) {
            continue;
        }
        // The SOA's variants are of one SOA, whatever the serial.
        if (i == kSoaPlace && (before.source_.soa.ttl != source_.soa.ttl ||
                               before.source_.soa.data != source_.soa.data ||
                               before.source_.negative_ttl != source_.negative_ttl)) {
            continue;
        }
        const std::lock_guard lock(before.changing_);
        auto list = std::make_unique<List>(
            before.list(static_cast<std::size_t>(old - before.source_.places.begin())));
        std::erase_if(*list, [reuse_after_s](const SignedVariant& variant) {
            return variant.validity.expiration_s <= reuse_after_s;
        });
        const std::unique_ptr<const List> empty(
            places_[i].list.exchange(list.release(), std::memory_order_acq_rel));
    }
}

std::unique_ptr<const ZoneVariants::List> ZoneVariants::add(std::size_t place,
                                                            const SignedVariant& made,
                                                            std::int64_t now_s) const {
    const std::lock_guard lock(changing_);
    auto next = std::make_unique<List>(with_variant(list(place), made, now_s));
    return std::unique_ptr<const List>(
        places_[place].list.exchange(next.release(), std::memory_order_acq_rel));
}

std::size_t ZoneVariants::memory() const noexcept {
    std::size_t size = sizeof *this + places_.capacity() * (sizeof(Slot) + sizeof(List)) +
                       source_.places.capacity() * sizeof(Place);
    for (const Place& place : source_.places) {
        size += place.anchor.images == nullptr ? 0 : place.anchor.images->arena.capacity();
    }
    return size;
}

base::Result<SignedVariant> signed_variant(const Name& apex,
                                           std::uint16_t type,
                                           const SignedSet& set,
                                           const Validity& validity) {
    auto images = std::make_shared<SignedImages>();
    ImageBuilder records{Name()};
    for (const std::string& data : set.set.data) {
        records.record(type, set.set.ttl, data);
    }
    images->set_at = TRY(records.finish(images->arena));
    ImageBuilder signatures(apex);
    for (const std::string& data : set.signatures) {
        signatures.record(kTypeRrsig, set.set.ttl, data);
    }
    images->signatures_at = TRY(signatures.finish(images->arena));
    images->arena.shrink_to_fit();
    SignedVariant made;
    made.validity = validity;
    made.images = std::move(images);
    return made;
}

base::Result<SignedVariant> signed_soa(const Name& apex,
                                       const SignedSet& set,
                                       std::uint32_t negative_ttl,
                                       const Validity& validity) {
    auto images = std::make_shared<SignedImages>();
    ImageBuilder positive(apex);
    ImageBuilder negative(apex);
    positive.record(kSoa, set.set.ttl, set.set.data.front());
    negative.record_of(apex, kSoa, negative_ttl, set.set.data.front());
    for (const std::string& data : set.signatures) {
        positive.record(kTypeRrsig, set.set.ttl, data);
        negative.record_of(apex, kTypeRrsig, negative_ttl, data);
    }
    images->set_at = TRY(positive.finish(images->arena));
    images->negative_at = TRY(negative.finish(images->arena));
    images->arena.shrink_to_fit();
    SignedVariant made;
    made.validity = validity;
    made.images = std::move(images);
    return made;
}

base::Result<SignedVariant> sign_place(const ZoneVariants::Source& zone,
                                       const ZoneVariants::Place& place,
                                       RecordSet set,
                                       const Validity& validity) {
    SignedSet made{std::move(set), {}};
    const auto records = TRY(canonical_set(place.type, made.set.data));
    const std::string octets = canonical_records(place.owner, place.type, made.set.ttl, records);
    for (const ZoneKey& key : zone.plan->zone_keys) {
        made.signatures.push_back(TRY(
            sign_records(key, zone.apex, place.owner, place.type, made.set.ttl, octets, validity)));
    }
    return place.type == kSoa ? signed_soa(zone.apex, made, zone.negative_ttl, validity)
                              : signed_variant(zone.apex, place.type, made, validity);
}

}  // namespace dns::dnssec
