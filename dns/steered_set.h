#pragma once

// SteeredSet: the answers of one pool of servers, ready-made from one steering table: for each kind
// of RRset, each variant (row) of the table, and for each variant several record orders.
//
// The images do not mention the question's name, so one SteeredSet serves all zones that share the
// servers. Within a preference the records are rotated from one order to the next: that helps
// senders that do not randomise (STEERING 5.6). Every variant of an address kind has at least two
// addresses while two servers are up, and no variant loses a family that the pool has.
//
// Signatures are made over variants, zone by zone and when they are asked for (dnssec/); here is
// what they are made over.
//
// Built off the answer path; immutable; any thread may read. pick() does not allocate.
// Errors: Invalid if the table names a server that is not among the hosts.

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "dns/dnssec/variant_choice.h"
#include "dns/name_table.h"
#include "dns/siphash.h"
#include "dns/steering/table.h"
#include "dns/transfer/steered_content.h"

namespace dns {

/// A server as a target of records. Addresses in wire form (4 or 16 octets).
struct SteeredHost {
    steering::ServerId id;
    Name name;
    std::vector<std::string> addresses4;
    std::vector<std::string> addresses6;
    std::uint16_t imap_port = 143;
    std::uint16_t pop_port = 110;
};

enum class PoolKind : std::uint8_t { Mail, Access };

/// What a SteeredSet is built from. Every server of the table has its host.
struct SteeredSource {
    PoolKind kind = PoolKind::Mail;
    std::uint32_t ttl = 60;  ///< of every RRset of the set
    std::uint32_t slot = 0;  ///< tells the pools' turns apart, see ThreadState::turns
    std::shared_ptr<const steering::SteeringTable> table;
    std::vector<SteeredHost> hosts;
};

/// The ready-made answers of one pool for one table: an image for each kind, row and order.
/// Immutable, shared by snapshots and by the zones that are steered alike.
class SteeredSet {
  public:
    /// `names`: where the additional addresses of MX and SRV targets come from.
    static base::Result<std::shared_ptr<const SteeredSet>> build(const SteeredSource& source,
                                                                 const NameTable& names);

    /// What picks a variant and an order.
    struct Choice {
        SipWords source;         ///< hash of the source
        std::uint32_t turn = 0;  ///< answers that this thread gave from the set and kind
    };

    /// The policy looks at the source (and not only at the turn).
    [[nodiscard]] bool uses_source() const noexcept {
        return table_->policy != steering::Policy::Rotate;
    }

    [[nodiscard]] bool has(SteeredKind kind) const noexcept { return !of(kind).images.empty(); }

    /// What a Choice comes to.
    struct Pick {
        std::uint32_t variant = 0;
        std::uint32_t rotation = 0;
    };

    /// Only if has(kind), as are the next five.
    [[nodiscard]] Pick choose(SteeredKind kind, const Choice& choice) const noexcept {
        return uses_source() ? turned(kind, source_variant(kind, choice.source), choice.turn)
                             : turn_pick(kind, choice.turn);
    }

    /// The parts of choose(), for who knows the variant already. By the source, if it is used:
    [[nodiscard]] std::uint32_t source_variant(SteeredKind kind, SipWords source) const noexcept;

    /// ... and its order,
    [[nodiscard]] Pick turned(SteeredKind kind,
                              std::uint32_t variant,
                              std::uint32_t turn) const noexcept {
        return {variant, turn % of(kind).rotations};
    }

    /// ... else by the turn alone.
    [[nodiscard]] Pick turn_pick(SteeredKind kind, std::uint32_t turn) const noexcept;

    [[nodiscard]] ImageView image(SteeredKind kind, const Pick& pick) const noexcept {
        const KindImages& images = of(kind);
        return {arena_.data(),
                images.images.data()[pick.variant * images.rotations + pick.rotation]};
    }

    /// The image to answer with.
    [[nodiscard]] ImageView pick(SteeredKind kind, const Choice& choice) const noexcept {
        return image(kind, choose(kind, choice));
    }

    /// A variant as it is signed: the same for all zones that share the set.
    struct Variant {
        std::uint64_t content = 0;  ///< dnssec::variant_content()
        dnssec::HostMask hosts;     ///< that it names, by their place in the table
        RecordSet records;
    };

    [[nodiscard]] const Variant& variant(SteeredKind kind, const Pick& pick) const noexcept {
        return of(kind).variants.data()[pick.variant];
    }

    /// The variant with this content; null if there is none.
    [[nodiscard]] const Variant* find_variant(SteeredKind kind,
                                              std::uint64_t content) const noexcept;

    /// All hosts of the table at one preference: it depends on no probe and no override, and so can
    /// be signed once for all (DESIGN section 6).
    [[nodiscard]] const Variant& anchor(SteeredKind kind) const noexcept { return of(kind).anchor; }

    /// Which hosts the steering has taken out, and of which list of servers.
    [[nodiscard]] const dnssec::HostsOut& out() const noexcept { return out_; }

    [[nodiscard]] const steering::SteeringTable& table() const noexcept { return *table_; }

    /// What secondaries get in place of the variants (DESIGN section 6): the canonical answer.
    [[nodiscard]] const transfer::SharedSteered& canonical() const noexcept { return canonical_; }

    [[nodiscard]] std::uint32_t slot() const noexcept { return slot_; }

    /// Octets of memory.
    [[nodiscard]] std::size_t memory() const noexcept;

  private:
    friend class SteeredSetBuilder;
    SteeredSet() = default;

    // The images of a row: `starts` variants, each in `rotations` orders.
    struct RowImages {
        std::uint32_t first = 0;
        std::uint32_t starts = 1;
    };

    struct KindImages {
        std::uint16_t limit = 0;  ///< records per answer
        std::uint32_t rotations = 1;
        std::vector<RowImages> rows;
        std::vector<std::uint32_t> images;  ///< offsets in the arena
        std::vector<Variant> variants;
        Variant anchor;
    };

    [[nodiscard]] std::uint32_t variant_of(SteeredKind kind,
                                           steering::AnswerKey key) const noexcept;

    [[nodiscard]] const KindImages& of(SteeredKind kind) const noexcept {
        return kinds_.data()[static_cast<std::size_t>(kind)];
    }

    std::shared_ptr<const steering::SteeringTable> table_;
    transfer::SharedSteered canonical_;
    std::uint32_t slot_ = 0;
    dnssec::HostsOut out_;
    Arena arena_;
    std::array<KindImages, kSteeredKinds> kinds_;
};

}  // namespace dns
