#include "dns/dnssec/key_records.h"

#include "base/hash.h"
#include "base/sha384.h"
#include "dns/dnssec/canonical.h"

namespace dns::dnssec {
namespace {

constexpr std::uint16_t kFlags = 0x0101;  // Zone Key, Secure Entry Point: RFC 4034 2.1.1
constexpr char kProtocol = 3;             // RFC 4034 2.1.2
constexpr std::uint8_t kDigestSha256 = 2;
constexpr std::uint8_t kDigestSha384 = 4;

}  // namespace

std::string dnskey_data(const PublicKey& key) {
    std::string data;
    put_u16(data, kFlags);
    data.push_back(kProtocol);
    data.push_back(static_cast<char>(key.algorithm));
    return data + key.octets;
}

std::uint16_t key_tag(std::string_view dnskey_data) noexcept {
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i < dnskey_data.size(); ++i) {
        const auto octet = static_cast<unsigned char>(dnskey_data[i]);
        sum += (i & 1U) != 0 ? octet : std::uint32_t{octet} << 8;
    }
    sum += (sum >> 16) & 0xffffU;
    return static_cast<std::uint16_t>(sum & 0xffffU);
}

std::string ds_data(const Name& zone, std::string_view dnskey_data) {
    std::string data;
    put_u16(data, key_tag(dnskey_data));
    data.push_back(dnskey_data.size() > 3 ? dnskey_data[3] : '\0');
    data.push_back(static_cast<char>(kDigestSha256));
    data += ds_digest(zone, dnskey_data, kDigestSha256);
    return data;
}

std::string ds_digest(const Name& zone, std::string_view dnskey_data, std::uint8_t digest_type) {
    std::string digested;
    put_name(digested, zone);
    digested += dnskey_data;
    if (digest_type == kDigestSha256) {
        return std::string(base::as_text(base::sha256(base::as_bytes(digested))));
    }
    if (digest_type == kDigestSha384) {
        return std::string(base::as_text(base::sha384(base::as_bytes(digested))));
    }
    return {};
}

std::string delete_cds_data() {
    return std::string(5, '\0');
}

std::string delete_cdnskey_data() {
    return {"\0\0\3\0\0", 5};
}

}  // namespace dns::dnssec
