#pragma once

// Snapshot: everything that answers are made from, at one moment. Immutable; a change makes a new
// one that shares what did not change: zones and names when only the steering moved, steered sets
// when only records did. Threads of the answer path see it through a
// SnapshotHolder.
//
// A snapshot is complete: every zone that is steered has its set, every seal both its parts.
// create() refuses otherwise, so that an answer never lacks servers because something was published
// too early.

#include <cstdint>
#include <memory>
#include <vector>

#include "base/result.h"
#include "dns/dnssec/zone_signatures.h"
#include "dns/dnssec/zone_variants.h"
#include "dns/name_table.h"
#include "dns/siphash.h"
#include "dns/steered_set.h"
#include "dns/transfer/transfer_view.h"

namespace dns {

/// What a zone is answered with beside its image: its steered sets, null where it is not steered,
/// and its signatures, null where it is not signed. Borrowed from the snapshot.
struct ZoneParts {
    const SteeredSet* mail = nullptr;
    const SteeredSet* access = nullptr;
    const dnssec::ZoneSignatures* signatures = nullptr;
    const dnssec::ZoneVariants* variants = nullptr;  ///< with `signatures`
    bool withheld = false;  ///< to be signed and not signed: resolvers would take it for forged

    [[nodiscard]] const SteeredSet* set_for(SteeredKind kind) const noexcept {
        return kind == SteeredKind::Mx ? mail : access;
    }
};

/// See the top of this file. Borrowed by readers until they say that they are through with it
/// (snapshot_holder.h).
class Snapshot {
  public:
    using SharedSet = std::shared_ptr<const SteeredSet>;

    /// The sets of zones that are steered alike, owned.
    struct ZoneSets {
        SharedSet mail;
        SharedSet access;
        bool nameless = false;  ///< a set may be missing: what it steers is answered SERVFAIL
    };

    /// What is signed of one zone, owned.
    struct ZoneSeal {
        bool wanted = false;  ///< the zone is to be signed; null below: withheld until it is
        std::shared_ptr<const dnssec::ZoneSignatures> signatures;
        std::shared_ptr<const dnssec::ZoneVariants> variants;
    };

    /// For each zone, by its index in the names.
    template <typename T>
    using PerZone = std::shared_ptr<const std::vector<T>>;

    /// Made of parts that change apart, each shared with the snapshot before while it did not: a
    /// change of the steering costs as much as there are groups, not zones.
    struct Source {
        std::uint64_t id = 0;  ///< rises with every snapshot of this process
        SipKey key;            ///< the cluster's steering key
        std::shared_ptr<const NameTable> names;
        std::vector<ZoneSets> groups;     ///< of zones that are steered alike
        PerZone<std::uint32_t> group_of;  ///< index in `groups`
        PerZone<std::uint32_t> serials;   ///< of SOA records
        PerZone<ZoneSeal> seals;          ///< null: no zone is signed
        transfer::SharedView transfer;    ///< null: nobody may fetch anything
    };

    /// Invalid if a part has not as many entries as there are zones, a seal is of one half, or a
    /// zone that is steered is in a group that lacks its set and is not nameless. The zones
    /// themselves are looked at only where `group_of` is not the one of `known` (may be null), that
    /// was taken before.
    static base::Result<std::unique_ptr<const Snapshot>> create(Source source,
                                                                const Source* known = nullptr);

    [[nodiscard]] std::uint64_t id() const noexcept { return source_.id; }

    [[nodiscard]] const SipKey& key() const noexcept { return source_.key; }

    [[nodiscard]] const NameTable& names() const noexcept { return *names_; }

    [[nodiscard]] std::uint32_t serial(std::uint32_t zone) const noexcept { return serials_[zone]; }

    /// Null: nobody may fetch anything. Borrowed.
    [[nodiscard]] const transfer::TransferView* transfer() const noexcept {
        return source_.transfer.get();
    }

    /// The same, for a transfer that goes on after the snapshot.
    [[nodiscard]] const transfer::SharedView& shared_transfer() const noexcept {
        return source_.transfer;
    }

    [[nodiscard]] ZoneParts parts(std::uint32_t zone) const noexcept {
        const ZoneSets& sets = groups_[group_of_[zone]];
        ZoneParts parts{sets.mail.get(), sets.access.get()};
        if (seals_ != nullptr) {
            const ZoneSeal& seal = seals_[zone];
            parts.signatures = seal.signatures.get();
            parts.variants = seal.variants.get();
            parts.withheld = seal.wanted && parts.signatures == nullptr;
        }
        return parts;
    }

  private:
    explicit Snapshot(Source source);

    Source source_;
    const NameTable* names_;
    // Into source_, for the answer path.
    const ZoneSets* groups_;
    const std::uint32_t* group_of_;
    const std::uint32_t* serials_;
    const ZoneSeal* seals_;  // null: none
};

}  // namespace dns
