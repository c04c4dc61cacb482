#include "dns/dnssec/signing_key.h"

#include <array>
#include <span>
#include <utility>

#include <openssl/evp.h>

#include "base/check.h"
#include "base/handle.h"
#include "base/random.h"

namespace dns::dnssec {
namespace {

using Key = base::Handle<EVP_PKEY, EVP_PKEY_free>;
using DigestContext = base::Handle<EVP_MD_CTX, EVP_MD_CTX_free>;

constexpr std::size_t kEd25519Size = 32;
constexpr char kUncompressed = 4;  // X9.62 4.3.6: what the DNS leaves out before x and y

const unsigned char* octets(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
}

unsigned char* octets(std::string& text) {
    return reinterpret_cast<unsigned char*>(text.data());
}

base::Error invalid(const char* what) {
    return {base::Errc::Invalid, what};
}

}  // namespace

std::size_t public_key_size(Algorithm algorithm) noexcept {
    return algorithm == Algorithm::EcdsaP256 ? base::kP256PointSize - 1 : kEd25519Size;
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
    if (algorithm == Algorithm::EcdsaP256) {
        made.p256_ = TRY(base::P256Key::from_secret(secret));
        made.public_key_ = made.p256_->point().substr(1);
        return made;
    }
    Key key(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, octets(secret), secret.size()));
    made.public_key_.resize(kEd25519Size);
    std::size_t size = made.public_key_.size();
    CHECK(key != nullptr);
    CHECK(EVP_PKEY_get_raw_public_key(key.get(), octets(made.public_key_), &size) == 1 &&
          size == kEd25519Size);
    made.ed25519_ = std::shared_ptr<evp_pkey_st>(key.release(), EVP_PKEY_free);
    return made;
}

std::string SigningKey::secret() const {
    if (p256_) {
        return p256_->secret();
    }
    std::string out(kSecretSize, '\0');
    std::size_t size = out.size();
    CHECK(EVP_PKEY_get_raw_private_key(ed25519_.get(), octets(out), &size) == 1 &&
          size == out.size());
    return out;
}

std::string SigningKey::sign(std::string_view message) const {
    if (p256_) {
        return p256_->sign(message);
    }
    const DigestContext context(EVP_MD_CTX_new());
    CHECK(context != nullptr);
    CHECK(EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, ed25519_.get()) == 1);
    std::string made(kSignatureSize, '\0');
    std::size_t size = made.size();
    CHECK(EVP_DigestSign(context.get(), octets(made), &size, octets(message), message.size()) == 1);
    CHECK(size == kSignatureSize);
    return made;
}

bool verify(Algorithm algorithm,
            std::string_view public_key,
            std::string_view message,
            std::string_view signature) {
    if (algorithm == Algorithm::EcdsaP256) {
        return base::p256_verify(kUncompressed + std::string(public_key), message, signature);
    }
    const Key key(EVP_PKEY_new_raw_public_key(
        EVP_PKEY_ED25519, nullptr, octets(public_key), public_key.size()));
    if (key == nullptr || signature.size() != kSignatureSize) {
        return false;
    }
    const DigestContext context(EVP_MD_CTX_new());
    CHECK(context != nullptr);
    CHECK(EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1);
    return EVP_DigestVerify(context.get(),
                            octets(signature),
                            signature.size(),
                            octets(message),
                            message.size()) == 1;
}

}  // namespace dns::dnssec
