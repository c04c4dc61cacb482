#include "dns/zone_image.h"

#include <algorithm>
#include <map>
#include <set>

#include "dns/wire.h"

namespace dns {
namespace {

constexpr auto code(RrType type) {
    return static_cast<std::uint16_t>(type);
}

// Targets whose addresses go along with an RRset; the others are asked for.
constexpr std::size_t kExtraTargetsMax = 16;

struct AddressImage {
    std::uint32_t at = 0;
    bool present = false;
};

struct Addresses {
    AddressImage v4;
    AddressImage v6;
};

}  // namespace

// Builds a ZoneImage in steps that each need the one before: the names, the addresses (which others
// carry along), the other RRsets, the links between nodes.
class ZoneCompiler {
  public:
    explicit ZoneCompiler(const Zone& zone) : zone_(zone), has_cuts_(has_delegations(zone)) {}

    base::Result<ZoneImage> run() {
        image_.apex_ = zone_.apex;
        image_.steers_mail_ = zone_.steers_mail;
        image_.steers_access_ = zone_.steers_access;
        // Offset 0 is "none" in several places.
        image_.arena_.resize(2);
        TRY(collect_steered());
        collect_names();
        TRY(compile_addresses());
        TRY(compile_nodes());
        TRY(compile_negative_soa());
        link_wildcards();
        image_.arena_.shrink_to_fit();
        image_.nodes_.shrink_to_fit();
        image_.sets_.shrink_to_fit();
        return std::move(image_);
    }

  private:
    base::Status collect_steered() {
        if (zone_.steers_mail) {
            steered_[zone_.apex].push_back({code(RrType::Mx), SteeredKind::Mx, 0});
        }
        if (!zone_.steers_access) {
            return base::Done{};
        }
        const AccessNames names = TRY(access_names(zone_.apex));
        for (const Name& host : {names.imap, names.pop}) {
            if (is_free(zone_, host)) {
                steered_[host] = {{code(RrType::A), SteeredKind::A, 0},
                                  {code(RrType::Aaaa), SteeredKind::Aaaa, 0}};
            }
        }
        if (is_free(zone_, names.imap_srv)) {
            steered_[names.imap_srv] = {{code(RrType::Srv), SteeredKind::ImapSrv, 0}};
        }
        if (is_free(zone_, names.pop_srv)) {
            steered_[names.pop_srv] = {{code(RrType::Srv), SteeredKind::PopSrv, 0}};
        }
        return base::Done{};
    }

    void add_name(const Name& name) {
        for (Name at = name; names_.insert(at).second && at != zone_.apex;) {
            at = at.parent();
        }
    }

    void collect_names() {
        for (const auto& [owner, sets] : zone_.names) {
            const Name* cut = has_cuts_ ? delegation_above(zone_, owner) : nullptr;
            if (cut == nullptr || *cut == owner) {
                add_name(owner);
            }
        }
        for (const auto& [owner, sets] : steered_) {
            add_name(owner);
        }
        const auto accounts = zone_.apex.below(kAccountLabel);
        if (accounts) {
            add_name(accounts.value());
        }
    }

    base::Result<AddressImage> compile_address(const RecordSets& sets, RrType type) {
        const auto found = sets.find(code(type));
        if (found == sets.end()) {
            return AddressImage{};
        }
        ImageBuilder builder{Name()};
        for (const std::string& data : found->second.data) {
            builder.record(code(type), found->second.ttl, data);
        }
        const std::uint32_t at = TRY(builder.finish(image_.arena_));
        return AddressImage{at, true};
    }

    base::Status compile_addresses() {
        for (const auto& [owner, sets] : zone_.names) {
            Addresses addresses;
            addresses.v4 = TRY(compile_address(sets, RrType::A));
            addresses.v6 = TRY(compile_address(sets, RrType::Aaaa));
            if (addresses.v4.present || addresses.v6.present) {
                addresses_[owner] = addresses;
            }
        }
        return base::Done{};
    }

    void add_extra(ImageBuilder& builder, const Name& owner, const AddressImage& address) {
        if (address.present) {
            // A copy: the arena may move while the builder is finished.
            const ImageView view = image_.image(address.at);
            builder.extra(owner, view.octets(), view.header().records);
        }
    }

    void add_extras(ImageBuilder& builder,
                    const std::vector<Name>& targets,
                    std::size_t targets_max) {
        std::set<Name> done;
        for (const Name& target : targets) {
            const auto found = addresses_.find(target);
            if (found != addresses_.end() && done.size() < targets_max &&
                done.insert(target).second) {
                add_extra(builder, target, found->second.v4);
                add_extra(builder, target, found->second.v6);
            }
        }
    }

    [[nodiscard]] static std::vector<Name> targets_of(std::uint16_t type, const RecordSet& set) {
        std::vector<Name> targets;
        for (const std::string& data : set.data) {
            auto target = target_of(type, data);
            if (target) {
                targets.push_back(std::move(target).take_value());
            }
        }
        return targets;
    }

    base::Result<std::uint32_t> compile_set(std::uint16_t type, const RecordSet& set) {
        ImageBuilder builder(zone_.apex);
        for (const std::string& data : set.data) {
            builder.record(type, set.ttl, data);
        }
        // Not for CNAME and PTR: their targets are not asked for their addresses.
        if (type == code(RrType::Ns) || type == code(RrType::Mx) || type == code(RrType::Srv)) {
            add_extras(builder, targets_of(type, set), kExtraTargetsMax);
        }
        return builder.finish(image_.arena_);
    }

    // RFC 1034 4.3.2 3b. Glue for servers below the delegation is required (RFC 9471 3.1).
    base::Result<std::uint32_t> compile_referral(const Name& cut, const RecordSet& set) {
        ImageBuilder builder(cut);
        for (const std::string& data : set.data) {
            builder.record_of(cut, code(RrType::Ns), set.ttl, data);
        }
        std::vector<Name> inside;
        std::vector<Name> outside;
        for (Name& target : targets_of(code(RrType::Ns), set)) {
            (target.is_within(cut) ? inside : outside).push_back(std::move(target));
        }
        add_extras(builder, inside, inside.size());
        builder.end_required();
        add_extras(builder, outside, kExtraTargetsMax);
        return builder.finish(image_.arena_);
    }

    std::uint32_t store_name(const Name& name) {
        const auto at = static_cast<std::uint32_t>(image_.arena_.size());
        const auto wire = name.wire();
        image_.arena_.insert(image_.arena_.end(), wire.begin(), wire.end());
        image_.arena_.resize((image_.arena_.size() + 1) & ~std::size_t{1});
        return at;
    }

    base::Status compile_link(Node& node, std::uint16_t type, const RecordSet& set) {
        if (type == code(RrType::Cname) || type == code(RrType::Dname)) {
            node.flags |= type == code(RrType::Cname) ? Node::kAlias : Node::kRedirect;
            node.target_at = store_name(TRY(target_of(type, set.data.front())));
        }
        return base::Done{};
    }

    base::Status compile_own_sets(const Name& name, Node& node) {
        const auto found = zone_.names.find(name);
        if (found == zone_.names.end()) {
            return base::Done{};
        }
        for (const auto& [type, set] : found->second) {
            if (node.is(Node::kDelegation) && type != code(RrType::Ds)) {
                if (type == code(RrType::Ns)) {
                    node.referral_at = TRY(compile_referral(name, set));
                }
                continue;  // the child's own, except DS
            }
            TRY(compile_link(node, type, set));
            std::uint32_t at = 0;
            if (type == code(RrType::A)) {
                at = addresses_.at(name).v4.at;
            } else if (type == code(RrType::Aaaa)) {
                at = addresses_.at(name).v6.at;
            } else {
                at = TRY(compile_set(type, set));
            }
            image_.sets_.push_back({type, SteeredKind::None, at});
        }
        return base::Done{};
    }

    base::Status compile_nodes() {
        const auto accounts = zone_.apex.below(kAccountLabel);
        for (const Name& name : names_) {
            Node node;
            node.name_at = store_name(name);
            node.name_size = static_cast<std::uint8_t>(name.size());
            node.sets_first = static_cast<std::uint32_t>(image_.sets_.size());
            if (name == zone_.apex) {
                node.flags |= Node::kApex;
            } else if (has_cuts_ && delegation_above(zone_, name) != nullptr) {
                node.flags |= Node::kDelegation;
            }
            if (accounts && name == accounts.value()) {
                node.flags |= Node::kRefused;
            }
            TRY(compile_own_sets(name, node));
            const auto steered = steered_.find(name);
            if (steered != steered_.end()) {
                for (SetRef set : steered->second) {
                    set.image_at = steered_count_++;
                    image_.sets_.push_back(set);
                }
            }
            node.sets_count = static_cast<std::uint16_t>(image_.sets_.size() - node.sets_first);
            image_.labels_max_ = std::max(image_.labels_max_, name.label_count());
            image_.nodes_.push_back(node);
        }
        return base::Done{};
    }

    base::Status compile_negative_soa() {
        const RecordSet& soa = zone_.names.at(zone_.apex).at(code(RrType::Soa));
        ImageBuilder builder(zone_.apex);
        builder.record_of(zone_.apex, code(RrType::Soa), zone_.negative_ttl, soa.data.front());
        image_.negative_soa_at_ = TRY(builder.finish(image_.arena_));
        return base::Done{};
    }

    void link_wildcards() {
        if (std::ranges::none_of(names_, &Name::is_wildcard)) {
            return;
        }
        std::map<Name, std::size_t> index;
        std::size_t at = 0;
        for (const Name& name : names_) {
            index[name] = at++;
        }
        for (const auto& [name, place] : index) {
            if (name.is_wildcard() && name != zone_.apex) {
                image_.nodes_[index.at(name.parent())].wildcard = static_cast<std::uint32_t>(place);
            }
        }
    }

    const Zone& zone_;
    bool has_cuts_;
    ZoneImage image_;
    std::set<Name> names_;
    std::map<Name, Addresses> addresses_;
    std::map<Name, std::vector<SetRef>> steered_;
    std::uint32_t steered_count_ = 0;
};

const Node* ZoneImage::find(const Name& wanted) const noexcept {
    const auto order = [this](const Node& node, const Name& value) {
        const auto read = Name::from_wire(name(node));
        return read && read.value() < value;
    };
    const auto at = std::lower_bound(nodes_.begin(), nodes_.end(), wanted, order);
    if (at == nodes_.end() || !std::ranges::equal(name(*at), wanted.wire())) {
        return nullptr;
    }
    return &*at;
}

std::size_t ZoneImage::memory() const noexcept {
    return sizeof *this + arena_.capacity() + nodes_.capacity() * sizeof(Node) +
           sets_.capacity() * sizeof(SetRef);
}

base::Result<ZoneImage> compile_zone(const Zone& zone) {
    return ZoneCompiler(zone).run();
}

}  // namespace dns
