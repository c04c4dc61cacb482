#pragma once

// ZoneImage: one zone compiled for the answer path: its names as nodes, its RRsets as images in one
// arena. Names below a delegation are not there (the walk up from them ends at the delegation);
// empty non-terminals and the wildcards' parents are.
//
// Built by compile_zone() from a checked Zone; immutable; shared between snapshots until the zone's
// data changes. Thread rule: any thread may read.

#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"
#include "dns/image.h"
#include "dns/zone.h"

namespace dns {

/// What a steered RRset of a zone is made from; which variant is chosen when it is asked for.
enum class SteeredKind : std::uint8_t { None, Mx, A, Aaaa, ImapSrv, PopSrv };
inline constexpr std::size_t kSteeredKinds = 6;

/// An RRset of a node. Steered ones have no image here but in the zone's SteeredSet.
struct SetRef {
    std::uint16_t type = 0;
    SteeredKind steered = SteeredKind::None;
    std::uint32_t image_at = 0;  ///< of a steered one: how many of them come before it
};

/// A name of the zone.
struct Node {
    static constexpr std::uint8_t kApex = 1;
    static constexpr std::uint8_t kDelegation = 2;
    static constexpr std::uint8_t kAlias = 4;     ///< CNAME
    static constexpr std::uint8_t kRedirect = 8;  ///< DNAME
    static constexpr std::uint8_t kRefused = 16;  ///< it and all below belong to the internal view

    std::uint32_t name_at = 0;      ///< wire form in the arena
    std::uint32_t sets_first = 0;   ///< in sets()
    std::uint32_t target_at = 0;    ///< kAlias, kRedirect: wire form of the target in the arena
    std::uint32_t referral_at = 0;  ///< kDelegation: image of the NS RRset and its glue
    std::uint32_t wildcard = 0;     ///< index of the node "*" below this one; 0 = none
    std::uint16_t sets_count = 0;
    std::uint8_t name_size = 0;
    std::uint8_t flags = 0;

    [[nodiscard]] bool is(std::uint8_t flag) const noexcept { return (flags & flag) != 0; }
};

/// A zone as the answer path reads it: nodes in canonical order and one arena of names and images.
/// Immutable, shared by snapshots; references into it live as long as it does.
class ZoneImage {
  public:
    [[nodiscard]] const Name& apex() const noexcept { return apex_; }

    /// In canonical order; the first is the apex.
    [[nodiscard]] std::span<const Node> nodes() const noexcept { return nodes_; }

    [[nodiscard]] std::span<const std::byte> name(const Node& node) const noexcept {
        return {arena_.data() + node.name_at, node.name_size};
    }

    /// The wire name at `at`, with whatever follows it: read_name() finds its end.
    [[nodiscard]] std::span<const std::byte> name_from(std::uint32_t at) const noexcept {
        return std::span(arena_).subspan(at);
    }

    [[nodiscard]] std::span<const SetRef> sets(const Node& node) const noexcept {
        return {sets_.data() + node.sets_first, node.sets_count};
    }

    /// Place of a node or a set of this zone in its list.
    [[nodiscard]] std::size_t index_of(const Node& node) const noexcept {
        return static_cast<std::size_t>(&node - nodes_.data());
    }

    [[nodiscard]] std::size_t index_of(const SetRef& set) const noexcept {
        return static_cast<std::size_t>(&set - sets_.data());
    }

    /// The RRset of `type` at the node; null if there is none.
    [[nodiscard]] const SetRef* find_set(const Node& node, std::uint16_t type) const noexcept {
        for (const SetRef& set : sets(node)) {
            if (set.type == type) {
                return &set;
            }
        }
        return nullptr;
    }

    [[nodiscard]] ImageView image(std::uint32_t at) const noexcept { return {arena_.data(), at}; }

    /// SOA with the negative TTL, for the authority section (RFC 2308 3).
    [[nodiscard]] ImageView negative_soa() const noexcept { return image(negative_soa_at_); }

    /// The node of a name; null if there is none. Binary search: not for the common path.
    [[nodiscard]] const Node* find(const Name& name) const noexcept;

    /// Most labels that a name of the zone has.
    [[nodiscard]] std::size_t labels_max() const noexcept { return labels_max_; }

    [[nodiscard]] bool steers_mail() const noexcept { return steers_mail_; }

    [[nodiscard]] bool steers_access() const noexcept { return steers_access_; }

    /// Octets of memory.
    [[nodiscard]] std::size_t memory() const noexcept;

  private:
    friend class ZoneCompiler;
    ZoneImage() = default;

    Name apex_;
    Arena arena_;
    std::vector<Node> nodes_;
    std::vector<SetRef> sets_;
    std::uint32_t negative_soa_at_ = 0;
    std::size_t labels_max_ = 0;
    bool steers_mail_ = false;
    bool steers_access_ = false;
};

/// TooLarge if an RRset fits no message or the zone no arena.
[[nodiscard]] base::Result<ZoneImage> compile_zone(const Zone& zone);

}  // namespace dns
