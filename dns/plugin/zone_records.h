#pragma once

// The records of a zone as a server that does its own resolving wants them: what is exactly at a
// name, without wildcards, aliases or referrals, glue marked as such. Read out of a snapshot; what
// is steered is picked as the public port picks it.
//
// Names of the internal view are not there. Pure but for the turns; allocates. Thread rule: one
// thread at a time for the turns, any for the rest.
//
// Source of the turns and the pick: answer.cpp; STEERING 5.6.

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dns/answer.h"
#include "dns/client.h"
#include "dns/name.h"
#include "dns/snapshot.h"

namespace dns::plugin {

/// An empty non-terminal has one record of this type, without data: PowerDNS's way to know it.
inline constexpr std::uint16_t kEmptyNonTerminal = 0;

struct ZoneRecord {
    Name owner;
    std::uint16_t type = 0;
    std::uint32_t ttl = 0;  ///< seconds
    std::string data;       ///< wire form
    bool authoritative = true;
    std::uint8_t scope = 0;  ///< bits of the client's subnet that it holds for (RFC 7871 7.2.1)
};

using ZoneRecords = std::vector<ZoneRecord>;

/// Adds a steered RRset at a name.
using AddSteered = std::function<void(const SetRef& set, const Name& owner, ZoneRecords& out)>;

/// Adds what a node has of a type (RrType::Any: all), of a delegation the NS and all glue below it.
/// `serial`: of the zone's SOA.
void add_node(const ZoneImage& zone,
              const Node& node,
              std::uint16_t type,
              std::uint32_t serial,
              const AddSteered& steered,
              ZoneRecords& out);

/// Who asks PowerDNS, as far as steering wants to know.
struct Asker {
    Client client;
    std::uint8_t scope = 0;  ///< not 0: `client` is of an EDNS client subnet

    /// From the addresses of a lookup: `remote` is the resolver; `real_remote` the client's subnet
    /// if PowerDNS heeds RFC 7871 and was told one, else the resolver again. A subnet wider than
    /// the networks that steering tells apart (/24, /48) is as good as none. Addresses that are
    /// none: 0.0.0.0.
    static Asker read(std::string_view remote, std::string_view real_remote);
};

/// What a lookup found.
struct FoundRecords {
    std::uint32_t zone = 0;  ///< its index in the snapshot
    ZoneRecords records;     ///< empty: nothing there
};

/// See the top of this file. Owned by who serves one stream of lookups.
class ZoneReader {
  public:
    /// `zone`: look in this one; none: in the one that has the name.
    [[nodiscard]] FoundRecords lookup(const Snapshot& snapshot,
                                      const Name& name,
                                      std::uint16_t type,
                                      std::optional<std::uint32_t> zone,
                                      const Asker& asker);

  private:
    std::array<std::uint32_t, kTurns> turns_{};
};

/// Index of the zone of this name in the snapshot.
[[nodiscard]] std::optional<std::uint32_t> find_zone(const Snapshot& snapshot, const Name& apex);

/// The names with records of their own right before `name` (or itself) and right after it in
/// canonical order; after the last comes the apex (RFC 4034 4.1.1).
struct Neighbours {
    Name before;
    Name after;
};

[[nodiscard]] Neighbours neighbours_of(const ZoneImage& zone, const Name& name);

}  // namespace dns::plugin
