#pragma once

// ZoneGroups: which zones are steered alike, and what the steering makes of each group. A change of
// the steering costs as much as there are groups; only where zones, their servers or the steering's
// own views change is every zone looked at.
//
// A zone that is steered and that the steering has no table for (its domain is refused now, and may
// have lost its servers in the same change) keeps the set that it had: the pool's own table would
// name hosts that are none of its.
//
// Owner: SnapshotBuilder. Thread rule: one thread at a time. No clock, no socket.

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "dns/name_table.h"
#include "dns/served_hosts.h"
#include "dns/snapshot.h"
#include "dns/steered_set.h"
#include "dns/steering/commit.h"
#include "dns/transfer/zone_content.h"

namespace dns {

/// One pool as it is to be served. No commit: there is no such pool.
struct PoolInput {
    std::shared_ptr<const steering::SteeringCommit> commit;
    std::shared_ptr<const std::vector<SteeredHost>> hosts;
};

/// What the steering last made of a group in one pool. Nameless: none of its servers can be named
/// now, and the answer is SERVFAIL; secondaries keep what they have.
struct SteeredPart {
    Snapshot::SharedSet set;
    bool nameless = false;
};

/// Zones that are steered alike.
struct ZoneGroup {
    SteeredPart mail;
    SteeredPart access;

    /// As the answer path is to see it.
    [[nodiscard]] Snapshot::ZoneSets sets() const {
        return {mail.nameless ? nullptr : mail.set,
                access.nameless ? nullptr : access.set,
                mail.nameless || access.nameless};
    }
};

/// What secondaries get of the steering.
[[nodiscard]] transfer::SteeredParts canonical_parts(const ZoneGroup& group);

/// A zone as its group is found. Servers: whether the directory of today has some.
struct GroupedZone {
    std::string name;
    bool steers_mail = false;
    bool steers_access = false;
    bool has_mail_servers = false;
    bool has_access_servers = false;
};

/// See the top of this file.
class ZoneGroups {
  public:
    /// All zones, ascending by name: their places here are their places in group_of().
    void take_zones(std::vector<GroupedZone> zones);

    /// Makes the sets of all groups. Errors: those of SteeredSet::build(); the groups are then as
    /// they were, but for those that were made.
    base::Status assign(const PoolInput& mail,
                        const PoolInput& access,
                        const std::shared_ptr<const NameTable>& names);

    [[nodiscard]] const std::vector<ZoneGroup>& groups() const noexcept { return groups_; }

    /// The group of each zone. Another pointer when it is another.
    [[nodiscard]] const Snapshot::PerZone<std::uint32_t>& group_of() const noexcept {
        return group_of_;
    }

    [[nodiscard]] const ZoneGroup& group(std::uint32_t zone) const {
        return groups_[(*group_of_)[zone]];
    }

    /// Octets of the sets.
    [[nodiscard]] std::size_t memory() const noexcept;

  private:
    static constexpr std::size_t kNoTable = SIZE_MAX;

    // Which table of each pool a group has; kNoTable: it is not steered there, or keeps its set.
    using Tables = std::array<std::size_t, 2>;

    // A set and what it was made from.
    struct CachedSet {
        std::shared_ptr<const steering::SteeringTable> table;
        std::shared_ptr<const std::vector<SteeredHost>> hosts;
        std::shared_ptr<const NameTable> names;
        Snapshot::SharedSet set;
    };

    void arrange(const PoolInput& mail, const PoolInput& access);
    base::Status assign_part(PoolKind kind,
                             const PoolInput& pool,
                             const std::shared_ptr<const NameTable>& names,
                             std::size_t table,
                             SteeredPart& part);
    base::Result<Snapshot::SharedSet> set_for(PoolKind kind,
                                              const PoolInput& pool,
                                              const std::shared_ptr<const NameTable>& names,
                                              std::size_t table);

    std::vector<GroupedZone> zones_;
    bool zones_are_new_ = true;
    std::array<std::shared_ptr<const steering::ZoneTables>, 2> views_;  // that groups_ are of
    std::vector<ZoneGroup> groups_;
    std::vector<Tables> tables_;  // of groups_
    Snapshot::PerZone<std::uint32_t> group_of_ =
        std::make_shared<const std::vector<std::uint32_t>>();
    std::vector<std::string> grouped_names_;  // that group_of_ is of
    std::array<ServedHosts, 2> served_hosts_;
    std::vector<CachedSet> sets_;
    std::vector<CachedSet> next_sets_;
    std::uint32_t next_slot_ = 0;
};

}  // namespace dns
