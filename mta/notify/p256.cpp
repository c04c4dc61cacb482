#include "mta/notify/p256.h"

#include <array>
#include <utility>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>
#include <openssl/param_build.h>
#include <openssl/params.h>

#include "base/check.h"
#include "base/handle.h"
#include "base/random.h"

namespace mta {

namespace {

using Number = base::Handle<BIGNUM, BN_clear_free>;
using Group = base::Handle<EC_GROUP, EC_GROUP_free>;
using Point = base::Handle<EC_POINT, EC_POINT_clear_free>;
using Key = base::Handle<EVP_PKEY, EVP_PKEY_free>;
using KeyContext = base::Handle<EVP_PKEY_CTX, EVP_PKEY_CTX_free>;
using DigestContext = base::Handle<EVP_MD_CTX, EVP_MD_CTX_free>;
using CipherContext = base::Handle<EVP_CIPHER_CTX, EVP_CIPHER_CTX_free>;
using Builder = base::Handle<OSSL_PARAM_BLD, OSSL_PARAM_BLD_free>;
using Parameters = base::Handle<OSSL_PARAM, OSSL_PARAM_free>;
using Signature = base::Handle<ECDSA_SIG, ECDSA_SIG_free>;

constexpr std::size_t kFieldSize = 32;
constexpr std::size_t kGcmKeySize = 16;
constexpr std::size_t kGcmNonceSize = 12;

const unsigned char* octets(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
}

unsigned char* octets(std::string& text) {
    return reinterpret_cast<unsigned char*>(text.data());
}

Group curve() {
    Group group(EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1));
    CHECK(group != nullptr);
    return group;
}

base::Error invalid(const char* what) {
    return {base::Errc::Invalid, what};
}

// An EVP key of a point, and of its secret if there is one.
base::Result<Key> make_key(std::string_view point, std::string_view secret) {
    if (!is_p256_point(point)) {
        return invalid("not a point of P-256");
    }
    const Builder builder(OSSL_PARAM_BLD_new());
    Number number;
    CHECK(OSSL_PARAM_BLD_push_utf8_string(
              builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) == 1);
    CHECK(OSSL_PARAM_BLD_push_octet_string(
              builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()) == 1);
    if (!secret.empty()) {
        number.reset(BN_bin2bn(octets(secret), static_cast<int>(secret.size()), nullptr));
        CHECK(OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_PRIV_KEY, number.get()) == 1);
    }
    const Parameters parameters(OSSL_PARAM_BLD_to_param(builder.get()));
    const KeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr));
    CHECK(parameters != nullptr && context != nullptr);
    CHECK(EVP_PKEY_fromdata_init(context.get()) == 1);
    EVP_PKEY* key = nullptr;
    const int selection = secret.empty() ? EVP_PKEY_PUBLIC_KEY : EVP_PKEY_KEYPAIR;
    if (EVP_PKEY_fromdata(context.get(), &key, selection, parameters.get()) != 1) {
        return invalid("not a key of P-256");
    }
    return Key(key);
}

std::string fixed_size(const BIGNUM* number) {
    std::string out(kFieldSize, '\0');
    CHECK(BN_bn2binpad(number, octets(out), static_cast<int>(out.size())) ==
          static_cast<int>(out.size()));
    return out;
}

}  // namespace

P256Pair p256_generate() {
    while (true) {
        std::string secret(kP256SecretSize, '\0');
        base::random_fill(std::as_writable_bytes(std::span(secret)));
        base::Result<P256Pair> pair = p256_pair(secret);
        if (pair) {  // all but one of 2^32 are below the order of the curve
            return std::move(pair).take_value();
        }
    }
}

base::Result<P256Pair> p256_pair(std::string_view secret) {
    if (secret.size() != kP256SecretSize) {
        return invalid("a secret of P-256 has 32 octets");
    }
    const Group group = curve();
    const Number number(BN_bin2bn(octets(secret), static_cast<int>(secret.size()), nullptr));
    if (BN_is_zero(number.get()) != 0 ||
        BN_cmp(number.get(), EC_GROUP_get0_order(group.get())) >= 0) {
        return invalid("not a secret of P-256");
    }
    const Point point(EC_POINT_new(group.get()));
    CHECK(EC_POINT_mul(group.get(), point.get(), number.get(), nullptr, nullptr, nullptr) == 1);
    P256Pair pair{std::string(secret), std::string(kP256PointSize, '\0')};
    CHECK(EC_POINT_point2oct(group.get(),
                             point.get(),
                             POINT_CONVERSION_UNCOMPRESSED,
                             octets(pair.point),
                             pair.point.size(),
                             nullptr) == kP256PointSize);
    return pair;
}

bool is_p256_point(std::string_view point) {
    if (point.size() != kP256PointSize || point.front() != '\x04') {
        return false;
    }
    const Group group = curve();
    const Point parsed(EC_POINT_new(group.get()));
    return EC_POINT_oct2point(group.get(), parsed.get(), octets(point), point.size(), nullptr) == 1;
}

base::Result<std::string> p256_agree(const P256Pair& own, std::string_view peer) {
    const Key key = TRY(make_key(own.point, own.secret));
    const Key other = TRY(make_key(peer, {}));
    const KeyContext context(EVP_PKEY_CTX_new(key.get(), nullptr));
    CHECK(context != nullptr && EVP_PKEY_derive_init(context.get()) == 1);
    if (EVP_PKEY_derive_set_peer(context.get(), other.get()) != 1) {
        return invalid("not a point to agree with");
    }
    std::string shared(kFieldSize, '\0');
    std::size_t size = shared.size();
    CHECK(EVP_PKEY_derive(context.get(), octets(shared), &size) == 1 && size == shared.size());
    return shared;
}

base::Result<std::string> es256_sign(const P256Pair& own, std::string_view message) {
    const Key key = TRY(make_key(own.point, own.secret));
    const DigestContext context(EVP_MD_CTX_new());
    CHECK(context != nullptr);
    CHECK(EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key.get()) == 1);
    std::array<unsigned char, 80> der{};
    std::size_t size = der.size();
    CHECK(EVP_DigestSign(context.get(), der.data(), &size, octets(message), message.size()) == 1);
    const unsigned char* at = der.data();
    const Signature parsed(d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(size)));
    CHECK(parsed != nullptr);
    return fixed_size(ECDSA_SIG_get0_r(parsed.get())) + fixed_size(ECDSA_SIG_get0_s(parsed.get()));
}

bool es256_verify(std::string_view point, std::string_view message, std::string_view signature) {
    const base::Result<Key> key = make_key(point, {});
    if (!key || signature.size() != 2 * kFieldSize) {
        return false;
    }
    Number r(BN_bin2bn(octets(signature), kFieldSize, nullptr));
    Number s(BN_bin2bn(octets(signature.substr(kFieldSize)), kFieldSize, nullptr));
    const Signature parsed(ECDSA_SIG_new());
    CHECK(parsed != nullptr && ECDSA_SIG_set0(parsed.get(), r.release(), s.release()) == 1);
    std::array<unsigned char, 80> der{};
    unsigned char* at = der.data();
    const int size = i2d_ECDSA_SIG(parsed.get(), &at);
    CHECK(size > 0 && static_cast<std::size_t>(size) <= der.size());
    const DigestContext context(EVP_MD_CTX_new());
    CHECK(context != nullptr);
    CHECK(EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr, key.value().get()) ==
          1);
    return EVP_DigestVerify(context.get(),
                            der.data(),
                            static_cast<std::size_t>(size),
                            octets(message),
                            message.size()) == 1;
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
