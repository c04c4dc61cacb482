#include "dns/name_table.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace dns {

NameTable::NameTable(Zones zones, std::uint64_t seed) : zones_(std::move(zones)), seed_(seed) {
    std::size_t names = 0;
    for (const auto& zone : zones_) {
        names += zone->nodes().size();
        labels_max_ = std::max(labels_max_, zone->labels_max());
    }
    slots_.resize(std::bit_ceil(std::max<std::size_t>(names * 2, 16)));
    ByApex by_apex;
    for (std::uint32_t i = 0; i < zones_.size(); ++i) {
        by_apex[zones_[i]->apex()] = i;
    }
    const std::vector<bool> has_children = find_parents(by_apex);
    for (std::uint32_t i = 0; i < zones_.size(); ++i) {
        for (const Node& node : zones_[i]->nodes()) {
            if (!has_children[i] || !hidden(by_apex, i, node)) {
                insert(i, node);
            }
        }
    }
}

std::vector<bool> NameTable::find_parents(const ByApex& by_apex) {
    parents_.assign(zones_.size(), kNoZone);
    std::vector<bool> has_children(zones_.size(), false);
    for (std::uint32_t i = 0; i < zones_.size(); ++i) {
        for (Name above = zones_[i]->apex().parent(); !above.is_root(); above = above.parent()) {
            const auto found = by_apex.find(above);
            if (found != by_apex.end()) {
                parents_[i] = found->second;
                has_children[found->second] = true;
                break;
            }
        }
    }
    return has_children;
}

// The node lies in a zone inside this one.
bool NameTable::hidden(const ByApex& by_apex, std::uint32_t zone, const Node& node) const {
    const auto read = Name::from_wire(zones_[zone]->name(node));
    if (!read) {
        return true;
    }
    for (Name at = read.value(); at != zones_[zone]->apex(); at = at.parent()) {
        if (by_apex.find(at) != by_apex.end()) {
            return true;
        }
    }
    return false;
}

void NameTable::insert(std::uint32_t zone, const Node& node) {
    const std::uint64_t hash = name_hash(zones_[zone]->name(node), seed_);
    const std::size_t mask = slots_.size() - 1;
    std::size_t at = hash & mask;
    while (slots_[at].node != nullptr) {
        at = (at + 1) & mask;
    }
    slots_[at] = {&node, static_cast<std::uint32_t>(hash >> 32), zone};
}

const NameTable::Slot* NameTable::find(std::span<const std::byte> wire) const noexcept {
    const std::uint64_t hash = name_hash(wire, seed_);
    const auto tag = static_cast<std::uint32_t>(hash >> 32);
    const std::size_t mask = slots_.size() - 1;
    const Slot* const slots = slots_.data();
    for (std::size_t at = hash & mask; slots[at].node != nullptr; at = (at + 1) & mask) {
        const Slot& slot = slots[at];
        if (slot.tag == tag && slot.node->name_size == wire.size() &&
            std::memcmp(
                zones_.data()[slot.zone]->name(*slot.node).data(), wire.data(), wire.size()) == 0) {
            return &slot;
        }
    }
    return nullptr;
}

NameTable::Found NameTable::lookup(const WireName& name) const noexcept {
    // Deeper names than the data has cannot be there.
    std::size_t off = name.label_count > labels_max_ ? name.label_count - labels_max_ : 0;
    for (; off < name.label_count; ++off) {
        const Slot* const slot = find(name.suffix(off));
        if (slot != nullptr) {
            return {slot->node, slot->zone, off};
        }
    }
    return {};
}

NameTable::Found NameTable::lookup(const Name& name) const noexcept {
    const Slot* const slot = find(name.wire());
    return slot == nullptr ? Found{} : Found{slot->node, slot->zone, 0};
}

}  // namespace dns
