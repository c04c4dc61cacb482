#include "dns/transfer/transfer_view.h"

#include <algorithm>

#include "base/hash.h"

namespace dns::transfer {
namespace {

bool less_octets(std::span<const std::byte> left, std::span<const std::byte> right) noexcept {
    return std::ranges::lexicographical_compare(left, right);
}

base::Result<Peer> peer_of(const PeerConfig& config, const TsigKeys& keys) {
    Peer peer;
    peer.name = config.name;
    peer.networks = config.networks;
    peer.notify = config.notify;
    peer.zones = config.zones;
    peer.gets_catalog = config.gets_catalog;
    if (config.key) {
        const Name name = TRY(Name::from_text(*config.key));
        peer.key = keys.find(name.wire());
        if (peer.key == nullptr) {
            return base::Error{base::Errc::Invalid,
                               "peer " + config.name + ": there is no TSIG key " + *config.key};
        }
    } else if (config.networks.empty()) {
        return base::Error{base::Errc::Invalid,
                           "peer " + config.name + " has neither a key nor a network"};
    }
    for (const std::string& domain : config.domains) {
        peer.domains.push_back(TRY(Name::from_text(domain)));
    }
    std::ranges::sort(peer.domains, [](const Name& left, const Name& right) {
        return less_octets(left.wire(), right.wire());
    });
    return peer;
}

}  // namespace

base::Result<TsigKey> tsig_key(const KeyConfig& config) {
    const std::string who = "TSIG key " + config.name;
    auto name = Name::from_text(config.name);
    if (!name || name.value().size() > kKeyNameMax) {
        return base::Error{base::Errc::Invalid,
                           who + ": its name is no domain name of at most " +
                               std::to_string(kKeyNameMax) + " octets"};
    }
    if (config.secret.size() < kKeySecretMin) {
        return base::Error{
            base::Errc::Invalid,
            who + ": its secret is shorter than " + std::to_string(kKeySecretMin) + " octets"};
    }
    const HmacAlgorithm algorithm = TRY(tsig_algorithm(config.algorithm));
    return TsigKey{std::move(name).take_value(), HmacKey(algorithm, base::as_bytes(config.secret))};
}

base::Result<std::shared_ptr<const TransferRights>> TransferRights::create(
    const TransferConfig& config) {
    std::shared_ptr<TransferRights> rights(new TransferRights);
    std::vector<TsigKey> keys;
    for (const KeyConfig& key : config.keys) {
        keys.push_back(TRY(tsig_key(key)));
    }
    rights->keys_ = TsigKeys(std::move(keys));
    for (const PeerConfig& peer : config.peers) {
        rights->peers_.push_back(TRY(peer_of(peer, rights->keys_)));
    }
    if (config.catalog) {
        rights->catalog_ = TRY(Name::from_text(*config.catalog));
    }
    return std::shared_ptr<const TransferRights>(std::move(rights));
}

bool TransferRights::covers(const Peer& peer, std::span<const std::byte> zone) const noexcept {
    if (!catalog_.is_root() && std::ranges::equal(zone, catalog_.wire())) {
        return peer.gets_catalog;
    }
    if (peer.zones == PeerZones::All) {
        return true;
    }
    const auto wire = [](const Name& name) { return name.wire(); };
    return std::ranges::binary_search(peer.domains, zone, less_octets, wire);
}

bool TransferRights::may_transfer(std::span<const std::byte> zone,
                                  const base::IpAddress& client,
                                  const TsigKey* key) const noexcept {
    return std::ranges::any_of(peers_, [&](const Peer& peer) {
        const bool from_there =
            peer.networks.empty() ||
            std::ranges::any_of(peer.networks, [&client](const base::Network& network) {
                return network.contains(client);
            });
        return from_there && (peer.key == nullptr || peer.key == key) && covers(peer, zone);
    });
}

bool TransferRights::is_transferred(const Name& zone) const noexcept {
    return std::ranges::any_of(peers_, [&](const Peer& peer) { return covers(peer, zone.wire()); });
}

TransferView::TransferView(std::shared_ptr<const TransferRights> rights,
                           std::vector<SharedZone> zones,
                           MovedZones moved)
    : rights_(std::move(rights)), zones_(std::move(zones)), moved_(std::move(moved)) {
}

const SharedZone* TransferView::find(std::span<const std::byte> name) const noexcept {
    const auto wire = [](const SharedZone& zone) { return zone->apex().wire(); };
    const auto at = std::ranges::lower_bound(zones_, name, less_octets, wire);
    return at != zones_.end() && std::ranges::equal((*at)->apex().wire(), name) ? &*at : nullptr;
}

}  // namespace dns::transfer
