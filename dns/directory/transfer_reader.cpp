#include "dns/directory/transfer_reader.h"

#include <map>
#include <utility>

#include "base/hash.h"

namespace dns {
namespace {

constexpr base::Statement kKeys{
    "dns_transfer_keys",
    "SELECT name, algorithm, secret FROM directory.transfer_keys() ORDER BY name COLLATE \"C\""};

constexpr base::Statement kPeers{
    "dns_transfer_peers",
    "SELECT p.id, p.name, k.name, p.all_domains, p.gets_catalog, p.networks::text[] "
    "FROM directory.transfer_peer p LEFT JOIN directory.transfer_key k ON k.id = p.key_id "
    "ORDER BY p.name COLLATE \"C\""};

constexpr base::Statement kNotify{"dns_transfer_notify",
                                  "SELECT peer_id, host(address), port "
                                  "FROM directory.transfer_notify ORDER BY peer_id, address, port"};

constexpr base::Statement kListed{
    "dns_transfer_domains",
    "SELECT t.peer_id, d.name FROM directory.transfer_domain t "
    "JOIN directory.domain d ON d.id = t.domain_id ORDER BY t.peer_id, d.name COLLATE \"C\""};

constexpr base::Statement kCatalog{"dns_transfer_catalog",
                                   "SELECT name FROM directory.transfer_catalog"};

base::Result<transfer::PeerConfig> peer_of(const base::Row& row) {
    transfer::PeerConfig peer;
    peer.name = row.string(1);
    peer.key = row.optional_string(2);
    peer.zones = row.boolean(3) ? transfer::PeerZones::All : transfer::PeerZones::Listed;
    peer.gets_catalog = row.boolean(4);
    for (const std::string& network : row.string_array(5)) {
        peer.networks.push_back(TRY(base::Network::parse(network)));
    }
    return peer;
}

}  // namespace

base::Result<transfer::TransferConfig> read_transfer_config(base::Tx& tx) {
    transfer::TransferConfig config;
    const base::Rows keys = TRY(tx.query(kKeys));
    for (const base::Row row : keys) {
        const base::Bytes secret = row.bytes(2);
        config.keys.push_back({row.string(0), row.string(1), std::string(base::as_text(secret))});
    }
    std::map<std::int64_t, std::size_t> index;
    const base::Rows peers = TRY(tx.query(kPeers));
    for (const base::Row row : peers) {
        index[row.int64(0)] = config.peers.size();
        config.peers.push_back(TRY(peer_of(row)));
    }
    const base::Rows notify = TRY(tx.query(kNotify));
    for (const base::Row row : notify) {
        const base::IpAddress address = TRY(base::IpAddress::parse(row.text(1)));
        config.peers[index.at(row.int64(0))].notify.emplace_back(
            address, static_cast<std::uint16_t>(row.int64(2)));
    }
    const base::Rows listed = TRY(tx.query(kListed));
    for (const base::Row row : listed) {
        config.peers[index.at(row.int64(0))].domains.push_back(row.string(1));
    }
    const base::Rows catalog = TRY(tx.query(kCatalog));
    if (!catalog.empty()) {
        config.catalog = catalog[0].optional_string(0);
    }
    return config;
}

}  // namespace dns
