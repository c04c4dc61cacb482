#pragma once

// The door to libcurl: one POST, or one message handed to a smarthost. No other file includes it.
//
// Certificates and host names are verified. Nothing is followed: a redirect is the receiver's
// answer and no more. No proxy, no netrc, no cookie, no reuse of a connection, so that what one
// account's receiver does cannot reach another's. Every address is put to the TargetRule before it
// is connected to.
//
// Errors, both calls:
//   Invalid      the URL is none of http, https (smtp, smtps)
//   Refused      the TargetRule forbids the address, or plain text; a smarthost: it refused the
//                recipient or the message for good
//   Timeout      no answer within Reach::deadline
//   Unavailable  no such name, no connection, no TLS, or it ended too early; a smarthost: it said
//                4xx, or does not want us: any 5xx before it was told the recipient, 530, 535, 538,
//                and 5.7.x (no relaying) to the recipient. The operator mends that meanwhile
//   TooLarge     the receiver's answer does not end (kReplyMax)
//   Cancelled    Reach::stop was set
// After Timeout, Unavailable, TooLarge and Cancelled the receiver may have got it all the same.
// Details never hold a URL, a header or a body; of a smarthost's reply they hold kSaidMax octets.
//
// Thread rule: any thread that may block. Limits: kReplyMax; the body is the caller's.

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "mta/notify/target_rule.h"

namespace mta {

inline constexpr std::size_t kReplyMax = std::size_t{64} * 1024;
inline constexpr std::size_t kSaidMax = 200;
/// What a receiver asks for beyond a day is a day.
inline constexpr std::int64_t kRetryAfterMax = 86'400;

/// How far and how long a request may go. `stop` is looked at about once a second.
struct Reach {
    explicit Reach(TargetRule permitted) : rule(std::move(permitted)) {}

    TargetRule rule;
    /// For all of it, also the name look-up, whose thread is left behind if need be.
    base::Duration deadline = std::chrono::seconds(15);
    std::string ca_file;                      ///< empty: the system's certificates
    const std::atomic<bool>* stop = nullptr;  ///< may be null
};

/// A POST.
struct HttpRequest {
    std::string url;
    std::vector<std::string> headers;  ///< "Name: value", without line ends
    std::string body;
};

/// What the receiver said; its body is dropped.
struct HttpReply {
    int status = 0;
    std::int64_t retry_after_s = 0;  ///< of Retry-After (RFC 9110 10.2.3); 0: none
};

/// Any status is an answer, not an error.
[[nodiscard]] base::Result<HttpReply> http_post(const HttpRequest& request, const Reach& reach);

enum class StartTls : std::uint8_t { Required, IfOffered, Never };

/// One message for one recipient.
struct MailSubmission {
    std::string smarthost;  ///< smtp://host:port or smtps://host:port
    StartTls tls = StartTls::Required;
    std::string user;  ///< empty: no authentication
    std::string password;
    std::string host_name;  ///< for EHLO
    std::string recipient;  ///< the reverse-path is null: nobody answers a notification
    std::string message;    ///< with CRLF line ends
};

[[nodiscard]] base::Status submit_mail(const MailSubmission& mail, const Reach& reach);

}  // namespace mta
