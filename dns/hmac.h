#pragma once

// HMAC with SHA-256, SHA-384 or SHA-512 (RFC 2104, RFC 6234) that may run on a UDP thread: a key is
// prepared once, and a code over a message then neither allocates nor locks. A door to OpenSSL: its
// EVP interface allocates for every message, so this uses the digests below it.
//
// Thread rule: an HmacKey is a value, immutable once made, and copied by whoever computes; an Hmac
// belongs to one thread. Errors: none; hashing cannot fail. A prepared key is as secret as the key
// it was made from: never log it.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace dns {

enum class HmacAlgorithm : std::uint8_t { Sha256, Sha384, Sha512 };

/// Octets of the longest code.
inline constexpr std::size_t kMacMax = 64;

/// Octets of the algorithm's code: 32, 48, 64.
[[nodiscard]] std::size_t mac_size(HmacAlgorithm algorithm) noexcept;

namespace detail {

/// The state of a digest, as OpenSSL lays it out.
struct DigestState {
    alignas(8) std::array<std::byte, 216> octets{};

    bool operator==(const DigestState&) const = default;
};

}  // namespace detail

/// A key made ready: the states of both digests after their padded key.
class HmacKey {
  public:
    HmacKey() : HmacKey(HmacAlgorithm::Sha256, {}) {}

    /// Keys of any length; longer ones than a block of the digest are hashed (RFC 2104 3).
    HmacKey(HmacAlgorithm algorithm, std::span<const std::byte> secret);

    [[nodiscard]] HmacAlgorithm algorithm() const noexcept { return algorithm_; }

    bool operator==(const HmacKey&) const = default;

  private:
    friend class Hmac;

    HmacAlgorithm algorithm_;
    detail::DigestState inner_;
    detail::DigestState outer_;
};

/// A code: at most kMacMax octets.
struct Mac {
    std::array<std::byte, kMacMax> octets{};
    std::size_t size = 0;

    [[nodiscard]] std::span<const std::byte> bytes() const noexcept {
        return {octets.data(), size};
    }
};

/// One code over octets that come in pieces: update() any number of times, then finish() once.
class Hmac {
  public:
    explicit Hmac(const HmacKey& key) noexcept;

    void update(std::span<const std::byte> octets) noexcept;

    [[nodiscard]] Mac finish() noexcept;

  private:
    HmacAlgorithm algorithm_;
    detail::DigestState inner_;
    detail::DigestState outer_;
};

/// Equal in size and content; the time that it takes tells only the size.
[[nodiscard]] bool same_mac(std::span<const std::byte> left,
                            std::span<const std::byte> right) noexcept;

/// Octets of a SHA-1 digest.
inline constexpr std::size_t kSha1Size = 20;

/// SHA-1, for the hashes of NSEC3 (RFC 5155 11), which knows no other. Not a digest to trust. It is
/// here because a UDP thread hashes the names that it denies.
[[nodiscard]] std::array<std::byte, kSha1Size> sha1(std::span<const std::byte> octets) noexcept;

}  // namespace dns
