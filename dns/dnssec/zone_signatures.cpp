#include "dns/dnssec/zone_signatures.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <iterator>

#include "base/hash.h"

namespace dns::dnssec {
namespace {

constexpr auto kSoa = static_cast<std::uint16_t>(RrType::Soa);
constexpr auto kNs = static_cast<std::uint16_t>(RrType::Ns);

base::Error foreign(const Name& owner) {
    return {base::Errc::Invalid,
            owner.to_text() + ": signed and compiled records are not the same"};
}

void put_set(ImageBuilder& builder, const Name& owner, std::uint16_t type, const SignedSet& set) {
    for (const std::string& data : set.set.data) {
        builder.record_of(owner, type, set.set.ttl, data);
    }
    for (const std::string& data : set.signatures) {
        builder.record_of(owner, kTypeRrsig, set.set.ttl, data);
    }
}

// The addresses of a name server, as a set behind others.
base::Status put_glue(ImageBuilder& builder,
                      const Name& host,
                      std::uint16_t type,
                      const RecordSet& set) {
    ImageBuilder alone{Name()};
    for (const std::string& data : set.data) {
        alone.record(type, set.ttl, data);
    }
    Arena arena;
    const std::uint32_t at = TRY(alone.finish(arena));
    const ImageView view(arena.data(), at);
    builder.extra(host, view.octets(), view.header().records);
    return base::Done{};
}

base::Result<WireName> wire_name(const Name& name) {
    WireName wire;  // NOLINT: written by read_name()
    if (!read_name(name.wire(), wire)) {
        return foreign(name);
    }
    return wire;
}

const SignedSet* find_set(const SignedZone& zone, const Name& owner, std::uint16_t type) {
    const auto name = zone.names.find(owner);
    if (name == zone.names.end()) {
        return nullptr;
    }
    const auto set = name->second.find(type);
    return set == name->second.end() ? nullptr : &set->second;
}

// The set that says which types a name has.
struct Denying {
    Name owner;
    std::uint16_t type = kTypeNsec;
    const SignedSet* set = nullptr;
};

base::Result<Denying> denying_of(const SignedZone& zone, const Name& name) {
    if (zone.denial == Denial::Nsec3) {
        const Name owner = TRY(nsec3_owner(base::as_text(sha1(name.wire())), zone.apex));
        return Denying{owner, kTypeNsec3, find_set(zone, owner, kTypeNsec3)};
    }
    if (zone.denial == Denial::Nsec) {
        return Denying{name, kTypeNsec, find_set(zone, name, kTypeNsec)};
    }
    const auto own = zone.denials.find(name);
    return Denying{name, kTypeNsec, own == zone.denials.end() ? nullptr : &own->second};
}

}  // namespace

// The labels below the zone from the last to the first, each with a zero behind it. A zero or a one
// in a label is two octets, so that the end of a label comes before both (RFC 4034 6.1).
std::uint64_t order_key(const WireName& name,
                        std::size_t apex_labels,
                        std::size_t labels_off) noexcept {
    std::uint64_t key = 0;
    int shift = 56;
    const auto put = [&key, &shift](unsigned octet) {
        if (shift >= 0) {
            key |= std::uint64_t{octet} << shift;
            shift -= 8;
        }
    };
    for (std::size_t i = name.label_count - apex_labels; i > labels_off && shift >= 0; --i) {
        const std::byte* const label = name.octets.data() + name.label_at[i - 1];
        const std::byte* const end = label + std::to_integer<std::size_t>(*label) + 1;
        for (const std::byte* at = label + 1; at != end && shift >= 0; ++at) {
            const auto octet = std::to_integer<unsigned>(*at);
            if (octet <= 1) {
                put(1);
                put(octet + 1);
            } else {
                put(octet);
            }
        }
        put(0);
    }
    return key;
}

int canonical_order(const WireName& left,
                    std::span<const std::byte> right,
                    std::size_t labels_off) noexcept {
    std::array<std::uint8_t, kLabelsMax + 1> right_at;  // NOLINT: written before it is read
    std::size_t right_count = 0;
    for (std::size_t at = 0;
         at < right.size() && right[at] != std::byte{0} && right_count < kLabelsMax;) {
        right_at[right_count++] = static_cast<std::uint8_t>(at);
        at += std::to_integer<std::size_t>(right[at]) + 1;
    }
    const std::size_t left_count = left.label_count - labels_off;
    const std::size_t common = std::min<std::size_t>(left_count, right_count);
    for (std::size_t i = 1; i <= common; ++i) {
        const std::byte* const a = left.octets.data() + left.label_at[left.label_count - i];
        const std::byte* const b = right.data() + right_at[right_count - i];
        const auto a_size = std::to_integer<std::size_t>(*a);
        const auto b_size = std::to_integer<std::size_t>(*b);
        const int order = std::memcmp(a + 1, b + 1, std::min(a_size, b_size));
        if (order != 0) {
            return order;
        }
        if (a_size != b_size) {
            return a_size < b_size ? -1 : 1;
        }
    }
    return static_cast<int>(left_count) - static_cast<int>(right_count);
}

base::Result<ZoneSignatures> ZoneSignatures::build(const ZoneImage& zone,
                                                   const SignedZone& signed_zone) {
    ZoneSignatures made;
    made.arena_.resize(2);  // offset 0 is "none"
    made.denial_ = signed_zone.denial;
    made.signer_ = signed_zone.signer;
    made.negative_ttl_ = signed_zone.negative_ttl;
    made.validity_ = signed_zone.validity;
    TRY(made.add_sets(zone, signed_zone));
    for (const auto& [owner, sets] : signed_zone.names) {
        for (const auto& [type, set] : sets) {
            made.ttl_max_ = std::max(made.ttl_max_, set.set.ttl);
        }
    }
    std::ranges::sort(made.hashes_, {}, &Hashed::hash);
    TRY(made.add_wildcards(zone));
    made.chain_.shrink_to_fit();
    made.arena_.shrink_to_fit();
    return made;
}

base::Status ZoneSignatures::add_sets(const ZoneImage& zone, const SignedZone& signed_zone) {
    apex_labels_ = TRY(wire_name(zone.apex())).label_count;
    for (const Node& node : zone.nodes()) {
        const Name owner = TRY(Name::from_wire(zone.name(node)));
        for (const SetRef& set : zone.sets(node)) {
            std::uint32_t at = 0;
            const SignedSet* const found = find_set(signed_zone, owner, set.type);
            if (set.steered == SteeredKind::None && found == nullptr) {
                return foreign(owner);
            }
            if (set.steered == SteeredKind::None && set.type != kSoa &&
                !found->signatures.empty()) {
                ImageBuilder builder(signed_zone.apex);
                for (const std::string& data : found->signatures) {
                    builder.record(kTypeRrsig, found->set.ttl, data);
                }
                at = TRY(builder.finish(arena_));
            }
            sets_.push_back(at);
        }
        TRY(add_deniers(signed_zone, owner));
        referrals_.push_back(node.is(Node::kDelegation) ? TRY(add_referral(signed_zone, owner))
                                                        : 0);
    }
    return nodes_.empty() || nodes_.front() == 0 ? base::Status(foreign(signed_zone.apex))
                                                 : base::Status(base::Done{});
}

base::Result<Denier> ZoneSignatures::add_denier(const Name& apex,
                                                const Name& owner,
                                                std::uint16_t type,
                                                const SignedSet* set) {
    if (set == nullptr) {
        return kNoDenier;
    }
    ImageBuilder builder(apex);
    put_set(builder, owner, type, *set);
    return builder.finish(arena_);
}

base::Status ZoneSignatures::add_deniers(const SignedZone& signed_zone, const Name& owner) {
    const Denying own = TRY(denying_of(signed_zone, owner));
    nodes_.push_back(TRY(add_denier(signed_zone.apex, own.owner, own.type, own.set)));
    if (denial_ == Denial::Nsec3) {
        if (own.set != nullptr) {
            hashes_.push_back({sha1(owner.wire()), nodes_.back()});
        }
        return base::Done{};
    }
    Denier chained = nodes_.back();
    if (denial_ == Denial::Compact) {
        const SignedSet* const set = find_set(signed_zone, owner, kTypeNsec);
        chained = TRY(add_denier(signed_zone.apex, owner, kTypeNsec, set));
    }
    if (chained != kNoDenier) {
        const auto node = static_cast<std::uint32_t>(nodes_.size() - 1);
        chain_.push_back({order_key(TRY(wire_name(owner)), apex_labels_), node, chained});
    }
    return base::Done{};
}

base::Status ZoneSignatures::add_wildcards(const ZoneImage& zone) {
    wildcards_.reserve(zone.nodes().size());
    for (const Node& node : zone.nodes()) {
        const auto wildcard = TRY(Name::from_wire(zone.name(node))).below("*");
        wildcards_.push_back(wildcard ? covering(zone, TRY(wire_name(wildcard.value())))
                                      : kNoDenier);
    }
    return base::Done{};
}

// RFC 4035 3.1.4. Glue of servers below the cut is required (RFC 9471 3.1), other addresses are not
// given: answers with signatures are long.
base::Result<std::uint32_t> ZoneSignatures::add_referral(const SignedZone& signed_zone,
                                                         const Name& cut) {
    const SignedSet* const servers = find_set(signed_zone, cut, kNs);
    const SignedSet* const delegation = find_set(signed_zone, cut, kTypeDs);
    const Denying denying = TRY(denying_of(signed_zone, cut));
    if (servers == nullptr || denying.set == nullptr) {
        return foreign(cut);
    }
    ImageBuilder builder(cut);
    put_set(builder, cut, kNs, *servers);
    if (delegation != nullptr) {
        put_set(builder, cut, kTypeDs, *delegation);
    } else {
        put_set(builder, denying.owner, denying.type, *denying.set);
    }
    for (const std::string& data : servers->set.data) {
        const Name host = TRY(target_of(kNs, data));
        for (const RrType type : {RrType::A, RrType::Aaaa}) {
            const auto number = static_cast<std::uint16_t>(type);
            const SignedSet* const glue = find_set(signed_zone, host, number);
            if (host.is_within(cut) && glue != nullptr) {
                TRY(put_glue(builder, host, number, glue->set));
            }
        }
    }
    builder.end_required();
    return builder.finish(arena_);
}

Denier ZoneSignatures::covering(const ZoneImage& zone,
                                const WireName& name,
                                std::size_t labels_off) const noexcept {
    if (denial_ == Denial::Nsec3) {
        return covering_hash(name.suffix(labels_off));
    }
    const std::uint64_t key = order_key(name, apex_labels_, labels_off);
    const auto first = std::ranges::lower_bound(chain_, key, {}, &Placed::key);
    auto above = first;
    if (first != chain_.end() && first->key == key) {
        const auto last = std::ranges::upper_bound(first, chain_.end(), key, {}, &Placed::key);
        above = std::partition_point(first, last, [&](const Placed& at) {
            return canonical_order(name, zone.name(zone.nodes()[at.node]), labels_off) >= 0;
        });
    }
    return above == chain_.begin() ? kNoDenier : std::prev(above)->denier;
}

// RFC 5155 7.2.1: the last hash that is not above the name's; below the first one the chain comes
// round.
Denier ZoneSignatures::covering_hash(std::span<const std::byte> name) const noexcept {
    const auto hash = sha1(name);
    const auto above = std::ranges::upper_bound(hashes_, hash, {}, &Hashed::hash);
    return above == hashes_.begin() ? hashes_.back().denier : std::prev(above)->denier;
}

std::size_t ZoneSignatures::memory() const noexcept {
    return sizeof *this + arena_.capacity() +
           (sets_.capacity() + nodes_.capacity() + wildcards_.capacity() + referrals_.capacity()) *
               sizeof(std::uint32_t) +
           chain_.capacity() * sizeof(Placed) + hashes_.capacity() * sizeof(Hashed);
}

}  // namespace dns::dnssec
