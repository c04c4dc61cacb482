#pragma once

// Web Push: a notification as a push service takes it (RFC 8030): its content encrypted for the
// browser that subscribed (RFC 8291, by aes128gcm of RFC 8188 in one record), and a token that says
// who sends (VAPID, RFC 8292). The push service reads neither the content nor our key.
//
// Thread rule: functions of their arguments, but push_request(), which draws a key and a salt.
// Limits: kPushPlainMax octets of content: push services need not take more (RFC 8030 7.2).
// Errors: Errc::Invalid (a key that is none), Errc::TooLarge.

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "mta/notify/curl.h"
#include "mta/notify/p256.h"

namespace mta {

inline constexpr std::size_t kPushBodyMax = 4096;
/// Without header (86), padding delimiter and tag.
inline constexpr std::size_t kPushPlainMax = kPushBodyMax - 86 - 1 - kGcmTagSize;

/// What a browser's PushSubscription says.
struct PushSubscription {
    std::string endpoint;  ///< URL; whoever knows it can push: a secret
    std::string key;       ///< p256dh, a point
    std::string auth;      ///< 16 octets
};

/// What a push service should do with a notification (RFC 8030 5.2 to 5.4).
struct PushTerms {
    std::int64_t ttl_s = 86'400;
    std::string_view urgency = "normal";
    std::string topic;  ///< base64url, at most 32; a newer one replaces it. Empty: none
};

/// HKDF of RFC 5869 with SHA-256; `size` is at most 32.
[[nodiscard]] std::string hkdf_sha256(std::string_view salt,
                                      std::string_view secret,
                                      std::string_view info,
                                      std::size_t size);

/// The body, RFC 8291 4. `sender` and `salt` (16 octets) are used for one body only.
[[nodiscard]] base::Result<std::string> push_seal(std::string_view plain,
                                                  const PushSubscription& subscription,
                                                  const P256Pair& sender,
                                                  std::string_view salt);

/// "https://push.example.net" of an endpoint; empty if it is no URL.
[[nodiscard]] std::string push_origin(std::string_view endpoint);

/// The value of Authorization, RFC 8292 2 and 3: valid for twelve hours.
[[nodiscard]] base::Result<std::string> vapid_authorization(const P256Pair& key,
                                                            std::string_view subject,
                                                            std::string_view endpoint,
                                                            std::int64_t now_s);

/// The whole request.
[[nodiscard]] base::Result<HttpRequest> push_request(std::string_view plain,
                                                     const PushSubscription& subscription,
                                                     const PushTerms& terms,
                                                     const std::string& authorization);

}  // namespace mta
