#include "dns/dnssec/signing_key.h"

#include <boost/test/unit_test.hpp>

#include "test/unit/dns/dnssec/text.h"

using dns::dnssec::Algorithm;
using dns::dnssec::SigningKey;
using dnssec_test::from_base64;

BOOST_AUTO_TEST_SUITE(dns_dnssec_signing_key)

BOOST_AUTO_TEST_CASE(a_secret_gives_the_public_key_of_the_rfcs) {
    BOOST_TEST(
        dnssec_test::p256_key().public_key() ==
        from_base64("GojIhhXUN/u4v54ZQqGSnyhWJwaubCvTmeexv7bR6edbkrSqQpF64cYbcB7wNcP+e+MAnLr+"
                    "Wi9xMWyQLc8NAA=="));
    BOOST_TEST(dnssec_test::ed25519_key().public_key() ==
               from_base64("l02Woi0iS8Aa25FQkUd9RMzZHJpBoRQwAQEX1SxZJA4="));
}

BOOST_AUTO_TEST_CASE(signs_what_it_verifies_and_nothing_else) {
    for (const Algorithm algorithm : {Algorithm::EcdsaP256, Algorithm::Ed25519}) {
        const SigningKey key = SigningKey::generate(algorithm);
        const SigningKey other = SigningKey::generate(algorithm);
        std::string signature = key.sign("a message");
        BOOST_TEST(signature.size() == dns::dnssec::kSignatureSize);
        BOOST_TEST(dns::dnssec::verify(algorithm, key.public_key(), "a message", signature));
        BOOST_TEST(!dns::dnssec::verify(algorithm, key.public_key(), "A message", signature));
        BOOST_TEST(!dns::dnssec::verify(algorithm, other.public_key(), "a message", signature));
        BOOST_TEST(!dns::dnssec::verify(algorithm, "short", "a message", signature));
        BOOST_TEST(
            !dns::dnssec::verify(algorithm, key.public_key(), "a message", signature.substr(1)));
        signature[40] = static_cast<char>(signature[40] ^ 1);
        BOOST_TEST(!dns::dnssec::verify(algorithm, key.public_key(), "a message", signature));
    }
}

BOOST_AUTO_TEST_CASE(a_secret_is_kept_and_comes_back) {
    for (const Algorithm algorithm : {Algorithm::EcdsaP256, Algorithm::Ed25519}) {
        const SigningKey key = SigningKey::generate(algorithm);
        const auto again = SigningKey::from_secret(algorithm, key.secret());
        BOOST_REQUIRE(again);
        BOOST_TEST(again.value().public_key() == key.public_key());
    }
    BOOST_TEST(!SigningKey::from_secret(Algorithm::EcdsaP256, std::string(32, '\0')));
    BOOST_TEST(!SigningKey::from_secret(Algorithm::EcdsaP256, std::string(32, '\xff')));
    BOOST_TEST(!SigningKey::from_secret(Algorithm::Ed25519, std::string(31, 'x')));
}

BOOST_AUTO_TEST_CASE(algorithms_have_names_and_numbers) {
    BOOST_TEST((dns::dnssec::parse_algorithm("ed25519") == Algorithm::Ed25519));
    BOOST_TEST((dns::dnssec::known_algorithm(13) == Algorithm::EcdsaP256));
    BOOST_TEST(!dns::dnssec::parse_algorithm("rsasha1").has_value());
    BOOST_TEST(!dns::dnssec::known_algorithm(8).has_value());
}

BOOST_AUTO_TEST_SUITE_END()
