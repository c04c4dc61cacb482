#include "dns/plugin/signing_data.h"

#include <algorithm>
#include <limits>

#include "base/base64.h"

namespace dns::plugin {
namespace {

bool is_among(const std::vector<const dnssec::KeyRecord*>& keys, const dnssec::KeyRecord& key) {
    return std::ranges::find(keys, &key) != keys.end();
}

}  // namespace

SigningData::SigningData(const std::vector<dnssec::StoredKeys>& zones,
                         const std::map<std::int64_t, std::string>& secrets) {
    for (const dnssec::StoredKeys& stored : zones) {
        auto apex = Name::from_text(stored.domain);
        const dnssec::KeyRoles roles = dnssec::roles_of(stored.keys);
        if (!apex || roles.published.empty()) {
            continue;
        }
        ZoneSigning& zone = zones_[std::move(apex).take_value()];
        zone.narrow_nsec3 = stored.denial != dnssec::Denial::Nsec;
        zone.publishes_cds = !roles.delegation.empty();
        for (const dnssec::KeyRecord& record : stored.keys.keys) {
            const auto secret = secrets.find(record.id);
            if (secret == secrets.end() || record.id > std::numeric_limits<std::int32_t>::max()) {
                continue;
            }
            PluginKey key;
            key.id = record.id;
            key.active = is_among(roles.sign_zone, record);
            key.published = is_among(roles.published, record);
            key.content = private_key_text(record.key.algorithm, secret->second);
            zone.keys.push_back(std::move(key));
        }
    }
}

const ZoneSigning* SigningData::find(const Name& apex) const {
    const auto found = zones_.find(apex);
    return found == zones_.end() ? nullptr : &found->second;
}

std::string private_key_text(dnssec::Algorithm algorithm, std::string_view secret) {
    const std::string_view name =
        algorithm == dnssec::Algorithm::EcdsaP256 ? "ECDSAP256SHA256" : "ED25519";
    return "Private-key-format: v1.2\nAlgorithm: " +
           std::to_string(static_cast<unsigned>(algorithm)) + " (" + std::string(name) +
           ")\nPrivateKey: " + base::base64(secret) + "\n";
}

}  // namespace dns::plugin
