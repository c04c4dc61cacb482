#include "dns/dnssec/canonical.h"

#include <algorithm>

#include "base/hash.h"
#include "dns/wire.h"

namespace dns::dnssec {
namespace {

// Where names stand in record data: after `skip` octets and `strings` character strings.
struct NamesAt {
    std::size_t skip = 0;
    std::size_t strings = 0;
    std::size_t names = 0;
};

// RFC 4034 6.2 (3), less NSEC and HINFO (RFC 6840 5.1). By number: most are types that nothing else
// here knows. A6 (38) is historic and is left as it is (RFC 6563).
NamesAt names_at(std::uint16_t type) {
    switch (type) {
        case 2:   // NS
        case 3:   // MD
        case 4:   // MF
        case 5:   // CNAME
        case 7:   // MB
        case 8:   // MG
        case 9:   // MR
        case 12:  // PTR
        case 30:  // NXT
        case 39:  // DNAME
            return {0, 0, 1};
        case 6:   // SOA
        case 14:  // MINFO
        case 17:  // RP
            return {0, 0, 2};
        case 15:  // MX
        case 18:  // AFSDB
        case 21:  // RT
        case 36:  // KX
            return {2, 0, 1};
        case 26:  // PX
            return {2, 0, 2};
        case 33:  // SRV
            return {6, 0, 1};
        case 35:  // NAPTR
            return {4, 3, 1};
        case 24:  // SIG
        case 46:  // RRSIG
            return {18, 0, 1};
        default:
            return {};
    }
}

base::Error cut_short() {
    return {base::Errc::Invalid, "record data ends inside a name"};
}

// The end of a name or a character string that starts at `at`; the data's size + 1 if it is cut.
std::size_t name_end(std::string_view data, std::size_t at) {
    while (at < data.size()) {
        const auto length = static_cast<unsigned char>(data[at]);
        if (length > kLabelMax) {
            break;
        }
        at += length + 1U;
        if (length == 0) {
            return at;
        }
    }
    return data.size() + 1;
}

std::size_t string_end(std::string_view data, std::size_t at) {
    return at < data.size() ? at + static_cast<unsigned char>(data[at]) + 1U : data.size() + 1;
}

}  // namespace

base::Result<std::string> canonical_data(std::uint16_t type, std::string_view data) {
    const NamesAt layout = names_at(type);
    std::string out(data);
    if (layout.names == 0) {
        return out;
    }
    std::size_t at = layout.skip;
    for (std::size_t i = 0; i < layout.strings && at <= data.size(); ++i) {
        at = string_end(data, at);
    }
    for (std::size_t i = 0; i < layout.names; ++i) {
        const std::size_t end = at > data.size() ? at : name_end(data, at);
        if (end > data.size()) {
            return cut_short();
        }
        // A length is at most 63 and so never a letter.
        std::transform(out.begin() + static_cast<std::ptrdiff_t>(at),
                       out.begin() + static_cast<std::ptrdiff_t>(end),
                       out.begin() + static_cast<std::ptrdiff_t>(at),
                       [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
        at = end;
    }
    return out;
}

base::Result<std::vector<std::string>> canonical_set(std::uint16_t type,
                                                     const std::vector<std::string>& data) {
    std::vector<std::string> out;
    out.reserve(data.size());
    for (const std::string& record : data) {
        out.push_back(TRY(canonical_data(type, record)));
    }
    std::sort(out.begin(), out.end());
    out.erase(std::unique(out.begin(), out.end()), out.end());
    return out;
}

std::string canonical_records(const Name& owner,
                              std::uint16_t type,
                              std::uint32_t ttl,
                              const std::vector<std::string>& data) {
    std::string head;
    put_name(head, owner);
    put_u16(head, type);
    put_u16(head, static_cast<std::uint16_t>(RrClass::In));
    put_u32(head, ttl);
    std::string out;
    for (const std::string& record : data) {
        out += head;
        put_u16(out, static_cast<std::uint16_t>(record.size()));
        out += record;
    }
    return out;
}

Name signed_owner(const Name& owner, std::uint8_t labels) {
    const std::size_t count = owner.label_count();
    if (count <= labels) {
        return owner;
    }
    Name name = owner;
    for (std::size_t i = labels; i < count; ++i) {
        name = name.parent();
    }
    auto wildcard = name.below("*");
    return wildcard ? std::move(wildcard).take_value() : owner;
}

std::uint8_t signed_labels(const Name& owner) noexcept {
    return static_cast<std::uint8_t>(owner.label_count() - (owner.is_wildcard() ? 1 : 0));
}

void put_u16(std::string& out, std::uint16_t value) {
    out.push_back(static_cast<char>(value >> 8));
    out.push_back(static_cast<char>(value & 0xff));
}

void put_u32(std::string& out, std::uint32_t value) {
    put_u16(out, static_cast<std::uint16_t>(value >> 16));
    put_u16(out, static_cast<std::uint16_t>(value & 0xffff));
}

void put_name(std::string& out, const Name& name) {
    out += base::as_text(name.wire());
}

}  // namespace dns::dnssec
