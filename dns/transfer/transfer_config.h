#pragma once

// TransferConfig: who may fetch zones and who is told of changes, as operators configured it. A
// value; part of the Directory, and of the file that is kept of it. Holds secrets: it is never
// logged.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/endpoint.h"

namespace dns::transfer {

/// A shared key. `secret`: its octets.
struct KeyConfig {
    std::string name;       ///< lower case, without a final dot
    std::string algorithm;  ///< hmac-sha256, hmac-sha384 or hmac-sha512
    std::string secret;

    bool operator==(const KeyConfig&) const = default;
};

enum class PeerZones : std::uint8_t { All, Listed };

/// A secondary, or several that are alike.
struct PeerConfig {
    std::string name;
    std::vector<base::Network> networks;  ///< that it asks from; empty: any, and then by key only
    std::optional<std::string> key;       ///< that it must sign with; none: its networks are enough
    std::vector<base::Endpoint> notify;   ///< where it is told of changes
    PeerZones zones = PeerZones::All;
    std::vector<std::string> domains;  ///< PeerZones::Listed: these, ascending
    bool gets_catalog = false;         ///< and with it the names of all domains

    bool operator==(const PeerConfig&) const = default;
};

/// See the top of this file.
struct TransferConfig {
    std::optional<std::string> catalog;  ///< name of the catalog zone (RFC 9432)
    std::vector<KeyConfig> keys;         ///< ascending name
    std::vector<PeerConfig> peers;       ///< ascending name

    bool operator==(const TransferConfig&) const = default;
};

}  // namespace dns::transfer
