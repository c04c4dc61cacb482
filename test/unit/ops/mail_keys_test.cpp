#include "ops/mail_keys.h"

#include <boost/test/unit_test.hpp>

namespace {

// Made with: openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes
constexpr const char* kCertificate =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBgDCCASWgAwIBAgIUQxaojy/7AqAaW1SuQDzq/2GLCJIwCgYIKoZIzj0EAwIw\n"
    "FDESMBAGA1UEAwwJbWFpbC50ZXN0MCAXDTI2MTEyNjA0MDgwNloYDzIxMjYxMTAy\n"
    "MDQwODA2WjAUMRIwEAYDVQQDDAltYWlsLnRlc3QwWTATBgcqhkjOPQIBBggqhkjO\n"
    "PQMBBwNCAARgAo9Q4DzWVl1wRN0VPtApwsfVvyBt87LFwI+ECP5weQAHG3WN4qeG\n"
    "/TlHR9If1shd6vb7OxgOtmCc9W/jUjgro1MwUTAdBgNVHQ4EFgQUWekIE00yWlZw\n"
    "JGT74h/77VTP3QkwHwYDVR0jBBgwFoAUWekIE00yWlZwJGT74h/77VTP3QkwDwYD\n"
    "VR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNJADBGAiEAg6ciHp9V2TS/CJsfv6CQ\n"
    "I+bsZSCB7BBOfikwccylD+4CIQCURDk9gkjP9zBmr4sZWlGgCXLgsqD5Ym3Q9daX\n"
    "d8rvEw==\n"
    "-----END CERTIFICATE-----\n";
// openssl x509 -pubkey -noout | openssl pkey -pubin -outform DER | sha256sum
constexpr const char* kDigest = "18be508e40c6cb3ca4a7621fc973d1dab7682016bc7d46b3a33c2093e1295d37";

}  // namespace

BOOST_AUTO_TEST_SUITE(ops_mail_keys)

BOOST_AUTO_TEST_CASE(makes_keys_of_both_kinds) {
    const auto rsa = ops::make_dkim_key("rsa");
    BOOST_REQUIRE(rsa);
    BOOST_TEST(rsa.value().private_pem.starts_with("-----BEGIN PRIVATE KEY-----\n"));
    // SubjectPublicKeyInfo of rsaEncryption with 2048 bits and exponent 65537.
    BOOST_TEST(rsa.value().public_key.starts_with("MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA"));
    BOOST_TEST(rsa.value().public_key.ends_with("IDAQAB"));
    const auto edwards = ops::make_dkim_key("ed25519");
    BOOST_REQUIRE(edwards);
    BOOST_TEST(edwards.value().public_key.size() == 44U, "32 octets");
    BOOST_TEST(edwards.value().private_pem.starts_with("-----BEGIN PRIVATE KEY-----\n"));
    BOOST_TEST(edwards.value().public_key != ops::make_dkim_key("ed25519").value().public_key);
    BOOST_TEST(!ops::make_dkim_key("dsa"));
}

BOOST_AUTO_TEST_CASE(reads_the_key_of_a_certificate) {
    const auto tlsa = ops::tlsa_of_certificate(kCertificate);
    BOOST_REQUIRE(tlsa);
    BOOST_TEST(tlsa.value() == std::string("3 1 1 ") + kDigest);
    BOOST_TEST(!ops::tlsa_of_certificate(""));
    BOOST_TEST(!ops::tlsa_of_certificate("-----BEGIN CERTIFICATE-----\nAAAA\n"));
}

BOOST_AUTO_TEST_SUITE_END()
