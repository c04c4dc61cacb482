#pragma once

// ZoneSignatures: the signatures and denials of one compiled zone, ready to be copied into answers.
// Beside the zone's image, not in it: signatures are made anew (and their key is rolled) without
// compiling the zone again, and the zone is served unsigned until they are there.
//
// Images as in dns/image.h: the RRSIG records of an RRset with the owner 0xC00C, so that they serve
// for wildcards and ends of alias chains as the RRset's own image does; records that deny (NSEC or
// NSEC3: a *denier*), which have an owner of their own, with their RRSIG.
//
// How an answer with DO is made of them (RFC 4035 3.1), all by copying:
//   an RRset            image(set), then signatures(set); of its extras only the required ones
//   a referral          referral(cut): NS, DS and its RRSIG or the denier that says there is none,
//                       then glue; glue stands behind all of it, so this is one image
//   what is not there   negative SOA, its signatures, deniers (dns/answer_denial.h says which)
// The SOA is not here: its serial moves by itself, and so it is signed by itself (zone_variants.h).
//
// Built by workers; immutable; shared by snapshots as long as zone and signatures stay. Any thread
// may read. The look-ups neither allocate nor lock. Errors of build(): Invalid if signed zone and
// image are not of the same records, TooLarge.

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/result.h"
#include "dns/dnssec/zone_signer.h"
#include "dns/hmac.h"
#include "dns/image.h"
#include "dns/wire.h"
#include "dns/zone_image.h"

namespace dns::dnssec {

/// Names a denier of a zone.
using Denier = std::uint32_t;
inline constexpr Denier kNoDenier = 0;

/// See the top of this file.
class ZoneSignatures {
  public:
    /// `zone`: the image of the records that were signed, DNSKEY, CDS and CDNSKEY among them.
    static base::Result<ZoneSignatures> build(const ZoneImage& zone, const SignedZone& signed_zone);

    /// RRSIG records of a set; none if it is not signed (glue, steered sets, NS at a cut).
    [[nodiscard]] std::optional<ImageView> signatures(std::size_t set_index) const noexcept {
        return view(sets_.data()[set_index]);
    }

    [[nodiscard]] Denial denial() const noexcept { return denial_; }

    /// As in SignedZone.
    [[nodiscard]] std::uint64_t signer() const noexcept { return signer_; }

    [[nodiscard]] std::uint32_t negative_ttl() const noexcept { return negative_ttl_; }

    /// The denier that says which types a node has. None for an empty non-terminal of an NSEC
    /// chain.
    [[nodiscard]] Denier matching(std::size_t node_index) const noexcept {
        return nodes_[node_index];
    }

    /// The denier whose interval a name of the zone is in, or that matches it. Of a zone with
    /// Denial::Compact only around wildcards; elsewhere none.
    [[nodiscard]] Denier covering(const ZoneImage& zone, const WireName& name) const noexcept {
        return covering(zone, name, 0);
    }

    /// The same of the name without its first `labels_off` labels.
    [[nodiscard]] Denier covering(const ZoneImage& zone,
                                  const WireName& name,
                                  std::size_t labels_off) const noexcept;

    /// covering() of the wildcard below a node, whether it is there or not. None if no name is that
    /// long: then there is no such wildcard.
    [[nodiscard]] Denier covering_wildcard(std::size_t node_index) const noexcept {
        return wildcards_[node_index];
    }

    /// A denier's image. Not for kNoDenier.
    [[nodiscard]] ImageView image(Denier denier) const noexcept { return {arena_.data(), denier}; }

    /// The authority section of a referral with what follows it; none if the node is no cut.
    [[nodiscard]] std::optional<ImageView> referral(std::size_t node_index) const noexcept {
        return view(referrals_[node_index]);
    }

    /// Largest TTL of a signed set of the zone, in seconds.
    [[nodiscard]] std::uint32_t ttl_max() const noexcept { return ttl_max_; }

    [[nodiscard]] const Validity& validity() const noexcept { return validity_; }

    /// Octets of memory.
    [[nodiscard]] std::size_t memory() const noexcept;

  private:
    ZoneSignatures() = default;

    // A denier by the hash of its name.
    struct Hashed {
        std::array<std::byte, kSha1Size> hash;
        Denier denier;
    };

    // A denier by the place of its name. Nearly all names are told apart by a number.
    struct Placed {
        std::uint64_t key;  // order_key() of the name
        std::uint32_t node;
        Denier denier;
    };

    base::Status add_sets(const ZoneImage& zone, const SignedZone& signed_zone);
    base::Result<Denier> add_denier(const Name& apex,
                                    const Name& owner,
                                    std::uint16_t type,
                                    const SignedSet* set);
    base::Status add_deniers(const SignedZone& signed_zone, const Name& owner);
    base::Status add_wildcards(const ZoneImage& zone);
    [[nodiscard]] Denier covering_hash(std::span<const std::byte> name) const noexcept;

    base::Result<std::uint32_t> add_referral(const SignedZone& signed_zone, const Name& cut);

    [[nodiscard]] std::optional<ImageView> view(std::uint32_t at) const noexcept {
        return at == 0 ? std::nullopt : std::optional(ImageView(arena_.data(), at));
    }

    Arena arena_;
    std::vector<std::uint32_t> sets_;  // by the index of the set; 0: none
    std::vector<Denier> nodes_;        // by the index of the node
    std::vector<Denier> wildcards_;    // the same
    std::vector<Placed> chain_;        // those of an NSEC chain, in its order
    std::size_t apex_labels_ = 0;
    std::vector<Hashed> hashes_;  // of Denial::Nsec3, ascending
    std::vector<std::uint32_t> referrals_;
    Denial denial_ = Denial::Nsec;
    std::uint64_t signer_ = 0;
    std::uint32_t negative_ttl_ = 0;
    std::uint32_t ttl_max_ = 0;
    Validity validity_;
};

/// What of the order of names fits into a number: of two names of a zone, without their first
/// labels, the one with the lower number comes first; of those with one number canonical_order()
/// tells. `apex_labels`: how many the zone's own name has; what is left of `name` ends with it.
[[nodiscard]] std::uint64_t order_key(const WireName& name,
                                      std::size_t apex_labels,
                                      std::size_t labels_off = 0) noexcept;

/// Canonical order (RFC 4034 6.1) of a lowercased wire name, without its first labels, and another:
/// below, equal to or above 0.
[[nodiscard]] int canonical_order(const WireName& left,
                                  std::span<const std::byte> right,
                                  std::size_t labels_off = 0) noexcept;

}  // namespace dns::dnssec
