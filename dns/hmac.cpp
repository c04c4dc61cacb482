// The low-level digests are deprecated in OpenSSL 3 in favour of EVP, which allocates a context for
// every message; they are there and tested as long as OpenSSL 3 is.
#define OPENSSL_SUPPRESS_DEPRECATED

#include "dns/hmac.h"

#include <algorithm>
#include <cstring>

#include <openssl/crypto.h>
#include <openssl/sha.h>

namespace dns {
namespace {

constexpr std::size_t kBlockMax = SHA512_CBLOCK;

static_assert(sizeof(SHA512_CTX) <= sizeof(detail::DigestState));
static_assert(sizeof(SHA256_CTX) <= sizeof(detail::DigestState));
static_assert(SHA512_DIGEST_LENGTH == kMacMax);

std::size_t block_size(HmacAlgorithm algorithm) noexcept {
    return algorithm == HmacAlgorithm::Sha256 ? std::size_t{SHA256_CBLOCK} : kBlockMax;
}

// A digest that works on a copy of the state, which is put back after each step: OpenSSL's types
// stay in this file, and nobody reads octets as something that they are not.
void digest_start(HmacAlgorithm algorithm, detail::DigestState& state) noexcept {
    if (algorithm == HmacAlgorithm::Sha256) {
        SHA256_CTX context{};
        SHA256_Init(&context);
        std::memcpy(state.octets.data(), &context, sizeof context);
        return;
    }
    SHA512_CTX context{};
    if (algorithm == HmacAlgorithm::Sha384) {
        SHA384_Init(&context);
    } else {
        SHA512_Init(&context);
    }
    std::memcpy(state.octets.data(), &context, sizeof context);
}

void digest_update(HmacAlgorithm algorithm,
                   detail::DigestState& state,
                   std::span<const std::byte> octets) noexcept {
    if (algorithm == HmacAlgorithm::Sha256) {
        SHA256_CTX context{};
        std::memcpy(&context, state.octets.data(), sizeof context);
        SHA256_Update(&context, octets.data(), octets.size());
        std::memcpy(state.octets.data(), &context, sizeof context);
        return;
    }
    SHA512_CTX context{};
    std::memcpy(&context, state.octets.data(), sizeof context);
    SHA512_Update(&context, octets.data(), octets.size());
    std::memcpy(state.octets.data(), &context, sizeof context);
}

Mac digest_finish(HmacAlgorithm algorithm, const detail::DigestState& state) noexcept {
    Mac result;
    result.size = mac_size(algorithm);
    std::array<unsigned char, kMacMax> digest{};
    if (algorithm == HmacAlgorithm::Sha256) {
        SHA256_CTX context{};
        std::memcpy(&context, state.octets.data(), sizeof context);
        SHA256_Final(digest.data(), &context);
    } else {
        // SHA-384 is SHA-512 from other values, cut; the context knows which it is.
        SHA512_CTX context{};
        std::memcpy(&context, state.octets.data(), sizeof context);
        SHA512_Final(digest.data(), &context);
    }
    std::memcpy(result.octets.data(), digest.data(), result.size);
    return result;
}

}  // namespace

std::size_t mac_size(HmacAlgorithm algorithm) noexcept {
    switch (algorithm) {
        case HmacAlgorithm::Sha256:
            return SHA256_DIGEST_LENGTH;
        case HmacAlgorithm::Sha384:
            return SHA384_DIGEST_LENGTH;
        case HmacAlgorithm::Sha512:
            break;
    }
    return SHA512_DIGEST_LENGTH;
}

HmacKey::HmacKey(HmacAlgorithm algorithm, std::span<const std::byte> secret)
    : algorithm_(algorithm) {
    std::array<std::byte, kBlockMax> block{};
    const std::size_t size = block_size(algorithm);
    if (secret.size() > size) {
        detail::DigestState state;
        digest_start(algorithm, state);
        digest_update(algorithm, state, secret);
        const Mac hashed = digest_finish(algorithm, state);
        std::copy_n(hashed.octets.begin(), hashed.size, block.begin());
    } else {
        std::copy(secret.begin(), secret.end(), block.begin());
    }
    const auto start = [this, size, &block](detail::DigestState& state, std::byte pad) {
        std::array<std::byte, kBlockMax> padded{};
        std::transform(block.begin(), block.end(), padded.begin(), [pad](std::byte octet) {
            return octet ^ pad;
        });
        digest_start(algorithm_, state);
        digest_update(algorithm_, state, std::span(padded).first(size));
        OPENSSL_cleanse(padded.data(), padded.size());
    };
    start(inner_, std::byte{0x36});
    start(outer_, std::byte{0x5c});
    OPENSSL_cleanse(block.data(), block.size());
}

Hmac::Hmac(const HmacKey& key) noexcept
    : algorithm_(key.algorithm_), inner_(key.inner_), outer_(key.outer_) {
}

void Hmac::update(std::span<const std::byte> octets) noexcept {
    digest_update(algorithm_, inner_, octets);
}

Mac Hmac::finish() noexcept {
    const Mac inner = digest_finish(algorithm_, inner_);
    digest_update(algorithm_, outer_, inner.bytes());
    return digest_finish(algorithm_, outer_);
}

std::array<std::byte, kSha1Size> sha1(std::span<const std::byte> octets) noexcept {
    static_assert(SHA_DIGEST_LENGTH == kSha1Size);
    SHA_CTX context{};
    SHA1_Init(&context);
    SHA1_Update(&context, octets.data(), octets.size());
    std::array<unsigned char, kSha1Size> digest{};
    SHA1_Final(digest.data(), &context);
    std::array<std::byte, kSha1Size> result{};
    std::memcpy(result.data(), digest.data(), result.size());
    return result;
}

bool same_mac(std::span<const std::byte> left, std::span<const std::byte> right) noexcept {
    return left.size() == right.size() &&
           CRYPTO_memcmp(left.data(), right.data(), left.size()) == 0;
}

}  // namespace dns
