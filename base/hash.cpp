#include "base/hash.h"

#include <cstdlib>
#include <cstring>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

#include "base/handle.h"
#include "base/sha384.h"

namespace base {

namespace {

using DigestContext = Handle<EVP_MD_CTX, EVP_MD_CTX_free>;

// The polynomial of CRC32C, bit-reversed.
constexpr std::uint32_t kPolynomial = 0x82F63B78U;

consteval std::array<std::uint32_t, 256> make_table() {
    std::array<std::uint32_t, 256> table{};
    for (std::uint32_t i = 0; i < 256; ++i) {
        std::uint32_t value = i;
        for (int bit = 0; bit < 8; ++bit) {
            value = (value >> 1U) ^ ((value & 1U) != 0 ? kPolynomial : 0U);
        }
        table[i] = value;
    }
    return table;
}

constexpr std::array<std::uint32_t, 256> kTable = make_table();

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) std::uint32_t crc32c_sse42(std::span<const std::byte> bytes,
                                                             std::uint32_t seed) noexcept {
    std::uint64_t crc = ~seed;
    const std::byte* at = bytes.data();
    std::size_t left = bytes.size();
    for (; left >= 8; left -= 8, at += 8) {
        std::uint64_t word = 0;
        std::memcpy(&word, at, sizeof word);
        crc = _mm_crc32_u64(crc, word);
    }
    auto tail = static_cast<std::uint32_t>(crc);
    for (; left > 0; --left, ++at) {
        tail = _mm_crc32_u8(tail, std::to_integer<std::uint8_t>(*at));
    }
    return ~tail;
}

const bool kHasSse42 = __builtin_cpu_supports("sse4.2") != 0;
#endif

// Hashing fails only if the crypto library is broken or memory is gone: not a case to answer.
void require(bool success) {
    if (!success) {
        std::abort();
    }
}

}  // namespace

std::uint32_t crc32c_portable(std::span<const std::byte> bytes, std::uint32_t seed) noexcept {
    std::uint32_t crc = ~seed;
    for (const std::byte byte : bytes) {
        crc = kTable[(crc ^ std::to_integer<std::uint32_t>(byte)) & 0xFFU] ^ (crc >> 8U);
    }
    return ~crc;
}

std::uint32_t crc32c(std::span<const std::byte> bytes, std::uint32_t seed) noexcept {
#if defined(__x86_64__)
    if (kHasSse42) {
        return crc32c_sse42(bytes, seed);
    }
#endif
    return crc32c_portable(bytes, seed);
}

Digest256 sha256(std::span<const std::byte> bytes) {
    Digest256 digest{};
    unsigned int length = 0;
    require(EVP_Digest(bytes.data(),
                       bytes.size(),
                       reinterpret_cast<unsigned char*>(digest.data()),
                       &length,
                       EVP_sha256(),
                       nullptr) == 1);
    return digest;
}

Digest384 sha384(std::span<const std::byte> bytes) {
    Digest384 digest{};
    unsigned length = 0;
    require(EVP_Digest(bytes.data(),
                       bytes.size(),
                       reinterpret_cast<unsigned char*>(digest.data()),
                       &length,
                       EVP_sha384(),
                       nullptr) == 1 &&
            length == digest.size());
    return digest;
}

Digest256 hmac_sha256(std::span<const std::byte> key, std::span<const std::byte> message) {
    Digest256 digest{};
    unsigned int length = 0;
    // OpenSSL takes a null key for "the key of the last call".
    const unsigned char* key_bytes = key.empty()
                                         ? reinterpret_cast<const unsigned char*>("")
                                         : reinterpret_cast<const unsigned char*>(key.data());
    require(HMAC(EVP_sha256(),
                 key_bytes,
                 static_cast<int>(key.size()),
                 reinterpret_cast<const unsigned char*>(message.data()),
                 message.size(),
                 reinterpret_cast<unsigned char*>(digest.data()),
                 &length) != nullptr);
    return digest;
}

struct Sha256::State {
    DigestContext context{EVP_MD_CTX_new()};
};

Sha256::Sha256() : state_(std::make_unique<State>()) {
    require(state_->context != nullptr &&
            EVP_DigestInit_ex(state_->context.get(), EVP_sha256(), nullptr) == 1);
}

Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&& other) noexcept = default;
Sha256& Sha256::operator=(Sha256&& other) noexcept = default;

void Sha256::update(std::span<const std::byte> bytes) {
    require(EVP_DigestUpdate(state_->context.get(), bytes.data(), bytes.size()) == 1);
}

Digest256 Sha256::finish() {
    Digest256 digest{};
    unsigned int length = 0;
    require(EVP_DigestFinal_ex(state_->context.get(),
                               reinterpret_cast<unsigned char*>(digest.data()),
                               &length) == 1);
    require(EVP_DigestInit_ex(state_->context.get(), EVP_sha256(), nullptr) == 1);
    return digest;
}

std::string to_hex(std::span<const std::byte> bytes) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string text;
    text.reserve(bytes.size() * 2);
    for (const std::byte byte : bytes) {
        const auto value = std::to_integer<unsigned>(byte);
        text.push_back(kDigits[value >> 4U]);
        text.push_back(kDigits[value & 0xFU]);
    }
    return text;
}

bool equal_constant_time(std::span<const std::byte> left,
                         std::span<const std::byte> right) noexcept {
    return left.size() == right.size() &&
           (left.empty() || CRYPTO_memcmp(left.data(), right.data(), left.size()) == 0);
}

}  // namespace base
