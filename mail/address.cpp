#include "mail/address.h"

#include <algorithm>

#include "base/hash.h"
#include "mail/ascii.h"
#include "mail/limits.h"

namespace mail {

using base::Errc;
using base::Error;
using base::Result;

namespace {

constexpr std::size_t kLabelMax = 63;
constexpr std::size_t kDnsNameMax = 253;         // in text, without the final dot
constexpr std::size_t kVerificationOctets = 28;  // of the digest, RFC 7929 3
constexpr std::string_view kPostmaster = "postmaster";

Error malformed(std::string_view what) {
    return {Errc::Invalid, std::string(what)};
}

Error too_large(std::string_view what) {
    return {Errc::TooLarge, std::string(what)};
}

bool is_label(std::string_view label) {
    return !label.empty() && label.size() <= kLabelMax && label.front() != '-' &&
           label.back() != '-' &&
           std::ranges::all_of(label, [](char c) { return is_alnum(c) || c == '-' || c == '_'; });
}

bool is_dot_string(std::string_view text) {
    bool atom_open = false;
    for (const char c : text) {
        if (c == '.' && atom_open) {
            atom_open = false;
        } else if (is_atext(c)) {
            atom_open = true;
        } else {
            return false;
        }
    }
    return atom_open;
}

/// Snum of RFC 5321 4.1.3: 1 to 3 digits, at most 255.
bool is_snum(std::string_view text) {
    if (text.empty() || text.size() > 3 || !std::ranges::all_of(text, is_digit)) {
        return false;
    }
    int value = 0;
    for (const char c : text) {
        value = value * 10 + (c - '0');
    }
    return value <= 255;
}

bool is_ipv4(std::string_view text) {
    for (int i = 0; i < 3; ++i) {
        const std::size_t dot = text.find('.');
        if (dot == std::string_view::npos || !is_snum(text.substr(0, dot))) {
            return false;
        }
        text.remove_prefix(dot + 1);
    }
    return is_snum(text);
}

bool is_hex_group(std::string_view text) {
    return !text.empty() && text.size() <= 4 && std::ranges::all_of(text, [](char c) {
        return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'f');
    });
}

/// Counts 16-bit groups between colons; an IPv4 tail counts two. -1: malformed.
int count_groups(std::string_view text) {
    if (text.empty()) {
        return 0;
    }
    int groups = 0;
    while (true) {
        const std::size_t colon = text.find(':');
        const std::string_view group = text.substr(0, colon);
        const bool last = colon == std::string_view::npos;
        if (last && group.find('.') != std::string_view::npos) {
            return is_ipv4(group) ? groups + 2 : -1;
        }
        if (!is_hex_group(group)) {
            return -1;
        }
        ++groups;
        if (last) {
            return groups;
        }
        text.remove_prefix(colon + 1);
    }
}

bool is_ipv6(std::string_view text) {
    const std::size_t gap = text.find("::");
    if (gap == std::string_view::npos) {
        return count_groups(text) == 8;
    }
    const std::string_view before = text.substr(0, gap);
    const std::string_view after = text.substr(gap + 2);
    if (before.find('.') != std::string_view::npos) {
        return false;
    }
    const int left = count_groups(before);
    const int right = count_groups(after);
    return left >= 0 && right >= 0 && left + right <= 7;
}

/// Reads quoted or dotted local part up to the unquoted "@" and removes it from `rest`.
Result<std::string> take_local_part(std::string_view& rest) {
    if (!rest.starts_with('"')) {
        const std::size_t end = std::min(rest.find_first_of("@>"), rest.size());
        const std::string_view local = rest.substr(0, end);
        if (local.size() > kLocalPartMax) {
            return too_large("local part over 64 octets");
        }
        if (!is_dot_string(local)) {
            return malformed("malformed local part");
        }
        rest.remove_prefix(end);
        return std::string(local);
    }
    std::string local;
    for (std::size_t i = 1; i < rest.size(); ++i) {
        const char c = rest[i];
        if (c == '"') {
            if (i + 1 > kLocalPartMax) {
                return too_large("local part over 64 octets");
            }
            rest.remove_prefix(i + 1);
            return local;
        }
        const char octet = c == '\\' && i + 1 < rest.size() ? rest[++i] : c;
        if (is_control(octet) || is_8bit(octet)) {
            break;
        }
        local.push_back(octet);
    }
    return malformed("malformed quoted local part");
}

/// Reads "@domain" or "@[literal]" up to `>` or the end of the text.
Result<std::string> take_domain(std::string_view& rest) {
    if (!rest.starts_with('@')) {
        return malformed("no domain in an address");
    }
    rest.remove_prefix(1);
    std::size_t end = std::min(rest.find('>'), rest.size());
    if (rest.starts_with('[')) {
        const std::size_t close = rest.find(']');
        end = close == std::string_view::npos ? end : close + 1;
    }
    const std::string_view domain = rest.substr(0, end);
    if (domain.size() > kDomainMax) {
        return too_large("domain over 255 octets");
    }
    if (!is_domain(domain) && !is_address_literal(domain)) {
        return malformed("malformed domain");
    }
    rest.remove_prefix(end);
    return std::string(domain);
}

/// Reads a mailbox and leaves what follows it.
Result<Address> take_mailbox(std::string_view& rest) {
    const std::size_t before = rest.size();
    Address address;
    address.local_part = TRY(take_local_part(rest));
    address.domain = TRY(take_domain(rest));
    if (before - rest.size() > kAddressMax) {
        return too_large("address over 254 octets");
    }
    return address;
}

/// Drops "@one,@two:" (RFC 5321 4.1.2, A-d-l) if the text starts with it.
base::Status drop_source_route(std::string_view& rest) {
    if (!rest.starts_with('@')) {
        return base::Done{};
    }
    const std::size_t colon = rest.find(':');
    if (colon == std::string_view::npos) {
        return malformed("malformed source route");
    }
    std::string_view route = rest.substr(0, colon);
    while (true) {
        const std::size_t comma = route.find(',');
        const std::string_view hop = route.substr(0, comma);
        if (!hop.starts_with('@') || !is_domain(hop.substr(1))) {
            return malformed("malformed source route");
        }
        if (comma == std::string_view::npos) {
            break;
        }
        route.remove_prefix(comma + 1);
    }
    rest.remove_prefix(colon + 1);
    return base::Done{};
}

}  // namespace

std::string Address::text() const {
    std::string out;
    if (is_dot_string(local_part)) {
        out = local_part;
    } else {
        out.push_back('"');
        for (const char c : local_part) {
            if (c == '"' || c == '\\') {
                out.push_back('\\');
            }
            out.push_back(c);
        }
        out.push_back('"');
    }
    if (!domain.empty()) {
        out.append("@").append(domain);
    }
    return out;
}

bool Address::has_literal() const noexcept {
    return domain.starts_with('[');
}

Result<Path> parse_path(std::string_view text, PathUse use) {
    if (!text.starts_with('<')) {
        return malformed("path does not start with <");
    }
    if (text.starts_with("<>")) {
        if (use == PathUse::Forward) {
            return malformed("null forward-path");
        }
        return Path{std::nullopt, 2};
    }
    std::string_view rest = text.substr(1);
    Path path;
    const bool bare_postmaster =
        use == PathUse::Forward && rest.size() > kPostmaster.size() &&
        rest[kPostmaster.size()] == '>' &&
        equal_ignoring_case(rest.substr(0, kPostmaster.size()), kPostmaster);
    if (bare_postmaster) {
        path.address = Address{std::string(rest.substr(0, kPostmaster.size())), ""};
        rest.remove_prefix(kPostmaster.size());
    } else {
        TRY(drop_source_route(rest));
        path.address = TRY(take_mailbox(rest));
    }
    if (!rest.starts_with('>')) {
        return malformed("path does not end with >");
    }
    path.size = text.size() - rest.size() + 1;
    if (path.size > kPathMax) {
        return too_large("path is too long");
    }
    return path;
}

Result<Address> parse_mailbox(std::string_view text) {
    Address address = TRY(take_mailbox(text));
    if (!text.empty()) {
        return malformed("octets after an address");
    }
    return address;
}

bool is_domain(std::string_view text) noexcept {
    if (text.size() > kDomainMax) {
        return false;
    }
    while (true) {
        const std::size_t dot = text.find('.');
        if (!is_label(text.substr(0, dot))) {
            return false;
        }
        if (dot == std::string_view::npos) {
            return true;
        }
        text.remove_prefix(dot + 1);
    }
}

bool is_address_literal(std::string_view text) noexcept {
    if (text.size() < 3 || text.size() > kDomainMax || text.front() != '[' || text.back() != ']') {
        return false;
    }
    const std::string_view inner = text.substr(1, text.size() - 2);
    if (is_ipv4(inner)) {
        return true;
    }
    const std::size_t colon = inner.find(':');
    if (colon == std::string_view::npos) {
        return false;
    }
    const std::string_view tag = inner.substr(0, colon);
    const std::string_view content = inner.substr(colon + 1);
    if (equal_ignoring_case(tag, "IPv6")) {
        return is_ipv6(content);
    }
    // General-address-literal: dcontent is printable but for "[", "\" and "]".
    return is_label(tag) && !content.empty() && std::ranges::all_of(content, [](char c) {
               return c > ' ' && c < 0x7f && c != '[' && c != '\\' && c != ']';
           });
}

Address normalised(const Address& address) {
    return {to_lower(address.local_part), to_lower(address.domain)};
}

Result<std::string> verification_name(const Address& address) {
    if (!is_domain(address.domain)) {
        return malformed("address has no domain name");
    }
    const base::Digest256 digest = base::sha256(base::as_bytes(to_lower(address.local_part)));
    std::string name = base::to_hex(std::span(digest).first<kVerificationOctets>());
    name.append("._account.").append(to_lower(address.domain));
    if (name.size() > kDnsNameMax) {
        return malformed("domain is too long for a verification name");
    }
    return name;
}

std::vector<SenderKey> sender_match_keys(const Address& address) {
    const Address key = normalised(address);
    std::vector<SenderKey> keys;
    if (key.domain.empty()) {
        return keys;
    }
    keys.push_back({SenderKeyType::Address, key.text()});
    keys.push_back({SenderKeyType::Domain, key.domain});
    if (key.has_literal()) {
        return keys;
    }
    std::string_view domain = key.domain;
    while (true) {
        keys.push_back({SenderKeyType::Subtree, std::string(domain)});
        const std::size_t dot = domain.find('.');
        if (dot == std::string_view::npos) {
            return keys;
        }
        domain.remove_prefix(dot + 1);
    }
}

std::string_view sender_key_type_name(SenderKeyType type) noexcept {
    switch (type) {
        case SenderKeyType::Domain:
            return "domain";
        case SenderKeyType::Subtree:
            return "subtree";
        case SenderKeyType::Address:
            break;
    }
    return "address";
}

}  // namespace mail
