#pragma once

// ParentLookup: asks the servers of a zone's parent for its DS, each of them (RFC 7583 3.3.3: what
// one server has, another may not have yet).
//
// Which they are is asked of caching resolvers: the nearest name above the zone that has NS is the
// parent (RFC 1034 4.2.1), its hosts' addresses follow; what resolvers said is kept for its TTL, at
// most an hour. The servers are asked over TCP alone: keys move by what they say, and a forged
// datagram could make a zone vanish. Of a host the first address that answers counts.
//
// Limits: kParentHostsMax hosts, kParentAddressesMax addresses of each, kParentsKept parents.
// Thread rule: loop thread only, from a fiber; several at once are fine. Errors of ask():
// Unavailable, Timeout (some server was not heard, or does not know the zone), Cancelled.

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/endpoint.h"
#include "base/result.h"
#include "dns/dnssec/parent_view.h"
#include "dns/name.h"

namespace dns {

inline constexpr std::size_t kParentHostsMax = 32;
inline constexpr std::size_t kParentAddressesMax = 4;
inline constexpr std::size_t kParentsKept = 256;

/// See the top of this file.
class ParentLookup {
  public:
    /// `port`: of the parents' servers; other than 53 in tests alone.
    explicit ParentLookup(std::vector<base::Endpoint> resolvers, std::uint16_t port = 53)
        : resolvers_(std::move(resolvers)), port_(port) {}

    /// Whether there is anybody to ask.
    [[nodiscard]] bool possible() const noexcept { return !resolvers_.empty(); }

    /// One answer for each host that serves the parent of `zone`.
    [[nodiscard]] base::Result<std::vector<dnssec::ParentAnswer>> ask(const Name& zone,
                                                                      base::Deadline deadline);

  private:
    struct Host {
        std::string name;
        std::vector<base::Endpoint> addresses;
    };

    using Hosts = std::vector<Host>;

    struct Parent {
        Hosts hosts;
        base::Deadline until;
    };

    [[nodiscard]] base::Result<Hosts> parent_of(const Name& zone, base::Deadline deadline);
    [[nodiscard]] base::Result<std::vector<base::Endpoint>> addresses_of(const std::string& host,
                                                                         std::uint32_t& ttl_s,
                                                                         base::Deadline deadline);
    void keep(const std::string& above, const Hosts& hosts, std::uint32_t ttl_s);

    std::vector<base::Endpoint> resolvers_;
    std::uint16_t port_;
    std::map<std::string, Parent> parents_;  // by the name above the zone
};

}  // namespace dns
