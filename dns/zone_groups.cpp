#include "dns/zone_groups.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

namespace dns {
namespace {

std::shared_ptr<const steering::ZoneTables> views_of(const PoolInput& pool) {
    return pool.commit == nullptr ? nullptr : pool.commit->zones;
}

}  // namespace

transfer::SteeredParts canonical_parts(const ZoneGroup& group) {
    return {group.mail.set == nullptr ? nullptr : group.mail.set->canonical(),
            group.access.set == nullptr ? nullptr : group.access.set->canonical()};
}

void ZoneGroups::take_zones(std::vector<GroupedZone> zones) {
    zones_ = std::move(zones);
    zones_are_new_ = true;
}

// What a zone had goes with it into its new group.
void ZoneGroups::arrange(const PoolInput& mail, const PoolInput& access) {
    const auto table_of = [](const PoolInput& pool, bool steered, const std::string& name) {
        if (!steered || pool.commit == nullptr) {
            return kNoTable;
        }
        const auto found = pool.commit->zones->find(name);
        return found == pool.commit->zones->end() ? kNoTable : found->second;
    };
    // Sets that are kept tell groups apart, too.
    using Key = std::tuple<Tables, const SteeredSet*, const SteeredSet*, bool, bool>;
    std::map<Key, std::uint32_t> known;
    std::vector<ZoneGroup> groups;
    std::vector<Tables> tables;
    auto group_of = std::make_shared<std::vector<std::uint32_t>>();
    group_of->reserve(zones_.size());
    std::size_t before = 0;  // both lists ascend
    for (const GroupedZone& zone : zones_) {
        while (before < grouped_names_.size() && grouped_names_[before] < zone.name) {
            ++before;
        }
        const bool had = before < grouped_names_.size() && grouped_names_[before] == zone.name;
        const ZoneGroup old = had ? groups_[(*group_of_)[before]] : ZoneGroup{};
        const Tables wanted = {
            table_of(mail, zone.steers_mail && zone.has_mail_servers, zone.name),
            table_of(access, zone.steers_access && zone.has_access_servers, zone.name)};
        const auto kept = [](bool steered, std::size_t table, const SteeredPart& part) {
            return steered && table == kNoTable ? part.set.get() : nullptr;
        };
        const Key key{wanted,
                      kept(zone.steers_mail, wanted[0], old.mail),
                      kept(zone.steers_access, wanted[1], old.access),
                      zone.steers_mail,
                      zone.steers_access};
        const auto [place, is_new] =
            known.try_emplace(key, static_cast<std::uint32_t>(groups.size()));
        if (is_new) {
            groups.push_back({zone.steers_mail ? old.mail : SteeredPart{},
                              zone.steers_access ? old.access : SteeredPart{}});
            tables.push_back(wanted);
        }
        group_of->push_back(place->second);
    }
    grouped_names_.clear();
    for (const GroupedZone& zone : zones_) {
        grouped_names_.push_back(zone.name);
    }
    groups_ = std::move(groups);
    tables_ = std::move(tables);
    group_of_ = std::move(group_of);
    views_ = {views_of(mail), views_of(access)};
    zones_are_new_ = false;
}

base::Result<Snapshot::SharedSet> ZoneGroups::set_for(PoolKind kind,
                                                      const PoolInput& pool,
                                                      const std::shared_ptr<const NameTable>& names,
                                                      std::size_t table) {
    ServedHosts& named = served_hosts_[kind == PoolKind::Mail ? 0 : 1];
    CachedSet wanted{pool.commit->tables[table], named.take(pool.hosts, names), names, nullptr};
    const auto same = [&wanted](const CachedSet& set) {
        return set.table == wanted.table && set.hosts == wanted.hosts && set.names == wanted.names;
    };
    const auto made = std::ranges::find_if(next_sets_, same);
    if (made != next_sets_.end()) {
        return made->set;
    }
    const auto known = std::ranges::find_if(sets_, same);
    if (known != sets_.end()) {
        next_sets_.push_back(*known);
        return known->set;
    }
    SteeredSource source;
    source.table = named.servable(wanted.table);
    if (source.table == nullptr) {
        next_sets_.push_back(wanted);
        return wanted.set;  // none: the answer is SERVFAIL, and senders wait
    }
    source.kind = kind;
    source.ttl = wanted.table->ttl_s;
    source.slot = next_slot_++;
    source.hosts = *wanted.hosts;
    wanted.set = TRY(SteeredSet::build(source, *names));
    next_sets_.push_back(wanted);
    return wanted.set;
}

base::Status ZoneGroups::assign_part(PoolKind kind,
                                     const PoolInput& pool,
                                     const std::shared_ptr<const NameTable>& names,
                                     std::size_t table,
                                     SteeredPart& part) {
    if (table == kNoTable) {
        part.nameless = part.set != nullptr && !is_servable(*names, *part.set);
        return base::Done{};
    }
    const Snapshot::SharedSet set = TRY(set_for(kind, pool, names, table));
    part.nameless = set == nullptr;
    if (set != nullptr) {
        part.set = set;
    }
    return base::Done{};
}

base::Status ZoneGroups::assign(const PoolInput& mail,
                                const PoolInput& access,
                                const std::shared_ptr<const NameTable>& names) {
    if (zones_are_new_ || views_[0] != views_of(mail) || views_[1] != views_of(access)) {
        arrange(mail, access);
    }
    next_sets_.clear();
    for (std::size_t i = 0; i < groups_.size(); ++i) {
        TRY(assign_part(PoolKind::Mail, mail, names, tables_[i][0], groups_[i].mail));
        TRY(assign_part(PoolKind::Access, access, names, tables_[i][1], groups_[i].access));
    }
    sets_ = std::move(next_sets_);
    return base::Done{};
}

std::size_t ZoneGroups::memory() const noexcept {
    std::size_t size = group_of_->capacity() * sizeof(std::uint32_t);
    for (const CachedSet& set : sets_) {
        size += set.set == nullptr ? 0 : set.set->memory();
    }
    return size;
}

}  // namespace dns
