#include "dns/dnssec/denial.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "base/hash.h"
#include "dns/dnssec/canonical.h"
#include "dns/dnssec/key_records.h"
#include "dns/hmac.h"
#include "dns/limits.h"

namespace dns::dnssec {
namespace {

constexpr std::size_t kBitmapWindow = 32;  // octets of one window
constexpr char kSha1 = 1;                  // RFC 5155 11

bool is_listed(std::uint16_t type) {
    return type == kTypeNxname || (type != 0 && type != 41 && (type < 128 || type > 255));
}

std::string base32hex(std::string_view octets) {
    static constexpr std::string_view kDigits = "0123456789abcdefghijklmnopqrstuv";
    std::string out;
    unsigned held = 0;
    unsigned bits = 0;
    for (const char c : octets) {
        held = (held << 8) | static_cast<unsigned char>(c);
        bits += 8;
        while (bits >= 5) {
            bits -= 5;
            out.push_back(kDigits[(held >> bits) & 31U]);
        }
    }
    if (bits > 0) {
        out.push_back(kDigits[(held << (5 - bits)) & 31U]);
    }
    return out;
}

// The first label, counted up by one. Empty if it cannot be: all its octets are 255.
std::string counted_up(std::string_view label) {
    std::string next(label);
    while (!next.empty()) {
        const auto last = static_cast<unsigned char>(next.back());
        if (last != 0xff) {
            // Names are lower case here: what follows '@' is '['.
            next.back() = static_cast<char>(last == '@' ? '[' : last + 1);
            return next;
        }
        next.pop_back();
    }
    return next;
}

Name with_label(const Name& parent, std::string_view label) {
    std::string wire(1, static_cast<char>(label.size()));
    wire += label;
    put_name(wire, parent);
    auto made = Name::from_wire(base::as_bytes(wire));
    return made ? std::move(made).take_value() : parent;
}

}  // namespace

std::string_view denial_name(Denial denial) noexcept {
    static constexpr std::array<std::string_view, 3> kNames = {"nsec", "nsec3", "compact"};
    return kNames[static_cast<std::size_t>(denial)];
}

std::optional<Denial> parse_denial(std::string_view name) noexcept {
    for (const Denial denial : {Denial::Nsec, Denial::Nsec3, Denial::Compact}) {
        if (denial_name(denial) == name) {
            return denial;
        }
    }
    return std::nullopt;
}

std::string type_bitmap(const TypeSet& types) {
    std::string out;
    auto at = types.begin();
    while (at != types.end()) {
        const unsigned window = *at >> 8U;
        std::array<unsigned char, kBitmapWindow> bits{};
        std::size_t used = 0;
        for (; at != types.end() && static_cast<unsigned>(*at >> 8U) == window; ++at) {
            if (is_listed(*at)) {
                const unsigned low = *at & 0xffU;
                bits[low / 8] |= static_cast<unsigned char>(0x80U >> (low % 8));
                used = low / 8 + 1;
            }
        }
        if (used > 0) {
            out.push_back(static_cast<char>(window));
            out.push_back(static_cast<char>(used));
            out.append(bits.begin(), bits.begin() + static_cast<std::ptrdiff_t>(used));
        }
    }
    return out;
}

std::string nsec_data(const Name& next, const TypeSet& types) {
    std::string data;
    put_name(data, next);
    return data + type_bitmap(types);
}

std::map<Name, std::string> nsec_chain(const std::map<Name, TypeSet>& names) {
    std::vector<std::pair<Name, TypeSet>> owners;
    for (const auto& [name, types] : names) {
        if (!types.empty()) {
            TypeSet listed = types;
            listed.insert({kTypeRrsig, kTypeNsec});
            owners.emplace_back(name, std::move(listed));
        }
    }
    std::map<Name, std::string> chain;
    for (std::size_t i = 0; i < owners.size(); ++i) {
        const Name& next = owners[(i + 1) % owners.size()].first;
        chain.emplace(owners[i].first, nsec_data(next, owners[i].second));
    }
    return chain;
}

std::string nsec3_hash(const Name& name) {
    return std::string(base::as_text(sha1(name.wire())));
}

base::Result<Name> nsec3_owner(std::string_view hash, const Name& zone) {
    return zone.below(base32hex(hash));
}

base::Result<std::map<Name, std::string>> nsec3_chain(const Name& zone,
                                                      const std::map<Name, TypeSet>& names) {
    std::map<std::string, const TypeSet*> by_hash;
    for (const auto& [name, types] : names) {
        if (!by_hash.emplace(nsec3_hash(name), &types).second) {
            return base::Error{base::Errc::Corrupt,
                               "two names of " + zone.to_text() + " have one NSEC3 hash"};
        }
    }
    std::map<Name, std::string> chain;
    for (auto at = by_hash.begin(); at != by_hash.end(); ++at) {
        const auto next = std::next(at) == by_hash.end() ? by_hash.begin() : std::next(at);
        std::string data = nsec3param_data();
        data.push_back(static_cast<char>(kSha1Size));
        data += next->first;
        data += type_bitmap(*at->second);
        chain.emplace(TRY(nsec3_owner(at->first, zone)), std::move(data));
    }
    return chain;
}

std::string nsec3param_data() {
    return {kSha1, 0, 0, 0, 0};
}

Name next_name(const Name& name, const Name& zone) {
    const std::string zero(1, '\0');
    if (name.size() + 2 <= kNameMax) {
        return with_label(name, zero);
    }
    if (name.size() < kNameMax && name.first_label().size() < kLabelMax) {
        return with_label(name.parent(), std::string(name.first_label()) + zero);
    }
    for (Name at = name; at.is_within(zone) && at != zone; at = at.parent()) {
        const std::string label = counted_up(at.first_label());
        if (!label.empty()) {
            return with_label(at.parent(), label);
        }
    }
    return zone;
}

std::string compact_no_data(const Name& name, const Name& zone, TypeSet types) {
    types.insert({kTypeRrsig, kTypeNsec});
    return nsec_data(next_name(name, zone), types);
}

std::string compact_no_name(const Name& name, const Name& zone) {
    return compact_no_data(name, zone, {kTypeNxname});
}

}  // namespace dns::dnssec
