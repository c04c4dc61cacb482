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

    /// The sets of one zone, owned.
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

    struct Source {
        std::uint64_t id = 0;  ///< rises with every snapshot of this process
        SipKey key;            ///< the cluster's steering key
        std::shared_ptr<const NameTable> names;
        std::vector<ZoneSets> zones;         ///< by the index of the zone in `names`
        std::vector<std::uint32_t> serials;  ///< SOA serials, by the same index
        std::vector<ZoneSeal> seals = {};    ///< by the same index; shorter: the rest are unsigned
        transfer::SharedView transfer;       ///< null: nobody may fetch anything
    };

    /// Invalid if a steered zone lacks its set and is not nameless.
    static base::Result<std::unique_ptr<const Snapshot>> create(Source source);

    [[nodiscard]] std::uint64_t id() const noexcept { return source_.id; }

    [[nodiscard]] const SipKey& key() const noexcept { return source_.key; }

    [[nodiscard]] const NameTable& names() const noexcept { return *names_; }

    [[nodiscard]] std::uint32_t serial(std::uint32_t zone) const noexcept {
        return source_.serials.data()[zone];
    }

    /// Null: nobody may fetch anything. Borrowed.
    [[nodiscard]] const transfer::TransferView* transfer() const noexcept {
        return source_.transfer.get();
    }

    /// The same, for a transfer that goes on after the snapshot.
    [[nodiscard]] const transfer::SharedView& shared_transfer() const noexcept {
        return source_.transfer;
    }

    [[nodiscard]] const ZoneParts& parts(std::uint32_t zone) const noexcept { return parts_[zone]; }

  private:
    explicit Snapshot(Source source);

    Source source_;
    const NameTable* names_;
    std::vector<ZoneParts> parts_;
};

}  // namespace dns
