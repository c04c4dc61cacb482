#include "mta/notify/p256.h"

#include <string>

#include <boost/test/unit_test.hpp>

#include "base/base64.h"

namespace {

std::string octets(const char* base64url) {
    return base::decode_base64url(base64url).value();
}

// RFC 8291 A.
const char* const kSender = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw";
const char* const kSenderPoint =
    "BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8";
const char* const kReceiver = "q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94";
const char* const kReceiverPoint =
    "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";

}  // namespace

BOOST_AUTO_TEST_SUITE(p256)

BOOST_AUTO_TEST_CASE(knows_the_points_of_secrets) {
    BOOST_TEST(base::base64url(mta::p256_pair(octets(kSender)).value().point) == kSenderPoint);
    BOOST_TEST(base::base64url(mta::p256_pair(octets(kReceiver)).value().point) == kReceiverPoint);
}

BOOST_AUTO_TEST_CASE(both_sides_agree) {
    const mta::P256Pair sender = mta::p256_pair(octets(kSender)).value();
    const mta::P256Pair receiver = mta::p256_pair(octets(kReceiver)).value();
    const std::string shared = mta::p256_agree(sender, receiver.point).value();
    BOOST_TEST(shared == mta::p256_agree(receiver, sender.point).value());
    BOOST_TEST(base::base64url(shared) == "kyrL1jIIOHEzg3sM2ZWRHDRB62YACZhhSlknJ672kSs");
}

BOOST_AUTO_TEST_CASE(refuses_what_is_no_key) {
    BOOST_TEST(!mta::p256_pair(""));
    BOOST_TEST(!mta::p256_pair(std::string(32, '\0')));
    BOOST_TEST(!mta::p256_pair(std::string(32, '\xFF')));
    const mta::P256Pair own = mta::p256_generate();
    std::string off_curve = own.point;
    off_curve.back() = static_cast<char>(off_curve.back() ^ 1);
    for (const std::string& bad : {std::string(), std::string(65, '\0'), off_curve}) {
        BOOST_TEST(!mta::is_p256_point(bad));
        BOOST_TEST(!mta::p256_agree(own, bad));
    }
    BOOST_TEST(mta::is_p256_point(own.point));
}

BOOST_AUTO_TEST_CASE(signs) {
    const mta::P256Pair own = mta::p256_generate();
    const std::string signature = mta::es256_sign(own, "message").value();
    BOOST_TEST(signature.size() == 64U);
    BOOST_TEST(mta::es256_verify(own.point, "message", signature));
    BOOST_TEST(!mta::es256_verify(own.point, "massage", signature));
    BOOST_TEST(!mta::es256_verify(mta::p256_generate().point, "message", signature));
    BOOST_TEST(!mta::es256_verify(own.point, "message", signature.substr(1)));
}

BOOST_AUTO_TEST_CASE(what_was_changed_is_not_opened) {
    const std::string key(16, 'k');
    const std::string nonce(12, 'n');
    std::string sealed = mta::aes128_gcm_seal(key, nonce, "secret");
    BOOST_TEST(sealed.size() == 6 + mta::kGcmTagSize);
    BOOST_TEST(mta::aes128_gcm_open(key, nonce, sealed).value() == "secret");
    sealed.front() = static_cast<char>(sealed.front() ^ 1);
    BOOST_TEST(!mta::aes128_gcm_open(key, nonce, sealed));
    BOOST_TEST(!mta::aes128_gcm_open(key, nonce, "short"));
}

BOOST_AUTO_TEST_SUITE_END()
