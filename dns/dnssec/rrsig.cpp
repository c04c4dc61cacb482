#include "dns/dnssec/rrsig.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/hash.h"
#include "dns/dnssec/canonical.h"
#include "dns/wire.h"

namespace dns::dnssec {
namespace {

constexpr std::size_t kFixedSize = 18;  // before the signer's name

// RRSIG data up to the signature: what is signed begins with it (RFC 4034 3.1.8.1).
std::string unsigned_data(const RrsigFields& fields) {
    std::string data;
    put_u16(data, fields.covered);
    data.push_back(static_cast<char>(fields.algorithm));
    data.push_back(static_cast<char>(fields.labels));
    put_u32(data, fields.original_ttl);
    put_u32(data, fields.expiration);
    put_u32(data, fields.inception);
    put_u16(data, fields.tag);
    put_name(data, fields.signer);
    return data;
}

std::uint32_t get_u32(std::string_view data, std::size_t at) {
    const auto bytes = base::as_bytes(data.substr(at, 4));
    return (std::uint32_t{load_u16(bytes.data())} << 16) | load_u16(bytes.data() + 2);
}

std::uint16_t get_u16(std::string_view data, std::size_t at) {
    return load_u16(base::as_bytes(data.substr(at, 2)).data());
}

// RFC 1982 3.2 by way of the sign of the difference.
bool not_after(std::uint32_t a, std::uint32_t b) {
    return static_cast<std::int32_t>(b - a) >= 0;
}

}  // namespace

Validity validity_at(std::int64_t now_s, const Name& zone, const ValidityPolicy& policy) {
    const std::int64_t jitter =
        policy.jitter_s <= 0 ? 0 : std::int64_t{base::crc32c(zone.wire())} % policy.jitter_s;
    return {now_s - policy.backdate_s, now_s + policy.lifetime_s - jitter};
}

std::int64_t refresh_at_s(const Validity& validity, const ValidityPolicy& policy) {
    return validity.expiration_s - policy.refresh_left_s;
}

ZoneKey zone_key(SigningKey key) {
    ZoneKey made = zone_key(PublicKey{key.algorithm(), key.public_key()});
    made.key = std::move(key);
    return made;
}

ZoneKey zone_key(PublicKey half) {
    const std::uint16_t tag = key_tag(dnskey_data(half));
    return {std::move(half), tag, std::nullopt};
}

base::Result<std::string> sign_set(const ZoneKey& key,
                                   const Name& zone,
                                   const Name& owner,
                                   std::uint16_t type,
                                   const RecordSet& set,
                                   const Validity& validity) {
    const auto records = TRY(canonical_set(type, set.data));
    return sign_records(key,
                        zone,
                        owner,
                        type,
                        set.ttl,
                        canonical_records(owner, type, set.ttl, records),
                        validity);
}

base::Result<std::string> sign_records(const ZoneKey& key,
                                       const Name& zone,
                                       const Name& owner,
                                       std::uint16_t type,
                                       std::uint32_t ttl,
                                       std::string_view records,
                                       const Validity& validity) {
    if (!key.key) {
        return base::Error{base::Errc::Unavailable,
                           "the private half of key " + std::to_string(key.tag) + " of " +
                               zone.to_text() + " is not at hand"};
    }
    RrsigFields fields;
    fields.covered = type;
    fields.algorithm = static_cast<std::uint8_t>(key.half.algorithm);
    fields.labels = signed_labels(owner);
    fields.original_ttl = ttl;
    fields.expiration = static_cast<std::uint32_t>(validity.expiration_s);
    fields.inception = static_cast<std::uint32_t>(validity.inception_s);
    fields.tag = key.tag;
    fields.signer = zone;
    std::string data = unsigned_data(fields);
    const std::string signature = key.key->sign(data + std::string(records));
    return data + signature;
}

base::Result<RrsigFields> parse_rrsig(std::string_view data) {
    std::size_t end = kFixedSize;
    while (end < data.size() && data[end] != '\0') {
        end += static_cast<unsigned char>(data[end]) + 1U;
    }
    if (end >= data.size()) {
        return base::Error{base::Errc::Invalid, "RRSIG data is cut"};
    }
    RrsigFields fields;
    fields.covered = get_u16(data, 0);
    fields.algorithm = static_cast<std::uint8_t>(data[2]);
    fields.labels = static_cast<std::uint8_t>(data[3]);
    fields.original_ttl = get_u32(data, 4);
    fields.expiration = get_u32(data, 8);
    fields.inception = get_u32(data, 12);
    fields.tag = get_u16(data, 16);
    fields.signer =
        TRY(Name::from_wire(base::as_bytes(data.substr(kFixedSize, end + 1 - kFixedSize))));
    fields.signature = data.substr(end + 1);
    return fields;
}

bool verify_set(const PublicKey& key,
                const Name& owner,
                const RecordSet& set,
                std::string_view rrsig_data,
                std::int64_t now_s) {
    const auto parsed = parse_rrsig(rrsig_data);
    if (!parsed) {
        return false;
    }
    const RrsigFields& fields = parsed.value();
    const auto now = static_cast<std::uint32_t>(now_s);
    if (!not_after(fields.inception, now) || !not_after(now, fields.expiration) ||
        fields.algorithm != static_cast<std::uint8_t>(key.algorithm) ||
        fields.tag != key_tag(dnskey_data(key)) || !owner.is_within(fields.signer) ||
        fields.labels > signed_labels(owner)) {
        return false;
    }
    const auto records = canonical_set(fields.covered, set.data);
    // Only a name that was made from a wildcard has more labels than were signed. "*.a" itself is
    // signed as it is.
    const Name made_over = owner.is_wildcard() && fields.labels == signed_labels(owner)
                               ? owner
                               : signed_owner(owner, fields.labels);
    return records &&
           verify(key.algorithm,
                  key.octets,
                  unsigned_data(fields) +
                      canonical_records(
                          made_over, fields.covered, fields.original_ttl, records.value()),
                  fields.signature);
}

}  // namespace dns::dnssec
