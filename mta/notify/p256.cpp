#include "mta/notify/p256.h"

#include <utility>

#include <openssl/evp.h>

#include "base/check.h"
#include "base/handle.h"
#include "base/p256.h"

namespace mta {

namespace {

using CipherContext = base::Handle<EVP_CIPHER_CTX, EVP_CIPHER_CTX_free>;

constexpr std::size_t kGcmKeySize = 16;
constexpr std::size_t kGcmNonceSize = 12;

const unsigned char* octets(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
}

unsigned char* octets(std::string& text) {
    return reinterpret_cast<unsigned char*>(text.data());
}

}  // namespace

P256Pair p256_generate() {
    const base::P256Key key = base::P256Key::generate();
    return {key.secret(), key.point()};
}

base::Result<P256Pair> p256_pair(std::string_view secret) {
    const base::P256Key key = TRY(base::P256Key::from_secret(secret));
    return P256Pair{std::string(secret), key.point()};
}

bool is_p256_point(std::string_view point) {
    return base::is_p256_point(point);
}

base::Result<std::string> p256_agree(const P256Pair& own, std::string_view peer) {
    return TRY(base::P256Key::from_secret(own.secret)).agree(peer);
}

base::Result<std::string> es256_sign(const P256Pair& own, std::string_view message) {
    return TRY(base::P256Key::from_secret(own.secret)).sign(message);
}

bool es256_verify(std::string_view point, std::string_view message, std::string_view signature) {
    return base::p256_verify(point, message, signature);
}

std::string aes128_gcm_seal(std::string_view key, std::string_view nonce, std::string_view plain) {
    CHECK(key.size() == kGcmKeySize && nonce.size() == kGcmNonceSize);
    const CipherContext context(EVP_CIPHER_CTX_new());
    CHECK(context != nullptr);
    CHECK(EVP_EncryptInit_ex(
              context.get(), EVP_aes_128_gcm(), nullptr, octets(key), octets(nonce)) == 1);
    std::string sealed(plain.size() + kGcmTagSize, '\0');
    int size = 0;
    int last = 0;
    CHECK(
        EVP_EncryptUpdate(
            context.get(), octets(sealed), &size, octets(plain), static_cast<int>(plain.size())) ==
        1);
    CHECK(EVP_EncryptFinal_ex(context.get(), octets(sealed) + size, &last) == 1);
    CHECK(static_cast<std::size_t>(size + last) == plain.size());
    CHECK(EVP_CIPHER_CTX_ctrl(context.get(),
                              EVP_CTRL_GCM_GET_TAG,
                              static_cast<int>(kGcmTagSize),
                              octets(sealed) + plain.size()) == 1);
    return sealed;
}

base::Result<std::string> aes128_gcm_open(std::string_view key,
                                          std::string_view nonce,
                                          std::string_view sealed) {
    CHECK(key.size() == kGcmKeySize && nonce.size() == kGcmNonceSize);
    const base::Error bad{base::Errc::Corrupt, "not sealed with this key"};
    if (sealed.size() < kGcmTagSize) {
        return bad;
    }
    const std::size_t plain_size = sealed.size() - kGcmTagSize;
    const CipherContext context(EVP_CIPHER_CTX_new());
    CHECK(context != nullptr);
    CHECK(EVP_DecryptInit_ex(
              context.get(), EVP_aes_128_gcm(), nullptr, octets(key), octets(nonce)) == 1);
    std::string plain(plain_size, '\0');
    std::string tag(sealed.substr(plain_size));
    int size = 0;
    int last = 0;
    CHECK(EVP_DecryptUpdate(
              context.get(), octets(plain), &size, octets(sealed), static_cast<int>(plain_size)) ==
          1);
    CHECK(EVP_CIPHER_CTX_ctrl(
              context.get(), EVP_CTRL_GCM_SET_TAG, static_cast<int>(kGcmTagSize), tag.data()) == 1);
    if (EVP_DecryptFinal_ex(context.get(), octets(plain) + size, &last) != 1) {
        return bad;
    }
    return plain;
}

}  // namespace mta
