#pragma once

// Keys and certificates for the records of a mail domain: makes keys of DKIM, reads what a TLSA
// record says of a certificate. A door to OpenSSL.
//
// Thread rule: any thread; making an RSA key takes some 100 ms.

#include <string>

#include "base/result.h"

namespace ops {

struct KeyPair {
    std::string private_pem;  ///< PKCS#8, not encrypted
    std::string public_key;   ///< the p= of a DKIM record: base64 of SubjectPublicKeyInfo for RSA
                              ///< (RFC 6376 3.6.1), of the 32 octets for Ed25519 (RFC 8463 4)
};

/// "rsa" (2048 bits: RFC 8301 3.2; longer ones do not fit what many publish) or "ed25519".
/// Errc::Invalid for another word; Io if OpenSSL fails.
[[nodiscard]] base::Result<KeyPair> make_dkim_key(const std::string& algorithm);

/// "3 1 1 HEX": DANE-EE, public key, SHA-256 (RFC 7672 3.1) of the first certificate in a PEM text.
/// Errc::Invalid: none there.
[[nodiscard]] base::Result<std::string> tlsa_of_certificate(const std::string& pem);

}  // namespace ops
