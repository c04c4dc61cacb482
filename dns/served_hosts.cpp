#include "dns/served_hosts.h"

#include <algorithm>
#include <utility>

#include "dns/wire.h"

namespace dns {
namespace {

bool has_address(const ZoneImage& zone, const Node& node) {
    return zone.find_set(node, static_cast<std::uint16_t>(RrType::A)) != nullptr ||
           zone.find_set(node, static_cast<std::uint16_t>(RrType::Aaaa)) != nullptr;
}

// The table's servers that are in its answers, with the weights that they have there; if none of
// those is left, all that no operator took out; then all.
steering::TableInput narrowed(const steering::SteeringTable& table,
                              const std::set<steering::ServerId>& without) {
    steering::TableInput input;
    input.policy = table.policy;
    input.form = table.form;
    input.settings.list_max = table.list_max;
    input.settings.panic = 0;  // who is in was decided when the table was made
    input.ttl_s = table.ttl_s;
    for (const int stage : {0, 1, 2}) {
        for (const steering::TableServer& server : table.servers) {
            const bool out = server.forced == steering::ForcedState::Down ||
                             server.forced == steering::ForcedState::Drained;
            const bool in = stage == 0 ? server.weight > 0 : !out || stage == 2;
            if (!in || without.contains(server.id)) {
                continue;
            }
            steering::ServerInput entry;
            entry.id = server.id;
            entry.name = server.name;
            entry.weight = std::clamp(
                stage == 0 ? server.weight : 1.0, steering::kWeightMin, steering::kWeightMax);
            entry.pin = server.pin;
            entry.preference = server.preference;
            entry.tier = server.tier;
            input.servers.push_back(std::move(entry));
        }
        if (!input.servers.empty()) {
            break;
        }
    }
    return input;
}

}  // namespace

bool is_servable(const NameTable& names, const Name& host) {
    WireName wire;  // NOLINT(cppcoreguidelines-pro-type-member-init): see WireName
    if (!read_name(host.wire(), wire)) {
        return false;
    }
    const NameTable::Found found = names.lookup(wire);
    if (found.node == nullptr || found.node->is(Node::kDelegation)) {
        return true;
    }
    const ZoneImage& zone = names.zone(found.zone);
    const Node* node = found.node;
    if (found.labels_off != 0) {
        if (node->is(Node::kRedirect) || node->is(Node::kRefused) || node->wildcard == 0) {
            return false;
        }
        node = &zone.nodes()[node->wildcard];
    }
    return !node->is(Node::kAlias) && !node->is(Node::kRefused) && has_address(zone, *node);
}

// The canonical answer names whom any variant names.
bool is_servable(const NameTable& names, const SteeredSet& set) {
    const auto all_servable = [&](SteeredKind kind, RrType type) {
        const auto& records = set.canonical()->data[static_cast<std::size_t>(kind)];
        return std::ranges::all_of(records, [&](const std::string& data) {
            const auto target = target_of(static_cast<std::uint16_t>(type), data);
            return target && is_servable(names, target.value());
        });
    };
    return all_servable(SteeredKind::Mx, RrType::Mx) &&
           all_servable(SteeredKind::ImapSrv, RrType::Srv) &&
           all_servable(SteeredKind::PopSrv, RrType::Srv);
}

const ServedHosts::Hosts& ServedHosts::take(const Hosts& hosts,
                                            const std::shared_ptr<const NameTable>& names) {
    if (hosts == hosts_ && names == names_) {
        return served_;
    }
    hosts_ = hosts;
    names_ = names;
    served_ = hosts;
    nameless_.clear();
    if (hosts == nullptr) {
        return served_;
    }
    std::map<steering::ServerId, Name> right;
    std::vector<SteeredHost> changed = *hosts;
    bool any = false;
    for (SteeredHost& host : changed) {
        if (is_servable(*names, host.name)) {
            right.emplace(host.id, host.name);
            continue;
        }
        any = true;
        const auto known = last_right_.find(host.id);
        if (known != last_right_.end() && is_servable(*names, known->second)) {
            host.name = known->second;
            right.emplace(host.id, host.name);
        } else {
            nameless_.insert(host.id);
        }
    }
    last_right_ = std::move(right);
    if (any) {
        served_ = std::make_shared<const std::vector<SteeredHost>>(std::move(changed));
    }
    return served_;
}

ServedHosts::Table ServedHosts::servable(const Table& table) const {
    const auto nameless = [this](const steering::TableServer& server) {
        return nameless_.contains(server.id);
    };
    if (nameless_.empty() || std::ranges::none_of(table->servers, nameless)) {
        return table;
    }
    auto made = steering::build_table(narrowed(*table, nameless_));
    return made ? std::make_shared<const steering::SteeringTable>(std::move(made).take_value())
                : nullptr;
}

}  // namespace dns
