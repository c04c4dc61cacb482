#include "dns/transfer/zone_seal.h"

#include <map>
#include <string>
#include <utility>

#include "base/hash.h"
#include "dns/dnssec/canonical.h"
#include "dns/wire.h"

namespace dns::transfer {
namespace {

using Place = std::pair<Name, std::uint16_t>;
using Sets = std::map<Place, RecordSet>;

base::Result<Sets> steered_sets(const FixedContent& fixed, const SteeredParts& steered) {
    Sets sets;
    const RecordList records = steered_records(fixed.apex, fixed.steered, steered);
    for (const RecordView record : records) {
        const Name owner = TRY(Name::from_wire(base::as_bytes(record.owner())));
        RecordSet& set = sets[{owner, record.type()}];
        set.ttl = record.ttl();
        set.data.emplace_back(record.data());
    }
    return sets;
}

// Signatures of the version before, by what they cover.
class Kept {
  public:
    static base::Result<Kept> of(const EarlierSeal& earlier, std::int64_t made_after_s) {
        Kept kept;
        if (earlier.fixed == nullptr || earlier.seal == nullptr) {
            return kept;
        }
        kept.sets_ = TRY(steered_sets(*earlier.fixed, *earlier.steered));
        for (const RecordView record : *earlier.seal) {
            const Name owner = TRY(Name::from_wire(base::as_bytes(record.owner())));
            const dnssec::RrsigFields fields = TRY(dnssec::parse_rrsig(record.data()));
            if (fields.inception > made_after_s) {
                kept.signatures_[{{owner, fields.covered}, {fields.algorithm, fields.tag}}] =
                    record.data();
            }
        }
        return kept;
    }

    // Empty: there is none that is good for this set.
    [[nodiscard]] std::string_view find(const Place& place,
                                        const RecordSet& set,
                                        const dnssec::ZoneKey& key) const {
        const auto before = sets_.find(place);
        if (before == sets_.end() || before->second.ttl != set.ttl ||
            before->second.data != set.data) {
            return {};
        }
        // Keys of one zone have tags of their own.
        const auto known =
            signatures_.find({place, {static_cast<std::uint8_t>(key.half.algorithm), key.tag}});
        return known == signatures_.end() ? std::string_view() : known->second;
    }

  private:
    Sets sets_;
    std::map<std::pair<Place, std::pair<std::uint8_t, std::uint16_t>>, std::string_view>
        signatures_;
};

}  // namespace

base::Result<SharedSeal> seal_version(const dnssec::ZoneVariants& signer,
                                      const dnssec::Validity& validity,
                                      std::uint32_t serial,
                                      const FixedContent& fixed,
                                      const SteeredParts& steered,
                                      const EarlierSeal& earlier) {
    Sets sets = TRY(steered_sets(fixed, steered));
    const Kept kept = TRY(Kept::of(earlier, validity.inception_s - kSealKeptS));
    // Its serial is another one each time, so nothing is kept of it.
    sets[{fixed.apex, static_cast<std::uint16_t>(RrType::Soa)}] = {fixed.soa.ttl,
                                                                   {soa_data(fixed.soa, serial)}};
    auto seal = std::make_shared<RecordList>();
    for (const auto& [place, set] : sets) {
        const auto& [owner, type] = place;
        const std::string octets = dnssec::canonical_records(
            owner, type, set.ttl, TRY(dnssec::canonical_set(type, set.data)));
        for (const dnssec::ZoneKey& key : signer.source().plan->zone_keys) {
            const std::string_view before = kept.find(place, set, key);
            if (!before.empty()) {
                seal->add(owner.wire(), dnssec::kTypeRrsig, set.ttl, before);
                continue;
            }
            seal->add(
                owner.wire(),
                dnssec::kTypeRrsig,
                set.ttl,
                TRY(dnssec::sign_records(key, fixed.apex, owner, type, set.ttl, octets, validity)));
        }
    }
    seal->shrink_to_fit();
    return SharedSeal(std::move(seal));
}

}  // namespace dns::transfer
