#include "dns/zone.h"

#include <algorithm>
#include <array>

#include "base/hash.h"
#include "dns/ldns_door.h"
#include "dns/limits.h"
#include "dns/wire.h"

namespace dns {
namespace {

constexpr auto code(RrType type) {
    return static_cast<std::uint16_t>(type);
}

constexpr std::uint16_t kA = code(RrType::A);
constexpr std::uint16_t kNs = code(RrType::Ns);
constexpr std::uint16_t kCname = code(RrType::Cname);
constexpr std::uint16_t kMx = code(RrType::Mx);
constexpr std::uint16_t kAaaa = code(RrType::Aaaa);
constexpr std::uint16_t kSrv = code(RrType::Srv);
constexpr std::uint16_t kDname = code(RrType::Dname);
constexpr std::uint16_t kDs = code(RrType::Ds);

base::Error broken(const Name& owner, std::uint16_t type, std::string_view rule) {
    return {base::Errc::Invalid,
            owner.to_text() + " " + record_type_name(type) + ": " + std::string(rule)};
}

bool has_type(const RecordSets& sets, std::uint16_t type) {
    return sets.find(type) != sets.end();
}

bool has_type(const Zone& zone, const Name& name, std::uint16_t type) {
    const auto found = zone.names.find(name);
    return found != zone.names.end() && has_type(found->second, type);
}

// Types that no operator may write: questions and transports, and what the signer makes.
bool is_reserved(std::uint16_t type) {
    constexpr std::uint16_t kMade[] = {code(RrType::Soa),
                                       code(RrType::Sig),
                                       code(RrType::Opt),
                                       code(RrType::Rrsig),
                                       code(RrType::Nsec),
                                       30,
                                       50,
                                       51};
    return (type >= 128 && type <= 255) ||
           std::find(std::begin(kMade), std::end(kMade), type) != std::end(kMade);
}

// Gathers rows into sets.
class Collector {
  public:
    explicit Collector(Zone& zone) : zone_(zone) {}

    base::Status add(const RecordRow& row) {
        const Name owner = TRY(Name::from_text(row.owner, zone_.apex));
        const std::uint16_t type = TRY(record_type(row.type));
        if (is_reserved(type)) {
            return broken(owner, type, "this type cannot be written as a record");
        }
        TRY(check_owner(owner, type));
        if (row.ttl > kTtlMax) {
            return broken(owner, type, "TTL above 2^31-1 (RFC 2181 8)");
        }
        auto data = record_data(type, row.data, zone_.apex);
        if (!data) {
            return base::Error{data.error().code, owner.to_text() + ": " + data.error().detail};
        }
        return insert(owner, type, row.ttl, std::move(data).take_value());
    }

    base::Status insert(const Name& owner,
                        std::uint16_t type,
                        std::uint32_t ttl,
                        std::string data) {
        RecordSets& sets = zone_.names[owner];
        const auto [at, added] = sets.try_emplace(type, RecordSet{ttl, {}});
        RecordSet& set = at->second;
        if (set.ttl != ttl) {
            return broken(owner, type, "two TTLs in one RRset (RFC 2181 5.2)");
        }
        const auto place = std::lower_bound(set.data.begin(), set.data.end(), data);
        if (place != set.data.end() && *place == data) {
            return base::Done{};  // RFC 2181 5: a record stands in its set once
        }
        set.data.insert(place, std::move(data));
        if (set.data.size() > kRecordsPerSetMax || sets.size() > kTypesPerNameMax ||
            ++records_ > kRecordsPerZoneMax) {
            return base::Error{
                base::Errc::TooLarge,
                owner.to_text() + " " + record_type_name(type) + ": too many records"};
        }
        return base::Done{};
    }

  private:
    [[nodiscard]] base::Status check_owner(const Name& owner, std::uint16_t type) const {
        if (!owner.is_within(zone_.apex)) {
            return broken(owner, type, "not in zone " + zone_.apex.to_text());
        }
        const Name accounts = TRY(zone_.apex.below(kAccountLabel));
        if (owner.is_within(accounts)) {
            return broken(owner, type, "names of the internal view cannot have records");
        }
        if (owner.is_wildcard() && (type == kNs || type == kDname || type == kDs)) {
            return broken(owner, type, "not at a wildcard (RFC 4592 4)");
        }
        return base::Done{};
    }

    Zone& zone_;
    std::size_t records_ = 0;
};

std::string contact_name(const std::string& contact) {
    // RFC 1035 8: the first "@" becomes a dot; dots before it are part of the first label.
    const std::size_t at = contact.find('@');
    if (at == std::string::npos) {
        return contact;
    }
    std::string text;
    for (const char c : contact.substr(0, at)) {
        text += c == '.' ? "\\." : std::string(1, c);
    }
    return text + "." + contact.substr(at + 1);
}

base::Result<std::string> soa_data(const SoaFields& soa) {
    const Name primary = TRY(Name::from_text(soa.primary));
    const Name contact = TRY(Name::from_text(contact_name(soa.contact)));
    std::string data;
    data.append(base::as_text(primary.wire())).append(base::as_text(contact.wire()));
    // The serial is put in with each answer.
    for (const std::uint32_t number :
         {std::uint32_t{0}, soa.refresh, soa.retry, soa.expire, soa.minimum}) {
        std::array<std::byte, 4> octets{};
        store_u32(octets.data(), number);
        data.append(base::as_text(octets));
    }
    return data;
}

base::Status check_alias(const Name& owner, const RecordSets& sets) {
    if (has_type(sets, kCname) && sets.size() > 1) {
        return broken(owner, kCname, "other records beside it (RFC 1034 3.6.2)");
    }
    for (const std::uint16_t type : {kCname, kDname}) {
        const auto found = sets.find(type);
        if (found != sets.end() && found->second.data.size() > 1) {
            return broken(owner, type, "more than one (RFC 2181 10.1, RFC 6672 2.4)");
        }
    }
    return base::Done{};
}

// What most zones have none of, and need no look for above each name.
struct Branches {
    bool cuts = false;
    bool dnames = false;
};

Branches branches_of(const Zone& zone) {
    Branches branches;
    branches.cuts = has_delegations(zone);
    for (const auto& [owner, sets] : zone.names) {
        branches.dnames = branches.dnames || has_type(sets, kDname);
    }
    return branches;
}

// At a delegation stand NS, DS and glue; below it only glue.
base::Status check_delegations(const Zone& zone,
                               const Branches& branches,
                               const Name& owner,
                               const RecordSets& sets) {
    const Name* cut = branches.cuts ? delegation_above(zone, owner) : nullptr;
    for (const auto& [type, set] : sets) {
        const bool address = type == kA || type == kAaaa;
        if (cut == nullptr) {
            if (type == kDs) {
                return broken(owner, type, "no delegation here (RFC 4035 2.4)");
            }
        } else if (!address && (owner != *cut || (type != kNs && type != kDs))) {
            return broken(owner, type, "hidden by the delegation of " + cut->to_text());
        }
    }
    return base::Done{};
}

base::Status check_dname_above(const Zone& zone, const Name& owner) {
    for (Name above = owner; above != zone.apex;) {
        above = above.parent();
        if (has_type(zone, above, kDname)) {
            return broken(
                owner, kDname, "below the DNAME of " + above.to_text() + " (RFC 6672 2.4)");
        }
    }
    return base::Done{};
}

base::Status check_name_server(const Zone& zone, const Name& owner, const Name& target) {
    if (!target.is_within(zone.apex) || has_type(zone, target, kA) ||
        has_type(zone, target, kAaaa)) {
        return base::Done{};
    }
    const Name* cut = delegation_above(zone, target);
    if (cut != nullptr && *cut != owner) {
        return base::Done{};  // a sibling's host: its own servers know it
    }
    return broken(owner, kNs, "no address for " + target.to_text() + " (RFC 9471)");
}

base::Status check_targets(const Zone& zone, const Name& owner, const RecordSets& sets) {
    for (const std::uint16_t type : {kNs, kMx, kSrv}) {
        const auto found = sets.find(type);
        if (found == sets.end()) {
            continue;
        }
        for (const std::string& data : found->second.data) {
            const Name target = TRY(target_of(type, data));
            if (has_type(zone, target, kCname)) {
                return broken(owner, type, target.to_text() + " is an alias (RFC 2181 10.3)");
            }
            if (type == kMx && target.is_root() && found->second.data.size() > 1) {
                return broken(owner, type, "a null MX beside others (RFC 7505 3)");
            }
            if (type == kNs) {
                TRY(check_name_server(zone, owner, target));
            }
        }
    }
    return base::Done{};
}

base::Status check_sizes(const Name& owner, const RecordSets& sets) {
    for (const auto& [type, set] : sets) {
        std::size_t total = kHeaderSize + kNameMax + 4 + kOptSize;
        for (const std::string& data : set.data) {
            total += 12 + data.size();
        }
        if (total > kMessageMax) {
            return base::Error{
                base::Errc::TooLarge,
                owner.to_text() + " " + record_type_name(type) + ": does not fit a message"};
        }
    }
    return base::Done{};
}

base::Status check_apex(const Zone& zone) {
    const RecordSets& apex = zone.names.at(zone.apex);
    if (!has_type(apex, kNs)) {
        return broken(zone.apex, kNs, "a zone needs a name server");
    }
    if (zone.steers_mail && has_type(apex, kMx)) {
        return broken(zone.apex, kMx, "made by the steering, cannot be written as a record");
    }
    return base::Done{};
}

base::Status check_zone(const Zone& zone) {
    TRY(check_apex(zone));
    const Branches branches = branches_of(zone);
    for (const auto& [owner, sets] : zone.names) {
        TRY(check_alias(owner, sets));
        TRY(check_delegations(zone, branches, owner, sets));
        if (branches.dnames) {
            TRY(check_dname_above(zone, owner));
        }
        TRY(check_targets(zone, owner, sets));
        TRY(check_sizes(owner, sets));
    }
    return base::Done{};
}

}  // namespace

base::Result<AccessNames> access_names(const Name& apex) {
    const Name tcp = TRY(apex.below("_tcp"));
    return AccessNames{TRY(apex.below(kImapLabel)),
                       TRY(apex.below(kPopLabel)),
                       TRY(tcp.below("_imap")),
                       TRY(tcp.below("_pop3"))};
}

base::Result<Name> target_of(std::uint16_t type, std::string_view data) {
    std::size_t skip = 0;
    switch (static_cast<RrType>(type)) {
        case RrType::Ns:
        case RrType::Cname:
        case RrType::Ptr:
        case RrType::Dname:
            break;
        case RrType::Mx:
            skip = 2;
            break;
        case RrType::Srv:
            skip = 6;
            break;
        default:
            return base::Error{base::Errc::NotFound, "record data without a target"};
    }
    if (data.size() <= skip) {
        return base::Error{base::Errc::Invalid, "record data too short"};
    }
    return Name::from_wire(std::as_bytes(std::span(data)).subspan(skip));
}

bool has_delegations(const Zone& zone) {
    return std::ranges::any_of(zone.names, [&zone](const auto& name) {
        return has_type(name.second, kNs) && name.first != zone.apex;
    });
}

const Name* delegation_above(const Zone& zone, const Name& name) {
    const Name* cut = nullptr;
    for (Name at = name; at.is_within(zone.apex) && at != zone.apex; at = at.parent()) {
        const auto found = zone.names.find(at);
        if (found != zone.names.end() && has_type(found->second, kNs)) {
            cut = &found->first;
        }
    }
    return cut;
}

bool is_free(const Zone& zone, const Name& name) {
    return zone.names.find(name) == zone.names.end() && delegation_above(zone, name) == nullptr &&
           bool(check_dname_above(zone, name));
}

base::Result<Zone> build_zone(const ZoneSource& source) {
    Zone zone;
    zone.apex = TRY(Name::from_text(source.name));
    if (zone.apex.is_root()) {
        return base::Error{base::Errc::Invalid, "the root is no zone of ours"};
    }
    zone.steers_mail = source.steers_mail;
    zone.steers_access = source.steers_access;
    zone.negative_ttl = std::min(source.soa.ttl, source.soa.minimum);
    Collector collector(zone);
    std::string soa = TRY(soa_data(source.soa));
    TRY(collector.insert(zone.apex, code(RrType::Soa), source.soa.ttl, std::move(soa)));
    for (const RecordRow& row : source.records) {
        TRY(collector.add(row));
    }
    TRY(check_zone(zone));
    return zone;
}

}  // namespace dns
