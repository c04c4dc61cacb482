#include "dns/dnssec/signing_key.h"

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

namespace dns::dnssec {
namespace {

using Number = base::Handle<BIGNUM, BN_clear_free>;
using Group = base::Handle<EC_GROUP, EC_GROUP_free>;
using Point = base::Handle<EC_POINT, EC_POINT_clear_free>;
using Key = base::Handle<EVP_PKEY, EVP_PKEY_free>;
using KeyContext = base::Handle<EVP_PKEY_CTX, EVP_PKEY_CTX_free>;
using DigestContext = base::Handle<EVP_MD_CTX, EVP_MD_CTX_free>;
using Builder = base::Handle<OSSL_PARAM_BLD, OSSL_PARAM_BLD_free>;
using Parameters = base::Handle<OSSL_PARAM, OSSL_PARAM_free>;
using Signature = base::Handle<ECDSA_SIG, ECDSA_SIG_free>;

constexpr std::size_t kFieldSize = 32;
constexpr std::size_t kDerMax = 80;  // two integers of 33 octets and their headers
constexpr char kUncompressed = 4;    // X9.62 4.3.6

const unsigned char* octets(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
}

unsigned char* octets(std::string& text) {
    return reinterpret_cast<unsigned char*>(text.data());
}

base::Error invalid(const char* what) {
    return {base::Errc::Invalid, what};
}

// x and y of the point that belongs to a scalar.
base::Result<std::string> p256_point(std::string_view secret) {
    const Group group(EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1));
    const Number number(BN_bin2bn(octets(secret), static_cast<int>(secret.size()), nullptr));
    CHECK(group != nullptr && number != nullptr);
    if (BN_is_zero(number.get()) != 0 ||
        BN_cmp(number.get(), EC_GROUP_get0_order(group.get())) >= 0) {
        return invalid("not a secret of P-256");
    }
    const Point point(EC_POINT_new(group.get()));
    CHECK(EC_POINT_mul(group.get(), point.get(), number.get(), nullptr, nullptr, nullptr) == 1);
    std::string encoded(1 + 2 * kFieldSize, '\0');
    CHECK(EC_POINT_point2oct(group.get(),
                             point.get(),
                             POINT_CONVERSION_UNCOMPRESSED,
                             octets(encoded),
                             encoded.size(),
                             nullptr) == encoded.size());
    return encoded.substr(1);
}

// An EVP key of x and y, and of the secret if there is one.
base::Result<Key> p256_key(std::string_view public_key, std::string_view secret) {
    const std::string point = kUncompressed + std::string(public_key);
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

base::Result<Key> public_half(Algorithm algorithm, std::string_view public_key) {
    if (public_key.size() != public_key_size(algorithm)) {
        return invalid("a public key of another size");
    }
    if (algorithm == Algorithm::EcdsaP256) {
        return p256_key(public_key, {});
    }
    Key key(EVP_PKEY_new_raw_public_key(
        EVP_PKEY_ED25519, nullptr, octets(public_key), public_key.size()));
    if (key == nullptr) {
        return invalid("not a key of Ed25519");
    }
    return key;
}

const EVP_MD* digest_of(Algorithm algorithm) {
    return algorithm == Algorithm::EcdsaP256 ? EVP_sha256() : nullptr;
}

// RFC 6605 4: r and s, not the DER of X9.62.
std::string plain_signature(std::span<const unsigned char> der) {
    const unsigned char* at = der.data();
    const Signature parsed(d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size())));
    CHECK(parsed != nullptr);
    std::string out(kSignatureSize, '\0');
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

std::size_t public_key_size(Algorithm algorithm) noexcept {
    return algorithm == Algorithm::EcdsaP256 ? 2 * kFieldSize : kFieldSize;
}

std::string_view algorithm_name(Algorithm algorithm) noexcept {
    return algorithm == Algorithm::EcdsaP256 ? "ecdsap256sha256" : "ed25519";
}

std::optional<Algorithm> parse_algorithm(std::string_view name) noexcept {
    for (const Algorithm algorithm : {Algorithm::EcdsaP256, Algorithm::Ed25519}) {
        if (algorithm_name(algorithm) == name) {
            return algorithm;
        }
    }
    return std::nullopt;
}

std::optional<Algorithm> known_algorithm(std::int64_t number) noexcept {
    for (const Algorithm algorithm : {Algorithm::EcdsaP256, Algorithm::Ed25519}) {
        if (static_cast<std::int64_t>(algorithm) == number) {
            return algorithm;
        }
    }
    return std::nullopt;
}

SigningKey SigningKey::generate(Algorithm algorithm) {
    while (true) {
        std::string secret(kSecretSize, '\0');
        base::random_fill(std::as_writable_bytes(std::span(secret)));
        base::Result<SigningKey> key = from_secret(algorithm, secret);
        if (key) {  // all but one of 2^32 are below the order of the curve
            return std::move(key).take_value();
        }
    }
}

base::Result<SigningKey> SigningKey::from_secret(Algorithm algorithm, std::string_view secret) {
    if (secret.size() != kSecretSize) {
        return invalid("a secret of another size");
    }
    SigningKey made;
    made.algorithm_ = algorithm;
    Key key;
    if (algorithm == Algorithm::EcdsaP256) {
        made.public_key_ = TRY(p256_point(secret));
        key = TRY(p256_key(made.public_key_, secret));
    } else {
        key.reset(
            EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, octets(secret), secret.size()));
        made.public_key_.resize(kFieldSize);
        std::size_t size = made.public_key_.size();
        CHECK(key != nullptr);
        CHECK(EVP_PKEY_get_raw_public_key(key.get(), octets(made.public_key_), &size) == 1 &&
              size == kFieldSize);
    }
    made.key_ = std::shared_ptr<evp_pkey_st>(key.release(), EVP_PKEY_free);
    return made;
}

std::string SigningKey::secret() const {
    std::string out(kSecretSize, '\0');
    if (algorithm_ == Algorithm::Ed25519) {
        std::size_t size = out.size();
        CHECK(EVP_PKEY_get_raw_private_key(key_.get(), octets(out), &size) == 1 &&
              size == out.size());
        return out;
    }
    BIGNUM* number = nullptr;
    CHECK(EVP_PKEY_get_bn_param(key_.get(), OSSL_PKEY_PARAM_PRIV_KEY, &number) == 1);
    const Number owned(number);
    CHECK(BN_bn2binpad(number, octets(out), static_cast<int>(out.size())) ==
          static_cast<int>(out.size()));
    return out;
}

std::string SigningKey::sign(std::string_view message) const {
    const DigestContext context(EVP_MD_CTX_new());
    CHECK(context != nullptr);
    CHECK(EVP_DigestSignInit(context.get(), nullptr, digest_of(algorithm_), nullptr, key_.get()) ==
          1);
    std::array<unsigned char, kDerMax> made{};
    std::size_t size = made.size();
    CHECK(EVP_DigestSign(context.get(), made.data(), &size, octets(message), message.size()) == 1);
    if (algorithm_ == Algorithm::EcdsaP256) {
        return plain_signature(std::span(made).first(size));
    }
    CHECK(size == kSignatureSize);
    return {made.begin(), made.begin() + kSignatureSize};
}

bool verify(Algorithm algorithm,
            std::string_view public_key,
            std::string_view message,
            std::string_view signature) {
    const base::Result<Key> key = public_half(algorithm, public_key);
    if (!key || signature.size() != kSignatureSize) {
        return false;
    }
    const std::string made =
        algorithm == Algorithm::EcdsaP256 ? der_signature(signature) : std::string(signature);
    const DigestContext context(EVP_MD_CTX_new());
    CHECK(context != nullptr);
    CHECK(EVP_DigestVerifyInit(
              context.get(), nullptr, digest_of(algorithm), nullptr, key.value().get()) == 1);
    return EVP_DigestVerify(
               context.get(), octets(made), made.size(), octets(message), message.size()) == 1;
}

std::string sha1(std::string_view message) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned size = 0;
    CHECK(EVP_Digest(message.data(), message.size(), digest.data(), &size, EVP_sha1(), nullptr) ==
          1);
    return {digest.begin(), digest.begin() + size};
}

}  // namespace dns::dnssec
