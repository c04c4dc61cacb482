#pragma once

// The elliptic curve P-256: keys, signatures of ECDSA with SHA-256 (RFC 6605, ES256 of RFC 7518
// 3.4) and key agreement (RFC 8291 3.1). One of the doors to OpenSSL.
//
// Keys are octets: a secret is the scalar, 32 octets, big-endian; a point is 65 octets, 0x04, x, y
// (X9.62, uncompressed); a signature is r and s, 32 octets each. A secret is never logged.
//
// Thread rule: a key is immutable; any thread may use it, many at once. Every call allocates;
// signing takes some 30 us. Errors: Invalid for a secret or a point that is none. A crypto library
// that fails otherwise ends the process.

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

struct evp_pkey_st;

namespace base {

inline constexpr std::size_t kP256SecretSize = 32;
inline constexpr std::size_t kP256PointSize = 65;
inline constexpr std::size_t kP256SignatureSize = 64;

/// Both halves of a key; copies share it.
class P256Key {
  public:
    [[nodiscard]] static P256Key generate();

    /// The key of a secret that was kept.
    [[nodiscard]] static Result<P256Key> from_secret(std::string_view secret);

    [[nodiscard]] const std::string& point() const noexcept { return point_; }

    [[nodiscard]] std::string secret() const;

    /// Another signature each time.
    [[nodiscard]] std::string sign(std::string_view message) const;

    /// ECDH: x of the shared point, 32 octets.
    [[nodiscard]] Result<std::string> agree(std::string_view peer_point) const;

  private:
    P256Key() = default;

    std::shared_ptr<evp_pkey_st> key_;
    std::string point_;
};

/// Whether these octets are a point on the curve.
[[nodiscard]] bool is_p256_point(std::string_view point);

/// True if `signature` is the key's over `message`; false also for octets that are no point.
[[nodiscard]] bool p256_verify(std::string_view point,
                               std::string_view message,
                               std::string_view signature);

}  // namespace base
