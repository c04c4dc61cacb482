#include "mta/notify/web_push.h"

#include "base/base64.h"
#include "base/check.h"
#include "base/hash.h"
#include "base/random.h"

namespace mta {

namespace {

constexpr std::size_t kSaltSize = 16;
constexpr std::size_t kAuthSize = 16;
constexpr std::size_t kKeySize = 16;
constexpr std::size_t kNonceSize = 12;
constexpr std::int64_t kTokenLife = std::int64_t{12} * 3'600;
constexpr char kLastRecord = '\x02';  // RFC 8188 2

std::string hmac(std::string_view key, std::string_view message) {
    return std::string(
        base::as_text(base::hmac_sha256(base::as_bytes(key), base::as_bytes(message))));
}

// RFC 8188 2.1: salt, record size, key id.
std::string record_header(std::string_view salt, std::string_view key_id) {
    std::string header(salt);
    constexpr std::uint32_t kRecordSize = kPushBodyMax;
    for (const unsigned shift : {24U, 16U, 8U, 0U}) {
        header += static_cast<char>((kRecordSize >> shift) & 255U);
    }
    header += static_cast<char>(key_id.size());
    return header.append(key_id);
}

}  // namespace

std::string hkdf_sha256(std::string_view salt,
                        std::string_view secret,
                        std::string_view info,
                        std::size_t size) {
    CHECK(size <= base::Digest256{}.size());
    const std::string key = hmac(salt, secret);
    return hmac(key, std::string(info) + '\x01').substr(0, size);
}

base::Result<std::string> push_seal(std::string_view plain,
                                    const PushSubscription& subscription,
                                    const P256Pair& sender,
                                    std::string_view salt) {
    CHECK(salt.size() == kSaltSize);
    if (plain.size() > kPushPlainMax) {
        return base::Error{base::Errc::TooLarge, "more than a push message holds"};
    }
    if (subscription.auth.size() != kAuthSize) {
        return base::Error{base::Errc::Invalid, "the auth secret has 16 octets"};
    }
    const std::string shared = TRY(p256_agree(sender, subscription.key));
    // RFC 8291 3.3 and 3.4; the zero octets belong to the labels.
    const std::string key_info =
        std::string("WebPush: info").append(1, '\0') + subscription.key + sender.point;
    const std::string secret = hkdf_sha256(subscription.auth, shared, key_info, 32);
    const std::string key = hkdf_sha256(
        salt, secret, std::string("Content-Encoding: aes128gcm").append(1, '\0'), kKeySize);
    const std::string nonce = hkdf_sha256(
        salt, secret, std::string("Content-Encoding: nonce").append(1, '\0'), kNonceSize);
    return record_header(salt, sender.point) +
           aes128_gcm_seal(key, nonce, std::string(plain) + kLastRecord);
}

std::string push_origin(std::string_view endpoint) {
    const std::size_t scheme = endpoint.find("://");
    if (scheme == std::string_view::npos) {
        return {};
    }
    return std::string(endpoint.substr(0, endpoint.find_first_of("/?#", scheme + 3)));
}

base::Result<std::string> vapid_authorization(const P256Pair& key,
                                              std::string_view subject,
                                              std::string_view endpoint,
                                              std::int64_t now_s) {
    const std::string origin = push_origin(endpoint);
    // Both are free of quotes and backslashes: the directory checks them.
    if (origin.empty() ||
        (origin + std::string(subject)).find_first_of("\"\\") != std::string::npos) {
        return base::Error{base::Errc::Invalid, "no origin, or a quote in it or in the subject"};
    }
    std::string token = base::base64url(R"({"typ":"JWT","alg":"ES256"})") + "." +
                        base::base64url(R"({"aud":")" + origin + R"(","exp":)" +
                                        std::to_string(now_s + kTokenLife) + R"(,"sub":")" +
                                        std::string(subject) + R"("})");
    const std::string signature = TRY(es256_sign(key, token));
    token += "." + base::base64url(signature);
    return "vapid t=" + token + ", k=" + base::base64url(key.point);
}

base::Result<HttpRequest> push_request(std::string_view plain,
                                       const PushSubscription& subscription,
                                       const PushTerms& terms,
                                       const std::string& authorization) {
    std::string salt(kSaltSize, '\0');
    base::random_fill(std::as_writable_bytes(std::span(salt)));
    HttpRequest request;
    request.url = subscription.endpoint;
    request.body = TRY(push_seal(plain, subscription, p256_generate(), salt));
    request.headers = {"Content-Type: application/octet-stream",
                       "Content-Encoding: aes128gcm",
                       "TTL: " + std::to_string(terms.ttl_s),
                       "Urgency: " + std::string(terms.urgency),
                       "Authorization: " + authorization};
    if (!terms.topic.empty()) {
        request.headers.push_back("Topic: " + terms.topic);
    }
    return request;
}

}  // namespace mta
