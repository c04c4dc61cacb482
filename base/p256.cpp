#include "base/p256.h"

#include <array>
#include <span>
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

namespace base {

namespace {

using Number = Handle<BIGNUM, BN_clear_free>;
using Group = Handle<EC_GROUP, EC_GROUP_free>;
using Point = Handle<EC_POINT, EC_POINT_clear_free>;
using Key = Handle<EVP_PKEY, EVP_PKEY_free>;
using KeyContext = Handle<EVP_PKEY_CTX, EVP_PKEY_CTX_free>;
using DigestContext = Handle<EVP_MD_CTX, EVP_MD_CTX_free>;
using Builder = Handle<OSSL_PARAM_BLD, OSSL_PARAM_BLD_free>;
using Parameters = Handle<OSSL_PARAM, OSSL_PARAM_free>;
using Signature = Handle<ECDSA_SIG, ECDSA_SIG_free>;

constexpr std::size_t kFieldSize = 32;
constexpr std::size_t kDerMax = 80;  // two integers of 33 octets and their headers
constexpr char kUncompressed = 4;    // X9.62 4.3.6

const unsigned char* octets(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
}

unsigned char* octets(std::string& text) {
    return reinterpret_cast<unsigned char*>(text.data());
}

Error invalid(const char* what) {
    return {Errc::Invalid, what};
}

Group curve() {
    Group group(EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1));
    CHECK(group != nullptr);
    return group;
}

// The point that belongs to a scalar.
Result<std::string> point_of(std::string_view secret) {
    const Group group = curve();
    const Number number(BN_bin2bn(octets(secret), static_cast<int>(secret.size()), nullptr));
    CHECK(number != nullptr);
    if (BN_is_zero(number.get()) != 0 ||
        BN_cmp(number.get(), EC_GROUP_get0_order(group.get())) >= 0) {
        return invalid("not a secret of P-256");
    }
    const Point point(EC_POINT_new(group.get()));
    CHECK(EC_POINT_mul(group.get(), point.get(), number.get(), nullptr, nullptr, nullptr) == 1);
    std::string encoded(kP256PointSize, '\0');
    CHECK(EC_POINT_point2oct(group.get(),
                             point.get(),
                             POINT_CONVERSION_UNCOMPRESSED,
                             octets(encoded),
                             encoded.size(),
                             nullptr) == encoded.size());
    return encoded;
}

// An EVP key of a point, and of the secret if there is one.
Result<Key> make_key(std::string_view point, std::string_view secret) {
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

// r and s, not the DER of X9.62.
std::string plain_signature(std::span<const unsigned char> der) {
    const unsigned char* at = der.data();
    const Signature parsed(d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size())));
    CHECK(parsed != nullptr);
    std::string out(kP256SignatureSize, '\0');
    CHECK(BN_bn2binpad(ECDSA_SIG_get0_r(parsed.get()), octets(out), kFieldSize) == kFieldSize);
    CHECK(BN_bn2binpad(ECDSA_SIG_get0_s(parsed.get()), octets(out) + kFieldSize, kFieldSize) ==
          kFieldSize);
    return out;
}

std::string der_signature(std::string_view plain) {
    Number r(BN_bin2bn(octets(plain), kFieldSize, nullptr));
    Number s(BN_bin2bn(octets(plain.substr(kFieldSize)), kFieldSize, nullptr));
    const Signature parsed(ECDSA_SIG_new());
    CHECK(parsed != nullptr && ECDSA_SIG_set0(parsed.get(), r.release(), s.release()) == 1);
    std::string der(kDerMax, '\0');
    unsigned char* at = octets(der);
    const int size = i2d_ECDSA_SIG(parsed.get(), &at);
    CHECK(size > 0 && static_cast<std::size_t>(size) <= der.size());
    der.resize(static_cast<std::size_t>(size));
    return der;
}

}  // namespace

P256Key P256Key::generate() {
    while (true) {
        std::string secret(kP256SecretSize, '\0');
        random_fill(std::as_writable_bytes(std::span(secret)));
        Result<P256Key> key = from_secret(secret);
        if (key) {  // all but one of 2^32 are below the order of the curve
            return std::move(key).take_value();
        }
    }
}

Result<P256Key> P256Key::from_secret(std::string_view secret) {
    if (secret.size() != kP256SecretSize) {
        return invalid("a secret of P-256 has 32 octets");
    }
    P256Key made;
    made.point_ = TRY(point_of(secret));
    made.key_ =
        std::shared_ptr<evp_pkey_st>(TRY(make_key(made.point_, secret)).release(), EVP_PKEY_free);
    return made;
}

std::string P256Key::secret() const {
    BIGNUM* number = nullptr;
    CHECK(EVP_PKEY_get_bn_param(key_.get(), OSSL_PKEY_PARAM_PRIV_KEY, &number) == 1);
    const Number owned(number);
    std::string out(kP256SecretSize, '\0');
    CHECK(BN_bn2binpad(number, octets(out), static_cast<int>(out.size())) ==
          static_cast<int>(out.size()));
    return out;
}

std::string P256Key::sign(std::string_view message) const {
    const DigestContext context(EVP_MD_CTX_new());
    CHECK(context != nullptr);
    CHECK(EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key_.get()) == 1);
    std::array<unsigned char, kDerMax> made{};
    std::size_t size = made.size();
    CHECK(EVP_DigestSign(context.get(), made.data(), &size, octets(message), message.size()) == 1);
    return plain_signature(std::span(made).first(size));
}

Result<std::string> P256Key::agree(std::string_view peer_point) const {
    const Key other = TRY(make_key(peer_point, {}));
    const KeyContext context(EVP_PKEY_CTX_new(key_.get(), nullptr));
    CHECK(context != nullptr && EVP_PKEY_derive_init(context.get()) == 1);
    if (EVP_PKEY_derive_set_peer(context.get(), other.get()) != 1) {
        return invalid("not a point to agree with");
    }
    std::string shared(kFieldSize, '\0');
    std::size_t size = shared.size();
    CHECK(EVP_PKEY_derive(context.get(), octets(shared), &size) == 1 && size == shared.size());
    return shared;
}

bool is_p256_point(std::string_view point) {
    if (point.size() != kP256PointSize || point.front() != kUncompressed) {
        return false;
    }
    const Group group = curve();
    const Point parsed(EC_POINT_new(group.get()));
    return EC_POINT_oct2point(group.get(), parsed.get(), octets(point), point.size(), nullptr) == 1;
}

bool p256_verify(std::string_view point, std::string_view message, std::string_view signature) {
    const Result<Key> key = make_key(point, {});
    if (!key || signature.size() != kP256SignatureSize) {
        return false;
    }
    const std::string der = der_signature(signature);
    const DigestContext context(EVP_MD_CTX_new());
    CHECK(context != nullptr);
    CHECK(EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr, key.value().get()) ==
          1);
    return EVP_DigestVerify(
               context.get(), octets(der), der.size(), octets(message), message.size()) == 1;
}

}  // namespace base
