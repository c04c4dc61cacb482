#include "dns/transfer/zone_seal.h"

#include <map>
#include <string>
#include <utility>

#include "base/hash.h"
#include "dns/dnssec/canonical.h"
#include "dns/wire.h"

namespace dns::transfer {

base::Result<SharedSeal> seal_version(const dnssec::ZoneVariants& signer,
                                      const dnssec::Validity& validity,
                                      std::uint32_t serial,
                                      const FixedContent& fixed,
                                      const SteeredParts& steered) {
    std::map<std::pair<Name, std::uint16_t>, RecordSet> sets;
    sets[{fixed.apex, static_cast<std::uint16_t>(RrType::Soa)}] = {fixed.soa.ttl,
                                                                   {soa_data(fixed.soa, serial)}};
    const RecordList records = steered_records(fixed.apex, fixed.steered, steered);
    for (const RecordView record : records) {
        const Name owner = TRY(Name::from_wire(base::as_bytes(record.owner())));
        RecordSet& set = sets[{owner, record.type()}];
        set.ttl = record.ttl();
        set.data.emplace_back(record.data());
    }
    auto seal = std::make_shared<RecordList>();
    for (const auto& [place, set] : sets) {
        const auto& [owner, type] = place;
        const std::string octets = dnssec::canonical_records(
            owner, type, set.ttl, TRY(dnssec::canonical_set(type, set.data)));
        for (const dnssec::ZoneKey& key : signer.source().plan->zone_keys) {
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
