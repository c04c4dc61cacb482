#pragma once

// SnapshotBuilder: makes each snapshot from the directory and the steering's commits, and remembers
// between two of them what did not change: compiled zones, the table of names, steered sets.
//
// A domain whose records are refused keeps the zone it had (and the steered sets it had); the
// refusal is reported each time. One that never was good is not served.
//
// Owner: whoever builds; one thread at a time (a worker: compiling a million records takes
// seconds). No clock, no socket, no file.

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/hash.h"
#include "base/result.h"
#include "dns/directory/directory.h"
#include "dns/snapshot.h"
#include "dns/steered_set.h"
#include "dns/steering/commit.h"
#include "dns/transfer/transfer_keeper.h"

namespace dns {

/// One pool as it is to be served. No commit: there is no such pool.
struct PoolInput {
    std::shared_ptr<const steering::SteeringCommit> commit;
    std::shared_ptr<const std::vector<SteeredHost>> hosts;
};

using Serials = std::map<std::string, std::uint32_t, std::less<>>;

/// What a snapshot is to be made from. The commits belong to the same directory.
struct BuildInput {
    std::shared_ptr<const Directory> directory;
    PoolInput mail;
    PoolInput access;
    Serials serials;  ///< of domains whose serial moved since the directory was read
    std::shared_ptr<const transfer::TransferRights> rights{};  ///< null: nobody fetches zones
    transfer::SharedView transfer{};                           ///< goes into the snapshot
};

/// Why a domain's present configuration is not served.
struct RefusedDomain {
    std::string name;
    std::string reason;
    bool serves_old = false;

    bool operator==(const RefusedDomain&) const = default;
};

/// A snapshot that is ready to be put in force, and what is to be told about it.
struct BuildReport {
    std::unique_ptr<const Snapshot> snapshot;
    std::vector<RefusedDomain> refused;
    std::vector<std::string> changed;  ///< domains that are served with other records than before
    std::size_t domains = 0;           ///< served
    std::size_t memory = 0;            ///< octets, of zones, names and sets
};

/// See the top of this file.
class SnapshotBuilder {
  public:
    /// `seed`: of the hash of names, see NameTable.
    explicit SnapshotBuilder(std::uint64_t seed) : seed_(seed) {}

    /// Errors: what SteeredSet and Snapshot refuse; the builder is then as before but for zones
    /// that compiled.
    base::Result<BuildReport> build(const BuildInput& input);

    /// What the steering makes of a domain's zone at the last build; nothing if it is not served.
    [[nodiscard]] transfer::SteeredParts steered_parts(std::string_view domain) const;

    /// The zones of the last build that somebody may fetch; their serials are still to be set.
    [[nodiscard]] std::vector<transfer::ZoneOffer> offers() const;

    /// The directory of the last build, refused domains as they were when they were last good.
    [[nodiscard]] std::shared_ptr<const Directory> last_good() const { return last_good_; }

  private:
    struct ServedZone {
        base::Digest256 digest{};  // of the source
        std::shared_ptr<const ZoneImage> image;
        DirectoryDomain domain;  // that it was made from
        Snapshot::ZoneSets sets;
        transfer::SharedFixed content;  // null: nobody may fetch it
    };

    using Zones = std::map<std::string, ServedZone, std::less<>>;

    // A set and what it was made from.
    struct CachedSet {
        std::shared_ptr<const steering::SteeringTable> table;
        std::shared_ptr<const std::vector<SteeredHost>> hosts;
        std::shared_ptr<const NameTable> names;
        Snapshot::SharedSet set;
    };

    void take_directory(const std::shared_ptr<const Directory>& directory);
    [[nodiscard]] base::Result<ServedZone> compile(const ZoneSource& source,
                                                   const base::Digest256& digest,
                                                   const DirectoryDomain& domain) const;
    void arrange_names();
    void keep_last_good();
    void fill_contents();
    [[nodiscard]] bool is_transferred(const Name& zone) const;
    base::Status assign_sets(const BuildInput& input);
    base::Result<Snapshot::SharedSet> set_for(PoolKind kind,
                                              const PoolInput& pool,
                                              const std::string& domain);

    std::uint64_t seed_;
    std::uint64_t next_id_ = 1;
    std::uint32_t next_slot_ = 0;
    bool built_ = false;
    std::shared_ptr<const Directory> directory_;  // that zones_ and refused_ are of
    Zones zones_;
    std::vector<RefusedDomain> refused_;
    std::vector<std::string> changed_;  // since the last build that succeeded
    std::shared_ptr<const NameTable> names_;
    std::shared_ptr<const transfer::TransferRights> rights_;  // that the contents are for
    std::vector<CachedSet> sets_;
    std::vector<CachedSet> next_sets_;
    std::shared_ptr<const Directory> last_good_;
};

}  // namespace dns
