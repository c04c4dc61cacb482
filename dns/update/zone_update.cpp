#include "dns/update/zone_update.h"

#include <algorithm>
#include <map>
#include <set>
#include <string_view>
#include <tuple>
#include <utility>

#include "base/check.h"
#include "dns/ldns_door.h"
#include "dns/update/record_layout.h"
#include "dns/zone_text.h"

namespace dns::update {
namespace {

constexpr auto code(RrType type) {
    return static_cast<std::uint16_t>(type);
}

constexpr std::uint16_t kAny = code(RrType::Any);
constexpr std::uint16_t kCname = code(RrType::Cname);
constexpr std::uint16_t kDname = code(RrType::Dname);
constexpr std::size_t kSoaNumbers = 20;
constexpr std::size_t kNoRow = SIZE_MAX;
constexpr std::size_t kMadeRow = SIZE_MAX - 1;

// A record of the zone while it is changed.
struct Entry {
    std::string data;  // comparable
    std::string sent;  // as the update brought it; only of new ones
    std::uint32_t ttl = 0;
    std::size_t row = kNoRow;  // of the source; kMadeRow: nobody may change it
    bool renewed = false;      // was added again
};

using Sets = std::map<std::uint16_t, std::vector<Entry>>;

class Updater {
  public:
    Updater(const UpdatedZone& zone, const UpdateRights& rights) : zone_(zone), rights_(rights) {}

    UpdateOutcome run(const UpdateRequest& request) {
        if (load() && check_prerequisites(request.prerequisites)) {
            for (const UpdateRecord& record : request.updates) {
                if (!apply(record)) {
                    break;
                }
            }
        }
        if (outcome_.rcode == Rcode::NoError) {
            gather_changes();
        }
        return std::move(outcome_);
    }

  private:
    bool fail(Rcode rcode, std::string reason) {
        outcome_.rcode = rcode;
        outcome_.reason = std::move(reason);
        return false;
    }

    bool fail(Rcode rcode, const UpdateRecord& record, std::string_view reason) {
        return fail(rcode,
                    record.owner.to_text() + " " + record_type_name(record.type) + ": " +
                        std::string(reason));
    }

    bool load() {
        const auto built = build_zone(zone_.source);
        if (!built) {
            return fail(Rcode::Refused, "the zone is refused as it is: " + built.error().detail);
        }
        apex_ = built.value().apex;
        for (std::size_t i = 0; i < zone_.source.records.size(); ++i) {
            const RecordRow& row = zone_.source.records[i];
            // build_zone() has read the same.
            const Name owner = Name::from_text(row.owner, apex_).take_value();
            const std::uint16_t type = record_type(row.type).take_value();
            Entry entry;
            entry.data = comparable_data(type, record_data(type, row.data, apex_).take_value());
            entry.ttl = row.ttl;
            entry.row = i < zone_.own ? i : kMadeRow;
            names_[owner][type].push_back(std::move(entry));
        }
        load_soa(built.value());
        return true;
    }

    void load_soa(const Zone& built) {
        const RecordSet& set = built.names.at(apex_).at(code(RrType::Soa));
        Entry entry;
        entry.data = set.data.front();
        for (std::size_t i = 0; i < 4; ++i) {
            entry.data[entry.data.size() - kSoaNumbers + i] =
                static_cast<char>(zone_.serial >> (24 - 8 * i));
        }
        entry.ttl = set.ttl;
        entry.row = kMadeRow;
        names_[apex_][code(RrType::Soa)].push_back(std::move(entry));
    }

    [[nodiscard]] const std::vector<Entry>* find(const Name& owner, std::uint16_t type) const {
        const auto sets = names_.find(owner);
        if (sets == names_.end()) {
            return nullptr;
        }
        const auto set = sets->second.find(type);
        return set == sets->second.end() || set->second.empty() ? nullptr : &set->second;
    }

    [[nodiscard]] bool exists(const Name& owner, std::uint16_t type) const {
        return find(owner, type) != nullptr || (rights_.is_steered(owner, type) && is_free(owner));
    }

    // A name with records of its own is not steered, but for the MX of the apex (zone.h).
    [[nodiscard]] bool is_free(const Name& owner) const {
        return owner == apex_ || !has_records(owner);
    }

    [[nodiscard]] bool has_records(const Name& owner) const {
        const auto sets = names_.find(owner);
        return sets != names_.end() && std::ranges::any_of(sets->second, [](const auto& set) {
                   return !set.second.empty();
               });
    }

    [[nodiscard]] bool name_in_use(const Name& owner) const {
        return has_records(owner) || rights_.is_steered(owner, code(RrType::A)) ||
               rights_.is_steered(owner, code(RrType::Srv)) ||
               rights_.is_steered(owner, code(RrType::Mx));
    }

    // RFC 2136 3.2.5.
    bool check_prerequisites(const std::vector<UpdateRecord>& prerequisites) {
        using Set = std::pair<Name, std::uint16_t>;
        std::map<Set, std::set<std::string>> wanted;
        for (const UpdateRecord& record : prerequisites) {
            const bool any = record.type == kAny;
            const bool there = any ? name_in_use(record.owner) : exists(record.owner, record.type);
            if (record.rr_class == RrClass::In) {
                wanted[{record.owner, record.type}].insert(
                    comparable_data(record.type, record.data));
            } else if (record.rr_class == RrClass::Any && !there) {
                return fail(any ? Rcode::NxDomain : kRcodeNxRrset, record, "is not there");
            } else if (record.rr_class == RrClass::None && there) {
                return fail(any ? Rcode::YxDomain : kRcodeYxRrset, record, "is there");
            }
        }
        for (const auto& [set, data] : wanted) {
            std::set<std::string> present;
            if (const auto* entries = find(set.first, set.second)) {
                for (const Entry& entry : *entries) {
                    present.insert(entry.data);
                }
            }
            if (present != data) {
                return fail(kRcodeNxRrset, set.first.to_text() + ": has other records");
            }
        }
        return true;
    }

    // RFC 2136 3.4.2.
    bool apply(const UpdateRecord& record) {
        switch (record.rr_class) {
            case RrClass::In:
                return add(record);
            case RrClass::None:
                return remove_if(record, [&record](const Entry& entry) {
                    return entry.data == comparable_data(record.type, record.data);
                });
            case RrClass::Any:
                break;
            case RrClass::Chaos:
                return fail(Rcode::FormErr, record, "a class that has no meaning here");
        }
        if (record.type == kAny) {
            return remove_name(record);
        }
        return remove_if(record, [](const Entry&) { return true; });
    }

    bool allowed(const UpdateRecord& record, std::string_view data) {
        const std::string_view why = rights_.refusal(record.owner, record.type, data);
        return why.empty() || fail(Rcode::Refused, record, why);
    }

    // Asked for what is not there, too: else a key could find out what is.
    template <typename Which>
    bool remove_if(const UpdateRecord& record, const Which& which) {
        if (!record.taken) {
            return fail(Rcode::Refused, record, "a type that updates do not write");
        }
        if (!allowed(record, record.data)) {
            return false;
        }
        const auto sets = names_.find(record.owner);
        if (sets == names_.end()) {
            return true;
        }
        const auto set = sets->second.find(record.type);
        if (set == sets->second.end()) {
            return true;
        }
        for (const Entry& entry : set->second) {
            if (which(entry) && entry.row != kMadeRow && !allowed(record, entry.data)) {
                return false;
            }
        }
        drop(record, set->second, [&which](const Entry& entry) {
            return which(entry) && entry.row != kMadeRow;
        });
        return true;
    }

    template <typename Which>
    void drop(const UpdateRecord& record, std::vector<Entry>& set, const Which& which) {
        for (const Entry& entry : set) {
            if (which(entry) && entry.row != kNoRow && entry.row != kMadeRow) {
                removed_[{record.owner, record.type}].push_back(entry);
            }
        }
        std::erase_if(set, which);
    }

    // RFC 2136 3.4.2.3.
    bool remove_name(const UpdateRecord& record) {
        if (!rights_.grants_name(record.owner)) {
            return fail(Rcode::Refused, record, "not granted to this key");
        }
        const auto sets = names_.find(record.owner);
        if (sets == names_.end()) {
            return true;
        }
        for (auto& [type, entries] : sets->second) {
            if (std::ranges::all_of(entries, [](const Entry& e) { return e.row == kMadeRow; })) {
                continue;
            }
            const bool apex_set =
                record.owner == apex_ && (type == code(RrType::Soa) || type == code(RrType::Ns));
            UpdateRecord one = record;
            one.type = type;
            if (!apex_set && !remove_if(one, [](const Entry&) { return true; })) {
                return false;
            }
        }
        return true;
    }

    bool add(const UpdateRecord& record) {
        if (!record.taken) {
            return fail(Rcode::Refused, record, "a type that updates do not write");
        }
        if (!allowed(record, record.data)) {
            return false;
        }
        Sets& sets = names_[record.owner];
        const bool alias = record.type == kCname;
        for (const auto& [type, entries] : sets) {
            if (!entries.empty() && alias != (type == kCname)) {
                return true;  // RFC 2136 3.4.2.2: ignored
            }
        }
        std::vector<Entry>& set = sets[record.type];
        const std::string data = comparable_data(record.type, record.data);
        if (alias || record.type == kDname) {
            drop(record, set, [&data](const Entry& entry) { return entry.data != data; });
        }
        for (Entry& entry : set) {
            entry.ttl = record.ttl;
        }
        const auto there = std::ranges::find(set, data, &Entry::data);
        if (there != set.end()) {
            there->renewed = true;
            return true;
        }
        set.push_back(entry_of(record, data));
        return true;
    }

    // A record that this update has removed before is the one that was there.
    Entry entry_of(const UpdateRecord& record, const std::string& data) const {
        Entry entry{data, record.data, record.ttl, kNoRow, true};
        const auto removed = removed_.find({record.owner, record.type});
        if (removed != removed_.end()) {
            for (const Entry& before : removed->second) {
                entry.row = before.data == data ? before.row : entry.row;
            }
        }
        return entry;
    }

    void gather_changes() {
        std::vector<bool> kept(zone_.own, false);
        for (const auto& [owner, sets] : names_) {
            for (const auto& [type, entries] : sets) {
                for (const Entry& entry : entries) {
                    if (!take_entry(owner, type, entry, kept)) {
                        return;
                    }
                }
            }
        }
        for (std::size_t i = 0; i < zone_.own; ++i) {
            const RecordRow& row = zone_.source.records[i];
            if (!kept[i]) {
                outcome_.changes.removed.push_back({row.owner, row.type, row.data});
            }
        }
    }

    bool take_entry(const Name& owner,
                    std::uint16_t type,
                    const Entry& entry,
                    std::vector<bool>& kept) {
        if (entry.row == kMadeRow) {
            return true;
        }
        if (entry.row == kNoRow) {
            auto text = canonical_text(type, entry.sent);
            if (!text) {
                return fail(Rcode::Refused, owner.to_text() + ": " + text.error().detail);
            }
            outcome_.changes.added.push_back({relative_owner(owner, apex_),
                                              record_type_name(type),
                                              entry.ttl,
                                              std::move(text).take_value()});
            return true;
        }
        kept[entry.row] = true;
        const RecordRow& row = zone_.source.records[entry.row];
        const SetTtl set{row.owner, row.type, entry.ttl};
        auto& retimed = outcome_.changes.retimed;
        if (entry.ttl != row.ttl && (retimed.empty() || retimed.back() != set)) {
            retimed.push_back(set);
        }
        if (entry.renewed && zone_.expires[entry.row]) {
            outcome_.changes.added.push_back({row.owner, row.type, entry.ttl, row.data});
        }
        return true;
    }

    const UpdatedZone& zone_;
    const UpdateRights& rights_;
    Name apex_;
    std::map<Name, Sets> names_;
    std::map<std::pair<Name, std::uint16_t>, std::vector<Entry>> removed_;  // by this update
    UpdateOutcome outcome_;
};

}  // namespace

UpdateOutcome apply_update(const UpdatedZone& zone,
                           const UpdateRights& rights,
                           const UpdateRequest& request) {
    CHECK(zone.expires.size() == zone.own && zone.own <= zone.source.records.size());
    return Updater(zone, rights).run(request);
}

std::vector<DirectoryRecord> changed_records(std::vector<DirectoryRecord> records,
                                             const UpdateChanges& changes) {
    using Key = std::tuple<std::string_view, std::string_view, std::string_view>;
    std::set<Key> removed;
    for (const RecordKey& key : changes.removed) {
        removed.insert({key.owner, key.type, key.data});
    }
    std::erase_if(records, [&removed](const DirectoryRecord& record) {
        return removed.contains({record.owner, record.type, record.data});
    });
    std::map<std::pair<std::string_view, std::string_view>, std::uint32_t> ttls;
    for (const SetTtl& set : changes.retimed) {
        ttls[{set.owner, set.type}] = set.ttl;
    }
    // Keys borrow from what is not moved any more, but for what is added: that comes from
    // `changes`.
    records.reserve(records.size() + changes.added.size());
    std::map<Key, std::size_t> places;
    for (std::size_t i = 0; i < records.size(); ++i) {
        DirectoryRecord& record = records[i];
        const auto ttl = ttls.find({record.owner, record.type});
        record.ttl = ttl == ttls.end() ? record.ttl : ttl->second;
        places.insert({{record.owner, record.type, record.data}, i});
    }
    for (const RecordRow& row : changes.added) {
        const auto [there, added] =
            places.insert({{row.owner, row.type, row.data}, records.size()});
        if (added) {
            records.push_back({row.owner, row.type, row.ttl, row.data});
        } else {
            records[there->second].ttl = row.ttl;
        }
    }
    return records;
}

}  // namespace dns::update
