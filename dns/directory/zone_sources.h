#pragma once

// From the directory to zones: which records a domain's zone has. Beside what operators wrote these
// are: the SOA from the domain's columns; NS records for the name servers of the cluster where the
// domain states none; addresses of our own servers whose host names lie in the zone and have no
// addresses written there (so that a fresh cluster resolves, and a withdrawn host keeps its own).
//
// Pure. Thread rule: any thread.

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "dns/directory/directory.h"
#include "dns/zone.h"

namespace dns {

/// The hosts of the cluster by the domain of ours that they lie in (the innermost one).
using HostsByDomain = std::map<std::string, std::vector<HostAddresses>, std::less<>>;

[[nodiscard]] HostsByDomain hosts_by_domain(const Directory& directory);

/// The zone of a domain. A domain with servers is steered even if all of them are retired: the last
/// ones stay rather than none.
[[nodiscard]] ZoneSource zone_source(const Directory& directory,
                                     const HostsByDomain& hosts,
                                     const DirectoryDomain& domain);

}  // namespace dns
