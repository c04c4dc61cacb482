#pragma once

// TransferView: everything that transfers are answered from at one moment: keys, peers, the present
// version of each zone. Part of a Snapshot, and like it immutable.
//
// Thread rule: any thread may read; find(), may_transfer() and keys() do not allocate. Made by
// TransferKeeper.

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/endpoint.h"
#include "base/result.h"
#include "dns/transfer/published_zone.h"
#include "dns/transfer/transfer_config.h"
#include "dns/tsig.h"

namespace dns::transfer {

/// The longest name of a key, in wire form: the TSIG record of an answer then leaves room for the
/// question even in a message of 512 octets.
inline constexpr std::size_t kKeyNameMax = 100;
/// RFC 8945 8: as long as the code, and not shorter; here the least that is taken at all.
inline constexpr std::size_t kKeySecretMin = 16;

/// A key as messages are judged by it. Invalid: its name, algorithm or secret.
[[nodiscard]] base::Result<TsigKey> tsig_key(const KeyConfig& config);

/// A peer as requests are judged by it.
struct Peer {
    std::string name;
    std::vector<base::Network> networks;
    const TsigKey* key = nullptr;  ///< of the rights' keys; null: none is asked for
    PeerZones zones = PeerZones::All;
    std::vector<Name> domains;  ///< ascending
    bool gets_catalog = false;
    std::vector<base::Endpoint> notify;
};

/// Keys and peers. Immutable; made once for a configuration.
class TransferRights {
  public:
    /// Invalid: a key's name, algorithm or secret, a peer with a key that is not there, or with
    /// neither a key nor a network.
    static base::Result<std::shared_ptr<const TransferRights>> create(const TransferConfig& config);

    [[nodiscard]] const TsigKeys& keys() const noexcept { return keys_; }

    [[nodiscard]] const std::vector<Peer>& peers() const noexcept { return peers_; }

    /// Root: there is none.
    [[nodiscard]] const Name& catalog() const noexcept { return catalog_; }

    /// Whether a client may fetch a zone: some peer has the address, the key and the zone. `key`:
    /// what the request is signed with, of keys(); null: not signed.
    [[nodiscard]] bool may_transfer(std::span<const std::byte> zone,
                                    const base::IpAddress& client,
                                    const TsigKey* key) const noexcept;

    /// Some peer fetches this zone.
    [[nodiscard]] bool is_transferred(const Name& zone) const noexcept;

    [[nodiscard]] bool covers(const Peer& peer, std::span<const std::byte> zone) const noexcept;

  private:
    TransferRights() = default;

    TsigKeys keys_;
    std::vector<Peer> peers_;
    Name catalog_;
};

/// Zones that a view lists as moved, at most; where there are more, all may be.
inline constexpr std::size_t kMovedMax = 1000;

/// The zones whose version is another one than in the view before.
struct MovedZones {
    bool all = true;  ///< too many, or not known: any of them
    std::vector<SharedZone> zones{};
};

/// See the top of this file.
class TransferView {
  public:
    /// `zones` in ascending order of the octets of their names.
    TransferView(std::shared_ptr<const TransferRights> rights,
                 std::vector<SharedZone> zones,
                 MovedZones moved = {});

    [[nodiscard]] const TransferRights& rights() const noexcept { return *rights_; }

    /// `name` in lower case wire form; null: no zone that anybody may fetch. Borrowed.
    [[nodiscard]] const SharedZone* find(std::span<const std::byte> name) const noexcept;

    [[nodiscard]] const std::vector<SharedZone>& zones() const noexcept { return zones_; }

    [[nodiscard]] const MovedZones& moved() const noexcept { return moved_; }

  private:
    std::shared_ptr<const TransferRights> rights_;
    std::vector<SharedZone> zones_;
    MovedZones moved_;
};

using SharedView = std::shared_ptr<const TransferView>;

}  // namespace dns::transfer
