#include "mta/notify/web_push.h"

#include <string>

#include <boost/test/unit_test.hpp>

#include "base/base64.h"

namespace {

std::string octets(const char* base64url) {
    return base::decode_base64url(base64url).value();
}

// What a browser does, RFC 8291 4: the twin of push_seal().
std::string open_push(const std::string& body,
                      const mta::P256Pair& browser,
                      const std::string& auth) {
    const std::string salt = body.substr(0, 16);
    const std::string sender = body.substr(21, 65);
    const std::string shared = mta::p256_agree(browser, sender).value();
    const std::string secret = mta::hkdf_sha256(
        auth, shared, std::string("WebPush: info\0", 14) + browser.point + sender, 32);
    const std::string key =
        mta::hkdf_sha256(salt, secret, std::string("Content-Encoding: aes128gcm\0", 28), 16);
    const std::string nonce =
        mta::hkdf_sha256(salt, secret, std::string("Content-Encoding: nonce\0", 24), 12);
    std::string plain = mta::aes128_gcm_open(key, nonce, body.substr(86)).value();
    BOOST_REQUIRE(plain.ends_with('\x02'));
    plain.pop_back();
    return plain;
}

// Splits "vapid t=A.B.C, k=K".
struct Token {
    explicit Token(const std::string& text) {
        const std::size_t t = text.find("t=") + 2;
        const std::size_t comma = text.find(", k=");
        const std::size_t last = text.rfind('.', comma);
        signed_part = text.substr(t, last - t);
        signature = base::decode_base64url(text.substr(last + 1, comma - last - 1)).value();
        claims = base::decode_base64url(signed_part.substr(signed_part.find('.') + 1)).value();
        key = base::decode_base64url(text.substr(comma + 4)).value();
    }

    std::string signed_part;
    std::string claims;
    std::string signature;
    std::string key;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(web_push)

// RFC 8291 5 and A.
BOOST_AUTO_TEST_CASE(seals_the_example_of_the_standard) {
    mta::PushSubscription subscription;
    subscription.key = octets(
        "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4");
    subscription.auth = octets("BTBZMqHH6r4Tts7J_aSIgg");
    const mta::P256Pair sender =
        mta::p256_pair(octets("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw")).value();
    const auto body = mta::push_seal("When I grow up, I want to be a watermelon",
                                     subscription,
                                     sender,
                                     octets("DGv6ra1nlYgDCS1FRnbzlw"));
    BOOST_TEST(
        base::base64url(body.value()) ==
        "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLoc"
        "InmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLV"
        "WGNWQexSgSxsj_Qulcy4a-fN");
}

BOOST_AUTO_TEST_CASE(a_browser_reads_what_was_sealed_up_to_the_limit) {
    const mta::P256Pair browser = mta::p256_generate();
    const mta::PushSubscription subscription{
        "https://push.example.net/x", browser.point, std::string(16, 'a')};
    for (const std::size_t size : {std::size_t{0}, std::size_t{1}, mta::kPushPlainMax}) {
        const std::string plain(size, 'p');
        const auto request = mta::push_request(plain, subscription, {}, "vapid t=x, k=y");
        BOOST_REQUIRE(bool(request));
        BOOST_TEST(request.value().body.size() <= mta::kPushBodyMax);
        BOOST_TEST(open_push(request.value().body, browser, subscription.auth) == plain);
    }
    const auto first = mta::push_request("x", subscription, {}, "");
    const auto second = mta::push_request("x", subscription, {}, "");
    BOOST_TEST(first.value().body != second.value().body);
}

BOOST_AUTO_TEST_CASE(refuses_wrong_keys_and_too_much) {
    const mta::P256Pair own = mta::p256_generate();
    const std::string salt(16, 's');
    const std::string auth(16, 'a');
    const auto code = [&](const std::string& plain, mta::PushSubscription to) {
        return mta::push_seal(plain, to, own, salt).error().code;
    };
    BOOST_TEST((code(std::string(mta::kPushPlainMax + 1, 'x'), {"", own.point, auth}) ==
                base::Errc::TooLarge));
    BOOST_TEST((code("x", {"", "no point", auth}) == base::Errc::Invalid));
    BOOST_TEST((code("x", {"", own.point, "short"}) == base::Errc::Invalid));
}

// RFC 8292 2 and 3.
BOOST_AUTO_TEST_CASE(says_who_sends) {
    const mta::P256Pair key = mta::p256_generate();
    const auto text = mta::vapid_authorization(
        key, "mailto:admin@example.org", "https://push.example.net:8443/p/secret", 1'000);
    const Token token(text.value());
    BOOST_TEST(token.claims == R"({"aud":"https://push.example.net:8443","exp":44200,)"
                               R"("sub":"mailto:admin@example.org"})");
    BOOST_TEST(token.key == key.point);
    BOOST_TEST(mta::es256_verify(key.point, token.signed_part, token.signature));
    BOOST_TEST(text.value().find("secret") == std::string::npos);
    BOOST_TEST(!mta::vapid_authorization(key, "mailto:a\"b", "https://x.example/", 0));
    BOOST_TEST(!mta::vapid_authorization(key, "mailto:a@b", "no url", 0));
}

BOOST_AUTO_TEST_CASE(tells_the_push_service_its_terms) {
    const mta::P256Pair browser = mta::p256_generate();
    mta::PushTerms terms;
    terms.ttl_s = 60;
    terms.urgency = "high";
    terms.topic = "mail";
    const auto request = mta::push_request(
        "x", {"https://push.example.net/x", browser.point, std::string(16, 'a')}, terms, "vapid");
    std::string all;
    for (const std::string& header : request.value().headers) {
        all += header + "\n";
    }
    BOOST_TEST(all ==
               "Content-Type: application/octet-stream\nContent-Encoding: aes128gcm\nTTL: 60\n"
               "Urgency: high\nAuthorization: vapid\nTopic: mail\n");
}

BOOST_AUTO_TEST_SUITE_END()
