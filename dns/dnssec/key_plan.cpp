#include "dns/dnssec/key_plan.h"

#include <utility>

namespace dns::dnssec {
namespace {

base::Result<std::vector<ZoneKey>> keys_of(const std::vector<const KeyRecord*>& records,
                                           const Secrets& secrets) {
    std::vector<ZoneKey> keys;
    for (const KeyRecord* const record : records) {
        const auto secret = secrets.find(record->id);
        if (secret == secrets.end()) {
            keys.push_back(zone_key(record->key));
            continue;
        }
        keys.push_back(
            zone_key(TRY(SigningKey::from_secret(record->key.algorithm, secret->second))));
        if (keys.back().half != record->key) {
            return base::Error{
                base::Errc::Invalid,
                "the halves of key " + std::to_string(keys.back().tag) + " do not belong together"};
        }
    }
    return keys;
}

std::vector<PublicKey> halves_of(const std::vector<const KeyRecord*>& records) {
    std::vector<PublicKey> halves;
    for (const KeyRecord* const record : records) {
        halves.push_back(record->key);
    }
    return halves;
}

}  // namespace

base::Result<ZoneSigning> plan_signing(const StoredKeys& keys, const Secrets& secrets) {
    const KeyRoles roles = roles_of(keys.keys);
    ZoneSigning plan;
    plan.zone_keys = TRY(keys_of(roles.sign_zone, secrets));
    plan.key_keys = TRY(keys_of(roles.sign_keys, secrets));
    plan.published = halves_of(roles.published);
    plan.delegation_wanted = halves_of(roles.delegation);
    plan.delegation_removed = roles.delegation_removed;
    plan.key_ttl = static_cast<std::uint32_t>(keys.times.key_ttl_s);
    plan.denial = keys.denial;
    return plan;
}

}  // namespace dns::dnssec
