#pragma once

// ZoneSignatures: the signatures and denials of one compiled zone, ready to be copied into answers.
// Beside the zone's image, not in it: signatures are made anew (and their key is rolled) without
// compiling the zone again, and the zone is served unsigned until they are there.
//
// Images as in dns/image.h: the RRSIG records of an RRset with the owner 0xC00C, so that they serve
// for wildcards and ends of alias chains as the RRset's own image does; NSEC records, which have an
// owner of their own, with their RRSIG.
//
// How an answer with DO is made of them (RFC 4035 3.1), all by copying:
//   an RRset            image(set), then signatures(set); of its extras only the required ones
//   from a wildcard     besides covering(name): no closer name exists (RFC 4035 3.1.3.3)
//   no data             negative SOA, its signatures, at(node), or of an empty non-terminal
//                       covering(name); of a wildcard besides covering(name)
//   no such name        negative SOA, its signatures, covering(name), covering("*" below the
//                       closest encloser), each NSEC once
//   a referral          referral(cut): NS, DS and its RRSIG or the NSEC that says there is none,
//                       then glue; glue stands behind all of it, so this is one image
// The SOA is not here: its serial moves by itself, and so it is signed by itself (zone_variants.h).
//
// Built by workers; immutable; shared by snapshots as long as zone and signatures stay. Any thread
// may read. The look-ups neither allocate nor lock. Errors of build(): Invalid if signed zone and
// image are not of the same records, Unsupported for NSEC3 and compact denial, TooLarge.

#include <cstdint>
#include <optional>
#include <vector>

#include "base/result.h"
#include "dns/dnssec/zone_signer.h"
#include "dns/image.h"
#include "dns/wire.h"
#include "dns/zone_image.h"

namespace dns::dnssec {

/// See the top of this file.
class ZoneSignatures {
  public:
    /// `zone`: the image of the records that were signed, DNSKEY, CDS and CDNSKEY among them.
    static base::Result<ZoneSignatures> build(const ZoneImage& zone, const SignedZone& signed_zone);

    /// RRSIG records of a set; none if it is not signed (glue, steered sets, NS at a cut).
    [[nodiscard]] std::optional<ImageView> signatures(std::size_t set_index) const noexcept {
        return view(sets_[set_index]);
    }

    /// The NSEC record of a node with its RRSIG; none for an empty non-terminal.
    [[nodiscard]] std::optional<ImageView> at(std::size_t node_index) const noexcept {
        return view(nodes_[node_index]);
    }

    /// The authority section of a referral with what follows it; none if the node is no cut.
    [[nodiscard]] std::optional<ImageView> referral(std::size_t node_index) const noexcept {
        return view(referrals_[node_index]);
    }

    /// Index of the node whose NSEC record covers or matches a name of the zone.
    [[nodiscard]] std::size_t covering(const ZoneImage& zone, const WireName& name) const noexcept;

    /// Largest TTL of a signed set of the zone, in seconds.
    [[nodiscard]] std::uint32_t ttl_max() const noexcept { return ttl_max_; }

    [[nodiscard]] const Validity& validity() const noexcept { return validity_; }

    /// Octets of memory.
    [[nodiscard]] std::size_t memory() const noexcept;

  private:
    ZoneSignatures() = default;

    base::Status add_sets(const ZoneImage& zone, const SignedZone& signed_zone);
    base::Result<std::uint32_t> add_nsec(const SignedZone& signed_zone, const Name& owner);

    base::Result<std::uint32_t> add_referral(const SignedZone& signed_zone, const Name& cut);

    [[nodiscard]] std::optional<ImageView> view(std::uint32_t at) const noexcept {
        return at == 0 ? std::nullopt : std::optional(ImageView(arena_.data(), at));
    }

    Arena arena_;
    std::vector<std::uint32_t> sets_;   // by the index of the set; 0: none
    std::vector<std::uint32_t> nodes_;  // by the index of the node; 0: none
    std::vector<std::uint32_t> referrals_;
    std::uint32_t ttl_max_ = 0;
    Validity validity_;
};

/// Canonical order (RFC 4034 6.1) of a lowercased wire name and another: below, equal to or above
/// 0.
[[nodiscard]] int canonical_order(const WireName& left, std::span<const std::byte> right) noexcept;

}  // namespace dns::dnssec
