#include "dns/control/serial_keeper.h"

#include <algorithm>

namespace dns {
namespace {

bool same(const std::shared_ptr<const CanonicalAnswer>& left,
          const std::shared_ptr<const CanonicalAnswer>& right) {
    return left == right || (left != nullptr && right != nullptr && *left == *right);
}

}  // namespace

CanonicalAnswer canonical_of(const steering::SteeringTable& table) {
    CanonicalAnswer answer;
    const auto entries =
        steering::answer_entries(table, steering::canonical_answer(table), table.list_max);
    for (const steering::RowEntry& entry : entries) {
        answer.emplace_back(table.servers[entry.server].id, entry.preference);
    }
    return answer;
}

// The newest that anybody has seen of it.
std::uint32_t SerialKeeper::known_serial(const ZoneToPublish& zone) const {
    std::uint32_t serial = zone.directory_serial;
    for (const Serials* seen : {&serials_, &gone_}) {
        const auto known = seen->find(zone.name);
        if (known != seen->end() && !is_newer_serial(serial, known->second)) {
            serial = known->second;
        }
    }
    return serial;
}

void SerialKeeper::keep_gone(const Serials& next) {
    for (const auto& [name, serial] : serials_) {
        if (!next.contains(name)) {
            gone_.insert_or_assign(name, serial);
        }
    }
    std::erase_if(gone_, [&next](const auto& zone) { return next.contains(zone.first); });
    while (gone_.size() > kSerialsOfGoneMax) {
        gone_.erase(gone_.begin());
    }
}

Serials SerialKeeper::update(const std::vector<ZoneToPublish>& zones,
                             steering::Urgency urgency,
                             double now_s) {
    std::map<std::string, ZoneState, std::less<>> next;
    Serials serials;
    Serials moved;
    due_s_.reset();
    for (const ZoneToPublish& zone : zones) {
        const auto known = zones_.find(zone.name);
        const bool is_new = known == zones_.end();
        std::uint32_t serial = known_serial(zone);
        ZoneState state = is_new ? ZoneState{} : known->second;
        const bool steered_anew =
            !same(state.canonical, zone.canonical) || !state.steered.same_as(zone.steered);
        const double due_s = state.moved_s + kSerialHold;
        const bool held = !is_new && urgency == steering::Urgency::Routine && now_s < due_s;
        const bool back = is_new && gone_.contains(zone.name);  // with whatever records
        if (zone.records_changed || back || (steered_anew && !held)) {
            serial = next_serial(serial);
            state = {zone.canonical, zone.steered, now_s};
            moved[zone.name] = serial;
        } else if (steered_anew) {
            due_s_ = std::min(due_s_.value_or(due_s), due_s);
        }
        next.emplace(zone.name, std::move(state));
        serials[zone.name] = serial;
    }
    zones_ = std::move(next);
    keep_gone(serials);
    serials_ = std::move(serials);
    return moved;
}

}  // namespace dns
