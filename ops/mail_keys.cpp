#include "ops/mail_keys.h"

#include <array>
#include <vector>

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "base/base64.h"
#include "base/handle.h"
#include "base/hash.h"

namespace ops {

namespace {

using Key = base::Handle<EVP_PKEY, EVP_PKEY_free>;
using Memory = base::Handle<BIO, BIO_free_all>;
using Certificate = base::Handle<X509, X509_free>;

constexpr std::size_t kRsaBits = 2048;
constexpr std::size_t kEd25519Size = 32;

base::Error failed(const char* what) {
    return {base::Errc::Io, what};
}

base::Result<std::string> subject_public_key(EVP_PKEY* key) {
    const int size = i2d_PUBKEY(key, nullptr);
    if (size <= 0) {
        return failed("the public key cannot be encoded");
    }
    std::string der(static_cast<std::size_t>(size), '\0');
    auto* out = reinterpret_cast<unsigned char*>(der.data());
    if (i2d_PUBKEY(key, &out) != size) {
        return failed("the public key cannot be encoded");
    }
    return der;
}

base::Result<std::string> raw_public_key(EVP_PKEY* key) {
    std::string raw(kEd25519Size, '\0');
    std::size_t size = raw.size();
    if (EVP_PKEY_get_raw_public_key(key, reinterpret_cast<unsigned char*>(raw.data()), &size) !=
            1 ||
        size != raw.size()) {
        return failed("the public key cannot be encoded");
    }
    return raw;
}

base::Result<std::string> private_pem(EVP_PKEY* key) {
    const Memory memory(BIO_new(BIO_s_secmem()));
    if (!memory || PEM_write_bio_PKCS8PrivateKey(
                       memory.get(), key, nullptr, nullptr, 0, nullptr, nullptr) != 1) {
        return failed("the private key cannot be encoded");
    }
    char* data = nullptr;
    const long size = BIO_get_mem_data(memory.get(), &data);
    return std::string(data, static_cast<std::size_t>(size));
}

}  // namespace

base::Result<KeyPair> make_dkim_key(const std::string& algorithm) {
    if (algorithm != "rsa" && algorithm != "ed25519") {
        return base::Error{base::Errc::Invalid, "keys are rsa or ed25519, not " + algorithm};
    }
    const bool rsa = algorithm == "rsa";
    const Key key(rsa ? EVP_RSA_gen(kRsaBits) : EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
    if (!key) {
        return failed("no key could be made");
    }
    KeyPair pair;
    pair.private_pem = TRY(private_pem(key.get()));
    pair.public_key =
        base::base64(TRY(rsa ? subject_public_key(key.get()) : raw_public_key(key.get())));
    return pair;
}

base::Result<std::string> tlsa_of_certificate(const std::string& pem) {
    const Memory memory(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
    const Certificate certificate(
        memory ? PEM_read_bio_X509(memory.get(), nullptr, nullptr, nullptr) : nullptr);
    EVP_PKEY* key = certificate ? X509_get0_pubkey(certificate.get()) : nullptr;
    if (key == nullptr) {
        return base::Error{base::Errc::Invalid, "there is no certificate in it (PEM)"};
    }
    const std::string der = TRY(subject_public_key(key));
    return "3 1 1 " + base::to_hex(base::sha256(base::as_bytes(der)));
}

}  // namespace ops
