#pragma once

// Names, record data and keys from text, for the tests of dns/dnssec.

#include <string>
#include <string_view>

#include "base/hash.h"
#include "dns/dnssec/key_records.h"
#include "dns/dnssec/signing_key.h"
#include "dns/ldns_door.h"
#include "dns/name.h"

namespace dnssec_test {

inline dns::Name name(std::string_view text) {
    return dns::Name::from_text(text).take_value();
}

/// Wire form of record data; names in it are absolute.
inline std::string data(std::string_view type, std::string_view text) {
    return dns::record_data(dns::record_type(type).value(), text, dns::Name()).take_value();
}

inline std::string text(std::string_view type, std::string_view octets) {
    return dns::record_data_text(dns::record_type(type).value(), octets).take_value();
}

inline std::string hex(std::string_view octets) {
    return base::to_hex(base::as_bytes(octets));
}

/// Octets of base64, by way of a DNSKEY record.
inline std::string from_base64(const std::string& encoded) {
    return data("DNSKEY", "257 3 13 " + encoded).substr(4);
}

/// The key of RFC 6605 6.1.
inline dns::dnssec::SigningKey p256_key() {
    return dns::dnssec::SigningKey::from_secret(
               dns::dnssec::Algorithm::EcdsaP256,
               from_base64("GU6SnQ/Ou+xC5RumuIUIuJZteXT2z0O/ok1s38Et6mQ="))
        .take_value();
}

/// The first key of RFC 8080 6.1.
inline dns::dnssec::SigningKey ed25519_key() {
    return dns::dnssec::SigningKey::from_secret(
               dns::dnssec::Algorithm::Ed25519,
               from_base64("ODIyNjAzODQ2MjgwODAxMjI2NDUxOTAyMDQxNDIyNjI="))
        .take_value();
}

inline dns::dnssec::PublicKey public_half(const dns::dnssec::SigningKey& key) {
    return {key.algorithm(), key.public_key()};
}

}  // namespace dnssec_test
