#include "dns/plugin/content_text.h"

#include <algorithm>
#include <array>

#include "base/base64.h"
#include "base/hash.h"
#include "dns/ldns_door.h"
#include "dns/wire.h"

namespace dns::plugin {
namespace {

// Types whose presentation form PowerDNS 4.7 reads, ascending. test/conformance/powerdns_test.py
// shows it one record of each.
constexpr std::array<std::uint16_t, 48> kKnown = {
    1,     // A
    2,     // NS
    5,     // CNAME
    6,     // SOA
    7,     // MB
    8,     // MG
    9,     // MR
    12,    // PTR
    13,    // HINFO
    14,    // MINFO
    15,    // MX
    16,    // TXT
    17,    // RP
    18,    // AFSDB
    25,    // KEY
    28,    // AAAA
    29,    // LOC
    33,    // SRV
    35,    // NAPTR
    36,    // KX
    37,    // CERT
    39,    // DNAME
    42,    // APL
    43,    // DS
    44,    // SSHFP
    45,    // IPSECKEY
    48,    // DNSKEY
    49,    // DHCID
    52,    // TLSA
    53,    // SMIMEA
    57,    // RKEY
    59,    // CDS
    60,    // CDNSKEY
    61,    // OPENPGPKEY
    62,    // CSYNC
    63,    // ZONEMD
    64,    // SVCB
    65,    // HTTPS
    99,    // SPF
    104,   // NID
    105,   // L32
    106,   // L64
    107,   // LP
    108,   // EUI48
    109,   // EUI64
    256,   // URI
    257,   // CAA
    32769  // DLV
};

// Types whose data ends with a name. PowerDNS writes those without the last dot, and its checks
// warn of what it would write otherwise.
constexpr std::array<std::uint16_t, 15> kEndWithName = {
    2, 5, 7, 8, 9, 12, 14, 15, 17, 18, 33, 35, 36, 39, 107};

constexpr std::uint16_t kCert = 37;
// Not known to ldns; its data has the form of DNSKEY.
constexpr std::uint16_t kRkey = 57;
constexpr std::uint16_t kDnskey = 48;

// What PowerDNS must not be given: signatures and denials, which are its own to make (46, 47, 50,
// 51), and types that make it do something (ADDR, ALIAS, LUA).
constexpr std::array<std::uint16_t, 7> kWithheld = {46, 47, 50, 51, 65400, 65401, 65402};

template <std::size_t Size>
bool is_in(const std::array<std::uint16_t, Size>& types, std::uint16_t type) {
    return std::ranges::binary_search(types, type);
}

std::string generic(std::string_view data) {
    constexpr std::string_view kHex = "0123456789abcdef";
    std::string text = "\\# " + std::to_string(data.size());
    if (!data.empty()) {
        text.push_back(' ');
    }
    for (const char character : data) {
        const auto octet = static_cast<unsigned char>(character);
        text.push_back(kHex[octet >> 4]);
        text.push_back(kHex[octet & 0xf]);
    }
    return text;
}

// RFC 4398 2.2 lets the certificate's type and the algorithm be names, which ldns writes and
// PowerDNS does not read.
base::Result<std::string> cert_text(std::string_view data) {
    if (data.size() < 5) {
        return base::Error{base::Errc::Invalid, "CERT data too short"};
    }
    const auto number = [&data](std::size_t at) {
        return load_u16(base::as_bytes(data).data() + at);
    };
    return std::to_string(number(0)) + " " + std::to_string(number(2)) + " " +
           std::to_string(static_cast<unsigned char>(data[4])) + " " + base::base64(data.substr(5));
}

}  // namespace

base::Result<Content> content_of(std::uint16_t type, std::string_view data) {
    if (is_in(kWithheld, type)) {
        return base::Error{base::Errc::Unsupported,
                           "not for PowerDNS: TYPE" + std::to_string(type)};
    }
    if (!is_in(kKnown, type)) {
        return Content{"TYPE" + std::to_string(type), generic(data)};
    }
    if (type == kRkey) {
        return Content{"RKEY", TRY(record_data_text(kDnskey, data))};
    }
    Content content{record_type_name(type),
                    type == kCert ? TRY(cert_text(data)) : TRY(record_data_text(type, data))};
    while (content.text.ends_with(' ')) {
        content.text.pop_back();  // ldns writes one behind each item of a list
    }
    if (is_in(kEndWithName, type) && content.text.ends_with('.') && content.text != "." &&
        !content.text.ends_with(" .")) {
        content.text.pop_back();
    }
    return content;
}

base::Result<std::uint16_t> asked_type(std::string_view name) {
    if (name == "ANY") {
        return static_cast<std::uint16_t>(RrType::Any);
    }
    return record_type(name);
}

}  // namespace dns::plugin
