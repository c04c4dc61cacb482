#pragma once

// The elliptic curve P-256 (base/p256.h) and AES-128-GCM, as Web Push needs them: key agreement
// (RFC 8291 3.1), encryption (RFC 8188 2), signatures (ES256, RFC 7518 3.4). One of the doors to
// OpenSSL.
//
// Keys are octets: a secret is the scalar, 32 octets, big-endian; a point is 65 octets, 0x04, x, y
// (X9.62, uncompressed).
//
// Thread rule: any thread. Errors: Errc::Invalid for a secret or a point that is none. A crypto
// library that fails otherwise ends the process.

#include <string>
#include <string_view>

#include "base/result.h"

namespace mta {

inline constexpr std::size_t kP256SecretSize = 32;
inline constexpr std::size_t kP256PointSize = 65;
inline constexpr std::size_t kGcmTagSize = 16;

/// A secret and the point that belongs to it. The secret is never logged.
struct P256Pair {
    std::string secret;
    std::string point;
};

[[nodiscard]] P256Pair p256_generate();

/// The pair of a secret that was kept.
[[nodiscard]] base::Result<P256Pair> p256_pair(std::string_view secret);

/// Whether these octets are a point on the curve.
[[nodiscard]] bool is_p256_point(std::string_view point);

/// ECDH: x of the shared point, 32 octets.
[[nodiscard]] base::Result<std::string> p256_agree(const P256Pair& own, std::string_view peer);

/// r and s, 64 octets.
[[nodiscard]] base::Result<std::string> es256_sign(const P256Pair& own, std::string_view message);

[[nodiscard]] bool es256_verify(std::string_view point,
                                std::string_view message,
                                std::string_view signature);

/// Ciphertext and tag. `key` has 16 octets, `nonce` 12; a nonce is used once with a key.
[[nodiscard]] std::string aes128_gcm_seal(std::string_view key,
                                          std::string_view nonce,
                                          std::string_view plain);

/// Errc::Corrupt: not sealed with this key and nonce, or changed since.
[[nodiscard]] base::Result<std::string> aes128_gcm_open(std::string_view key,
                                                        std::string_view nonce,
                                                        std::string_view sealed);

}  // namespace mta
