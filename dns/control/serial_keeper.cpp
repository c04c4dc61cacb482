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

bool GroupToPublish::same_as(const GroupToPublish& other) const noexcept {
    return same(canonical, other.canonical) && steered.same_as(other.steered);
}

// A zone that was there keeps what it is known by; the newest serial that anybody has seen counts.
void SerialKeeper::take_zones(const std::vector<ZoneToPublish>& zones) {
    std::vector<std::string> names;
    std::vector<Entry> entries;
    auto serials = std::make_shared<std::vector<std::uint32_t>>();
    std::size_t old = 0;  // both lists ascend
    const auto leave = [this](std::size_t place) {
        gone_.insert_or_assign(names_[place], (*serials_)[place]);
    };
    for (const ZoneToPublish& zone : zones) {
        for (; old < names_.size() && names_[old] < zone.name; ++old) {
            leave(old);
        }
        Entry entry;
        std::uint32_t serial = zone.directory_serial;
        const auto take = [&serial](std::uint32_t seen) {
            serial = is_newer_serial(serial, seen) ? serial : seen;
        };
        if (old < names_.size() && names_[old] == zone.name) {
            entry = entries_[old];
            take((*serials_)[old++]);
        } else if (const auto gone = gone_.find(zone.name); gone != gone_.end()) {
            entry.is_back = true;
            take(gone->second);
            gone_.erase(gone);
        }
        entry.group = zone.group;
        names.push_back(zone.name);
        entries.push_back(entry);
        serials->push_back(serial);
    }
    for (; old < names_.size(); ++old) {
        leave(old);
    }
    while (gone_.size() > kSerialsOfGoneMax) {
        gone_.erase(gone_.begin());
    }
    names_ = std::move(names);
    entries_ = std::move(entries);
    if (*serials != *serials_) {
        serials_ = std::move(serials);
    }
}

std::uint32_t SerialKeeper::content_of(const GroupToPublish& group) {
    for (std::size_t i = 0; i < contents_.size(); ++i) {
        if (contents_[i].same_as(group)) {
            return static_cast<std::uint32_t>(i);
        }
    }
    contents_.push_back(group);
    return static_cast<std::uint32_t>(contents_.size() - 1);
}

// Those that no zone was last published with.
void SerialKeeper::forget_contents() {
    std::vector<std::uint32_t> next(contents_.size(), kNothing);
    std::vector<GroupToPublish> kept;
    for (Entry& entry : entries_) {
        if (entry.content == kNothing) {
            continue;
        }
        std::uint32_t& place = next[entry.content];
        if (place == kNothing) {
            place = static_cast<std::uint32_t>(kept.size());
            kept.push_back(contents_[entry.content]);
        }
        entry.content = place;
    }
    contents_ = std::move(kept);
}

std::vector<std::uint32_t> SerialKeeper::update(const std::vector<GroupToPublish>& groups,
                                                const std::vector<std::uint32_t>& changed,
                                                steering::Urgency urgency,
                                                double now_s) {
    forget_contents();
    // What was never published is as if nothing was steered.
    const std::uint32_t nothing = content_of({});
    std::vector<std::uint32_t> wanted;
    for (const GroupToPublish& group : groups) {
        wanted.push_back(content_of(group));
    }
    due_s_.reset();
    std::vector<std::uint32_t> moved;
    auto other = changed.begin();
    for (std::size_t i = 0; i < entries_.size(); ++i) {
        Entry& entry = entries_[i];
        const bool records = other != changed.end() && *other == i;
        other += records ? 1 : 0;
        const std::uint32_t content = entry.content == kNothing ? nothing : entry.content;
        const bool steered_anew = content != wanted[entry.group];
        const double due_s = entry.moved_s + kSerialHold;
        const bool held = !entry.is_new && urgency == steering::Urgency::Routine && now_s < due_s;
        if (records || entry.is_back || (steered_anew && !held)) {
            moved.push_back(static_cast<std::uint32_t>(i));
            entry.content = wanted[entry.group];
            entry.moved_s = now_s;
        } else if (steered_anew) {
            due_s_ = std::min(due_s_.value_or(due_s), due_s);
        }
        entry.is_new = false;
        entry.is_back = false;
    }
    if (!moved.empty()) {
        auto serials = std::make_shared<std::vector<std::uint32_t>>(*serials_);
        for (const std::uint32_t place : moved) {
            (*serials)[place] = next_serial((*serials)[place]);
        }
        serials_ = std::move(serials);
    }
    return moved;
}

}  // namespace dns
