#pragma once

// SigningKey: the private half of a DNSSEC key, and what it signs: P-256 by base/p256.h, Ed25519
// here, the name server's door to OpenSSL.
//
// Octets as the DNS has them: an ECDSA P-256 public key is x and y, a signature r and s, 32 octets
// each (RFC 6605 4); an Ed25519 public key has 32 octets, a signature 64 (RFC 8080 3 and 4). A
// secret is the scalar, big-endian, or the Ed25519 seed: 32 octets each. It is never logged.
//
// Thread rule: immutable; any thread may sign, many at once. Signing takes some 30 us and
// allocates: workers only, never a thread of the answer path. Errors: Invalid for octets that are
// no key. A crypto library that fails otherwise ends the process.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/p256.h"
#include "base/result.h"

struct evp_pkey_st;

namespace dns::dnssec {

/// Numbers of the IANA registry; what RFC 9904 recommends to sign with, and no more.
enum class Algorithm : std::uint8_t { EcdsaP256 = 13, Ed25519 = 15 };

inline constexpr std::size_t kSecretSize = 32;
inline constexpr std::size_t kSignatureSize = 64;

/// Octets of a public key: 64 or 32.
[[nodiscard]] std::size_t public_key_size(Algorithm algorithm) noexcept;

/// "ecdsap256sha256" and "ed25519", as the registry's mnemonics.
[[nodiscard]] std::string_view algorithm_name(Algorithm algorithm) noexcept;
[[nodiscard]] std::optional<Algorithm> parse_algorithm(std::string_view name) noexcept;
[[nodiscard]] std::optional<Algorithm> known_algorithm(std::int64_t number) noexcept;

/// A key that signs; copies share it.
class SigningKey {
  public:
    static SigningKey generate(Algorithm algorithm);

    /// The key of a secret that was kept. Invalid if it is none.
    static base::Result<SigningKey> from_secret(Algorithm algorithm, std::string_view secret);

    [[nodiscard]] Algorithm algorithm() const noexcept { return algorithm_; }

    [[nodiscard]] const std::string& public_key() const noexcept { return public_key_; }

    /// To be kept where only the name servers read it.
    [[nodiscard]] std::string secret() const;

    /// kSignatureSize octets. ECDSA: another signature each time; Ed25519: always the same.
    [[nodiscard]] std::string sign(std::string_view message) const;

  private:
    SigningKey() = default;

    Algorithm algorithm_ = Algorithm::EcdsaP256;
    std::optional<base::P256Key> p256_;  // one of the two
    std::shared_ptr<evp_pkey_st> ed25519_;
    std::string public_key_;
};

/// True if `signature` is the key's over `message`; false also for octets that are no key.
[[nodiscard]] bool verify(Algorithm algorithm,
                          std::string_view public_key,
                          std::string_view message,
                          std::string_view signature);

}  // namespace dns::dnssec
