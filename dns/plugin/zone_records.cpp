#include "dns/plugin/zone_records.h"

#include <algorithm>
#include <utility>

#include "base/endpoint.h"
#include "dns/plugin/image_records.h"
#include "dns/wire.h"

namespace dns::plugin {
namespace {

constexpr std::uint8_t kScope4 = 24;  // bits of an address that steering::SourcePrefix keeps
constexpr std::uint8_t kScope6 = 48;

constexpr auto code(RrType type) {
    return static_cast<std::uint16_t>(type);
}

bool is_wanted(std::uint16_t wanted, std::uint16_t type) {
    return wanted == code(RrType::Any) || wanted == type;
}

Name name_of(const ZoneImage& zone, const Node& node) {
    auto name = Name::from_wire(zone.name(node));
    return name ? std::move(name).take_value() : zone.apex();
}

ZoneRecord record_of(ImageRecord&& read, bool authoritative) {
    return {std::move(read.owner), read.type, read.ttl, std::move(read.data), authoritative, 0};
}

// The serial is the snapshot's; it is the first of the five numbers that end a SOA.
void set_serial(std::string& soa, std::uint32_t serial) {
    if (soa.size() >= 20) {
        for (std::size_t i = 0; i < 4; ++i) {
            soa[soa.size() - 20 + i] = static_cast<char>((serial >> (24 - 8 * i)) & 0xff);
        }
    }
}

// Addresses below a delegation, or at it: `only` of them, if not null.
void add_glue(const ZoneImage& zone,
              const Node& cut,
              std::uint16_t type,
              const Name* only,
              ZoneRecords& out) {
    const Name name = name_of(zone, cut);
    for (ImageRecord& extra : read_image(zone.image(cut.referral_at), name).extras) {
        if (is_wanted(type, extra.type) && extra.owner.is_within(name) &&
            (only == nullptr || extra.owner == *only)) {
            out.push_back(record_of(std::move(extra), false));
        }
    }
}

bool has_records(const Node& node) {
    return node.sets_count != 0 || node.is(Node::kDelegation);
}

// The delegation at or above a name; null: the zone's own.
const Node* cut_above(const ZoneImage& zone, Name name) {
    for (; name.is_within(zone.apex()) && name != zone.apex(); name = name.parent()) {
        const Node* const node = zone.find(name);
        if (node != nullptr && node->is(Node::kDelegation)) {
            return node;
        }
    }
    return nullptr;
}

Client client_at(const base::IpAddress& address) {
    Client client;
    client.family = address.family() == base::IpFamily::V4 ? Family::V4 : Family::V6;
    std::ranges::copy(address.bytes(), client.address.begin());
    return client;
}

}  // namespace

void add_node(const ZoneImage& zone,
              const Node& node,
              std::uint16_t type,
              std::uint32_t serial,
              const AddSteered& steered,
              ZoneRecords& out) {
    if (node.is(Node::kRefused)) {
        return;
    }
    const Name name = name_of(zone, node);
    const std::size_t before = out.size();
    if (node.is(Node::kDelegation)) {
        if (is_wanted(type, code(RrType::Ns))) {
            for (ImageRecord& record : read_image(zone.image(node.referral_at), name).own) {
                out.push_back(record_of(std::move(record), false));
            }
        }
        add_glue(zone, node, type, nullptr, out);
    }
    for (const SetRef& set : zone.sets(node)) {
        if (!is_wanted(type, set.type)) {
            continue;
        }
        if (set.steered != SteeredKind::None) {
            steered(set, name, out);
            continue;
        }
        for (ImageRecord& record : read_image(zone.image(set.image_at), name).own) {
            if (record.type == code(RrType::Soa)) {
                set_serial(record.data, serial);
            }
            out.push_back(record_of(std::move(record), true));
        }
    }
    if (out.size() == before && type == code(RrType::Any) && !has_records(node)) {
        out.push_back({name, kEmptyNonTerminal, 0, {}, true, 0});
    }
}

Asker Asker::read(std::string_view remote, std::string_view real_remote) {
    const auto resolver = base::IpAddress::parse(remote.substr(0, remote.find('%')));
    Asker asker{client_at(resolver ? resolver.value() : base::IpAddress()), 0};
    const auto subnet = base::Network::parse(real_remote);
    if (!subnet || (resolver && subnet.value().address() == resolver.value())) {
        return asker;
    }
    const bool v4 = subnet.value().address().family() == base::IpFamily::V4;
    const std::uint8_t scope = v4 ? kScope4 : kScope6;
    if (subnet.value().prefix() >= scope) {
        asker = {client_at(subnet.value().address()), scope};
    }
    return asker;
}

FoundRecords ZoneReader::lookup(const Snapshot& snapshot,
                                const Name& name,
                                std::uint16_t type,
                                std::optional<std::uint32_t> zone,
                                const Asker& asker) {
    FoundRecords found;
    const Node* node = nullptr;
    if (zone && name.is_within(snapshot.names().zone(*zone).apex())) {
        found.zone = *zone;
        node = snapshot.names().zone(*zone).find(name);
    } else {
        WireName wire;
        if (!read_name(name.wire(), wire)) {
            return found;
        }
        const NameTable::Found place = snapshot.names().lookup(wire);
        if (place.node == nullptr) {
            return found;
        }
        found.zone = place.zone;
        node = place.labels_off == 0 ? place.node : nullptr;
    }
    const ZoneImage& image = snapshot.names().zone(found.zone);
    if (node == nullptr) {
        const Node* const cut = cut_above(image, name);
        if (cut != nullptr) {
            add_glue(image, *cut, type, &name, found.records);
        }
        return found;
    }
    const auto steered = [&](const SetRef& ref, const Name& owner, ZoneRecords& out) {
        const SteeredKind kind = ref.steered;
        const SteeredSet* const set = snapshot.parts(found.zone).set_for(kind);
        if (set == nullptr || !set->has(kind)) {
            return;
        }
        SteeredSet::Choice choice;
        const std::size_t place = set->slot() * kSteeredKinds + static_cast<std::size_t>(kind);
        choice.turn = turns_[place % kTurns]++;
        if (set->uses_source()) {
            choice.source = source_hash(snapshot.key(), asker.client, image.apex().wire());
        }
        for (ImageRecord& record : read_image(set->pick(kind, choice), owner).own) {
            out.push_back(record_of(std::move(record), true));
            out.back().scope = set->uses_source() ? asker.scope : std::uint8_t{0};
        }
    };
    add_node(image, *node, type, snapshot.serial(found.zone), steered, found.records);
    std::erase_if(found.records, [&name](const ZoneRecord& record) {
        return record.owner != name;  // glue below a delegation
    });
    return found;
}

std::optional<std::uint32_t> find_zone(const Snapshot& snapshot, const Name& apex) {
    const NameTable::Found found = snapshot.names().lookup(apex);
    if (found.node == nullptr || found.labels_off != 0 ||
        snapshot.names().zone(found.zone).apex() != apex) {
        return std::nullopt;
    }
    return found.zone;
}

Neighbours neighbours_of(const ZoneImage& zone, const Name& name) {
    const auto order = [&zone](const Name& value, const Node& node) {
        return value < name_of(zone, node);
    };
    const auto nodes = zone.nodes();
    const auto after = std::upper_bound(nodes.begin(), nodes.end(), name, order);
    Neighbours found{zone.apex(), zone.apex()};
    const auto next = std::find_if(after, nodes.end(), has_records);
    if (next != nodes.end()) {
        found.after = name_of(zone, *next);
    }
    for (auto at = after; at != nodes.begin();) {
        --at;
        if (has_records(*at)) {
            found.before = name_of(zone, *at);
            break;
        }
    }
    return found;
}

}  // namespace dns::plugin
