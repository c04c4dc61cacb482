#pragma once

// SnapshotBuilder: makes each snapshot from the directory and the steering's commits, and remembers
// between two of them what did not change: compiled zones, the table of names, steered sets.
//
// A domain whose records are refused keeps the records it had, with the hosts of today where that
// makes a zone; the refusal is reported each time. One that never was good is not served. No answer
// names a server whose name the zones that are served do not know (served_hosts.h).
//
// Zones with keys are signed last, when their steered sets are there; what did not change keeps its
// signatures. One that cannot be signed (no private key is at hand) is withheld and reported.
//
// Owner: whoever builds; one thread at a time (a worker: compiling a million records takes
// seconds). No clock, no socket, no file.

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "base/hash.h"
#include "base/result.h"
#include "dns/directory/directory.h"
#include "dns/directory/signing_file.h"
#include "dns/directory/zone_sources.h"
#include "dns/dnssec/signature_cache.h"
#include "dns/snapshot.h"
#include "dns/steered_set.h"
#include "dns/steering/commit.h"
#include "dns/transfer/transfer_keeper.h"
#include "dns/zone_groups.h"

namespace dns {

/// What a snapshot is to be made from. The commits belong to the same directory.
struct BuildInput {
    std::shared_ptr<const Directory> directory;
    PoolInput mail;
    PoolInput access;
    std::shared_ptr<const transfer::TransferRights> rights{};  ///< null: nobody fetches zones
    std::int64_t now_s = 0;                                    ///< since 1970: signatures end
    dnssec::ValidityPolicy validity{};
    unsigned build_threads = 1;  ///< that compile and sign zones, many at once
    std::stop_token stop{};      ///< the program ends: nobody waits for what is built
};

/// Why a domain's present configuration is not served.
struct RefusedDomain {
    std::string name;
    std::string reason;
    bool serves_old = false;

    bool operator==(const RefusedDomain&) const = default;
};

/// What a snapshot can now be made of.
struct BuildReport {
    std::vector<RefusedDomain> refused;
    /// Places of zones that are served with other records than before, ascending.
    std::vector<std::uint32_t> changed;
    bool other_zones = false;  ///< places, domains or their groups are not those of before
    std::size_t domains = 0;   ///< served
    std::size_t memory = 0;    ///< octets, of zones, names and sets
    std::size_t compiled = 0;  ///< zones, since the report before
    std::size_t zones_signed = 0;
    bool signed_anew = false;  ///< there are other signatures than at the last build
    /// When the first signatures are to be made anew; none: nothing is signed.
    std::optional<std::int64_t> resign_at_s;
};

/// See the top of this file.
class SnapshotBuilder {
  public:
    /// `seed`: of the hash of names, see NameTable.
    explicit SnapshotBuilder(std::uint64_t seed) : seed_(seed) {}

    /// Takes what has changed. Zones have places: those of last_good()'s domains. Errors: what
    /// SteeredSet refuses; the builder is then as before but for zones that compiled. Cancelled: it
    /// was asked to stop; the builder is then good for nothing more.
    base::Result<BuildReport> build(const BuildInput& input);

    /// The snapshot of the last build. `serials`: by place. Errors: what Snapshot refuses.
    base::Result<std::unique_ptr<const Snapshot>> snapshot(Snapshot::PerZone<std::uint32_t> serials,
                                                           transfer::SharedView transfer);

    /// The serials that the directory has, by place.
    [[nodiscard]] Snapshot::PerZone<std::uint32_t> directory_serials() const;

    /// What the steering makes of the zones of the last build.
    [[nodiscard]] const ZoneGroups& groups() const noexcept { return groups_; }

    /// The zones of the last build that somebody may fetch; serial and its origin are still to be
    /// set.
    [[nodiscard]] std::vector<transfer::ZoneOffer> offers() const;

    /// For the first build after a start: signatures of an earlier life.
    void restore(SignatureCaches caches) { saved_ = std::move(caches); }

    /// All signatures of the zones that are served.
    [[nodiscard]] SignatureCaches signatures() const;

    /// The directory of the last build, refused domains as they were when they were last good.
    [[nodiscard]] std::shared_ptr<const Directory> last_good() const { return last_good_; }

  private:
    // What of a zone is signed.
    struct Sealing {
        std::shared_ptr<const dnssec::ZoneSigning> plan;  // never null
        const ZoneImage* image = nullptr;                 // that the seal is for
        Snapshot::ZoneSeal seal;
        dnssec::SignatureCache cache;
        std::int64_t resign_at_s = 0;
        std::string problem;     // why it is not signed
        bool republish = false;  // secondaries have the signatures of before
    };

    struct ServedZone {
        base::Digest256 digest{};  // of the source
        std::shared_ptr<const ZoneImage> image;
        std::shared_ptr<const DirectoryDomain> domain;  // that it was made from
        std::uint32_t place = 0;                        // among all zones
        transfer::SharedFixed content;                  // null: nobody may fetch it
        std::unique_ptr<Sealing> sealing;               // null: it is not to be signed
    };

    using Zones = std::map<std::string, ServedZone, std::less<>>;

    // Cancelled: asked to stop.
    base::Status take_directory(const BuildInput& input);

    // A domain that is not the object that it was.
    struct Draft {
        std::size_t domain = 0;                            // its place in the directory
        ServedZone* old = nullptr;                         // null: it is new
        std::optional<base::Result<ServedZone>> compiled;  // nullopt: its zone is as it was
    };

    void compile_drafts(std::vector<Draft>& drafts, const BuildInput& input) const;
    // Whether a name may have come or gone; keep_records() alike.
    bool take_draft(Draft& draft);

    // A domain's zone as it is written, and the keys it is signed with (null: none).
    struct ZonePlan {
        ZoneSource source;
        const dnssec::StoredKeys* keys = nullptr;
        base::Digest256 digest{};
    };

    [[nodiscard]] static ZonePlan plan_of(const Directory& directory,
                                          const HostsByDomain& hosts,
                                          const DirectoryDomain& domain);
    [[nodiscard]] base::Result<ServedZone> compile(const Directory& directory,
                                                   const ZonePlan& plan,
                                                   const DirectoryDomain& domain) const;
    [[nodiscard]] static bool same_surroundings(const Directory& left, const Directory& right);
    void seal_zones(const BuildInput& input);
    base::Status seal(const BuildInput& input, ServedZone& zone) const;
    void take_saved(ServedZone& zone);
    void collect_seals();
    [[nodiscard]] Snapshot::ZoneSets anchored_sets(const ServedZone& zone) const;
    [[nodiscard]] bool is_sealed(const ServedZone& zone, std::int64_t now_s) const;
    void arrange_names();
    void place_zones();
    void keep_last_good();
    void fill_contents(const std::stop_token& stop);
    bool keep_records(ServedZone& served);
    [[nodiscard]] bool is_transferred(const Name& zone) const;
    [[nodiscard]] bool is_fetched(const ServedZone& zone) const;
    static void replace(ServedZone& zone, ServedZone by);
    std::uint64_t seed_;
    std::uint64_t next_id_ = 1;
    bool built_ = false;
    std::shared_ptr<const Directory> directory_;
    // that zones_ and refused_ are of
    HostsByDomain hosts_;  // of directory_
    Zones zones_;
    std::vector<RefusedDomain> refused_;
    std::set<std::string, std::less<>> changed_;  // since the last build that succeeded
    std::shared_ptr<const NameTable> names_;
    std::shared_ptr<const transfer::TransferRights> rights_;  // that the contents are for
    ZoneGroups groups_;
    std::vector<ServedZone*> signed_;  // that are to be signed, by place
    Snapshot::PerZone<Snapshot::ZoneSeal> seals_;
    Snapshot::Source last_;     // the last snapshot's parts
    std::size_t compiled_ = 0;  // since the last report
    std::size_t zones_memory_ = 0;
    std::size_t seals_memory_ = 0;
    std::size_t zones_signed_ = 0;
    std::optional<std::int64_t> resign_at_s_;
    std::shared_ptr<const Directory> last_good_;
    SignatureCaches saved_;
    bool signed_anew_ = false;
};

}  // namespace dns
