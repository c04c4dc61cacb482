#include "dns/directory/signing_file.h"

#include <cstring>
#include <optional>
#include <string>
#include <utility>

#include "base/hash.h"

namespace dns {
namespace {

void put_moment(ByteWriter& out, const std::optional<std::int64_t>& moment) {
    out.u8(moment ? 1 : 0);
    out.i64(moment.value_or(0));
}

std::optional<std::int64_t> take_moment(ByteReader& in) {
    const bool known = in.u8() != 0;
    const std::int64_t moment = in.i64();
    return known ? std::optional(moment) : std::nullopt;
}

void put_key(ByteWriter& out, const dnssec::KeyRecord& key) {
    out.i64(key.id);
    out.u8(static_cast<std::uint8_t>(key.key.algorithm));
    out.text(key.key.octets);
    out.text(dnssec::key_state_name(key.state));
    out.i64(key.since_s);
    put_moment(out, key.ds_seen_s);
    put_moment(out, key.ds_gone_s);
}

dnssec::KeyRecord take_key(ByteReader& in) {
    dnssec::KeyRecord key;
    key.id = in.i64();
    const auto algorithm = dnssec::known_algorithm(in.u8());
    key.key.octets = in.text();
    const auto state = dnssec::parse_key_state(in.text());
    key.since_s = in.i64();
    key.ds_seen_s = take_moment(in);
    key.ds_gone_s = take_moment(in);
    if (!algorithm || !state || key.key.octets.size() != dnssec::public_key_size(*algorithm)) {
        in.fail();
        return {};
    }
    key.key.algorithm = *algorithm;
    key.state = *state;
    return key;
}

dnssec::StoredKeys take_zone(ByteReader& in) {
    dnssec::StoredKeys zone;
    zone.domain_id = in.i64();
    zone.domain = in.text();
    zone.revision = in.i64();
    const auto denial = dnssec::parse_denial(in.text());
    zone.keys.wish = in.u8() != 0 ? dnssec::Wish::Removing : dnssec::Wish::Signed;
    zone.keys.wish_since_s = in.i64();
    for (std::uint32_t left = in.count(8); left > 0; --left) {
        zone.keys.keys.push_back(take_key(in));
    }
    zone.times.key_ttl_s = in.i64();
    zone.times.zone_ttl_max_s = in.i64();
    zone.times.ds_ttl_s = in.i64();
    zone.times.propagation_s = in.i64();
    if (!denial) {
        in.fail();
        return {};
    }
    zone.denial = *denial;
    return zone;
}

}  // namespace

void put_signing(ByteWriter& out, const std::vector<dnssec::StoredKeys>& signing) {
    out.u32(static_cast<std::uint32_t>(signing.size()));
    for (const dnssec::StoredKeys& zone : signing) {
        out.i64(zone.domain_id);
        out.text(zone.domain);
        out.i64(zone.revision);
        out.text(dnssec::denial_name(zone.denial));
        out.u8(zone.keys.wish == dnssec::Wish::Removing ? 1 : 0);
        out.i64(zone.keys.wish_since_s);
        out.u32(static_cast<std::uint32_t>(zone.keys.keys.size()));
        for (const dnssec::KeyRecord& key : zone.keys.keys) {
            put_key(out, key);
        }
        out.i64(zone.times.key_ttl_s);
        out.i64(zone.times.zone_ttl_max_s);
        out.i64(zone.times.ds_ttl_s);
        out.i64(zone.times.propagation_s);
    }
}

std::vector<dnssec::StoredKeys> take_signing(ByteReader& in) {
    std::vector<dnssec::StoredKeys> signing;
    for (std::uint32_t left = in.count(8); left > 0; --left) {
        signing.push_back(take_zone(in));
    }
    return signing;
}

void put_signatures(ByteWriter& out, const SignatureCaches& caches, std::int64_t now_s) {
    out.u32(static_cast<std::uint32_t>(caches.size()));
    for (const auto& [zone, cache] : caches) {
        std::uint32_t count = 0;
        ByteWriter signatures;
        for (const auto& [mark, signature] : cache.signatures()) {
            if (signature.validity.expiration_s - now_s >= kSignatureLeftMinS) {
                ++count;
                signatures.raw(base::as_text(mark));
                signatures.i64(signature.validity.inception_s);
                signatures.i64(signature.validity.expiration_s);
                signatures.text(signature.data);
            }
        }
        out.text(zone);
        out.u32(cache.serial());
        out.u32(count);
        out.raw(signatures.take());
    }
}

SignatureCaches take_signatures(ByteReader& in, std::int64_t now_s) {
    constexpr std::size_t kSignatureMin = sizeof(dnssec::SignatureCache::Mark) + 20;
    SignatureCaches caches;
    for (std::uint32_t left = in.count(12); left > 0; --left) {
        dnssec::SignatureCache& cache = caches[in.text()];
        cache.set_serial(in.u32());
        for (std::uint32_t signatures = in.count(kSignatureMin); signatures > 0; --signatures) {
            dnssec::SignatureCache::Mark mark{};
            const std::string_view octets = in.raw(mark.size());
            std::memcpy(mark.data(), octets.data(), octets.size());
            dnssec::KeptSignature signature;
            signature.validity.inception_s = in.i64();
            signature.validity.expiration_s = in.i64();
            signature.data = in.text();
            if (signature.validity.expiration_s - now_s >= kSignatureLeftMinS) {
                cache.keep(mark, std::move(signature));
            }
        }
    }
    return caches;
}

}  // namespace dns
