#pragma once

// ServedHosts: the servers of a pool as answers may name them. A target of MX or SRV that is an
// alias (RFC 2181 10.3), or that our own zones say does not exist, makes senders bounce. Where the
// zone of a host was refused, the old one that is served instead knows nothing of a server that is
// new or was renamed; such a host keeps the name under which it last was right, and one that never
// was right is named in no answer.
//
// Names outside the zones that are served, and behind a delegation, are not judged.
//
// Owner: SnapshotBuilder, one for each pool. Thread rule: one thread at a time. No error.

#include <map>
#include <memory>
#include <set>
#include <vector>

#include "dns/name_table.h"
#include "dns/steered_set.h"
#include "dns/steering/table.h"

namespace dns {

/// Whether answers may have this name as a target, as far as the zones tell: it is no alias and has
/// an address.
[[nodiscard]] bool is_servable(const NameTable& names, const Name& host);

/// The same for all targets of a set.
[[nodiscard]] bool is_servable(const NameTable& names, const SteeredSet& set);

/// See the top of this file.
class ServedHosts {
  public:
    using Hosts = std::shared_ptr<const std::vector<SteeredHost>>;
    using Table = std::shared_ptr<const steering::SteeringTable>;

    /// Looks at the hosts anew. The result is the same pointer while both arguments are the same
    /// ones, and `hosts` itself if nothing is wrong with them.
    [[nodiscard]] const Hosts& take(const Hosts& hosts,
                                    const std::shared_ptr<const NameTable>& names);

    /// The table without the servers that the last take() found no name for; `table` itself if it
    /// has none of these. Null: no server is left.
    [[nodiscard]] Table servable(const Table& table) const;

  private:
    Hosts hosts_;  // that were looked at
    std::shared_ptr<const NameTable> names_;
    Hosts served_;
    std::set<steering::ServerId> nameless_;
    std::map<steering::ServerId, Name> last_right_;
};

}  // namespace dns
