#pragma once

// NameTable: every name of every zone, by hash. One probe finds a name that is there; a name that
// is not is found at its closest encloser by taking labels off, never more often than the deepest
// name of the data has labels.
//
// Where one zone lies inside another, the inner one has its names, and the outer one's data there
// are left out (RFC 1034 4.2.1), except that questions for DS go to the outer one (RFC
// 4035 3.1.4.1).
//
// Owns (shares) the zones. Immutable; any thread may read. lookup() does not allocate.

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "dns/wire.h"
#include "dns/zone_image.h"

namespace dns {

class NameTable {
  public:
    using Zones = std::vector<std::shared_ptr<const ZoneImage>>;
    static constexpr std::uint32_t kNoZone = 0xffffffff;

    /// Zones have distinct names. The order is kept: a zone is known by its index.
    /// `seed`: any number, secret if the names of the zones come from strangers.
    NameTable(Zones zones, std::uint64_t seed);

    struct Found {
        const Node* node = nullptr;  ///< null: the name is in no zone of ours
        std::uint32_t zone = 0;      ///< index of the node's zone
        std::size_t labels_off = 0;  ///< labels taken off to find it; 0: the name itself
    };

    /// The node of the name or of its closest encloser (RFC 4592 3.3.1).
    [[nodiscard]] Found lookup(const WireName& name) const noexcept;

    /// The node of exactly this name.
    [[nodiscard]] Found lookup(const Name& name) const noexcept;

    [[nodiscard]] const ZoneImage& zone(std::uint32_t index) const noexcept {
        return *zones_[index];
    }

    [[nodiscard]] const Zones& zones() const noexcept { return zones_; }

    /// The zone that encloses a zone; kNoZone if it is not ours.
    [[nodiscard]] std::uint32_t parent_zone(std::uint32_t index) const noexcept {
        return parents_[index];
    }

    /// Octets of memory, without the zones'.
    [[nodiscard]] std::size_t memory() const noexcept { return slots_.size() * sizeof(Slot); }

  private:
    struct Slot {
        const Node* node = nullptr;
        std::uint32_t tag = 0;
        std::uint32_t zone = 0;
    };

    using ByApex = std::map<Name, std::uint32_t>;

    // Sets parents_; tells which zones have others inside.
    [[nodiscard]] std::vector<bool> find_parents(const ByApex& by_apex);
    [[nodiscard]] bool hidden(const ByApex& by_apex, std::uint32_t zone, const Node& node) const;
    void insert(std::uint32_t zone, const Node& node);
    [[nodiscard]] const Slot* find(std::span<const std::byte> wire) const noexcept;

    Zones zones_;
    std::vector<std::uint32_t> parents_;
    std::vector<Slot> slots_;  // open addressing, a power of two, at most half full
    std::uint64_t seed_;
    std::size_t labels_max_ = 0;
};

}  // namespace dns
