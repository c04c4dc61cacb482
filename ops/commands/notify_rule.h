#pragma once

// A notification as `roundtable notify set` is given it: words checked and made into what
// directory.notification keeps, with the secrets that go with it.
//
// Thread rule: one thread; read_notice_secrets() may read standard input. Errors: Errc::Invalid,
// with what to give instead; those of reading files.

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "ops/command.h"

namespace ops {

struct NoticeRule {
    std::string channel;
    std::string target;  ///< of webpush: from the subscription
    std::vector<std::string> events;
    std::vector<std::int64_t> kinds;  ///< none: all
    std::optional<std::string> sender;
    std::optional<std::string> folder;
    std::optional<std::int64_t> size_min;
    std::optional<std::int64_t> size_max;
    std::optional<std::string> quiet_from;
    std::optional<std::string> quiet_to;
    std::optional<std::string> quiet_zone;
    std::string quiet_does = "digest";
    std::string content = "none";
    std::optional<std::int64_t> per_hour;
};

/// Octets. Those that the channel does not need are empty.
struct NoticeSecrets {
    std::string hmac_key;
    std::string push_key;
    std::string push_auth;
    bool made_here = false;  ///< hmac_key was drawn, and has to be told once
};

/// The options of `notify set` beside the account.
[[nodiscard]] std::vector<OptionSpec> notice_rule_options();

[[nodiscard]] base::Result<NoticeRule> read_notice_rule(const Arguments& arguments);

/// Reads the webhook's secret, or the subscription of a browser, which also sets `rule.target`.
[[nodiscard]] base::Result<NoticeSecrets> read_notice_secrets(const Arguments& arguments,
                                                              NoticeRule& rule);

/// PushSubscription.toJSON() of the Push API: {"endpoint":..., "keys":{"p256dh":...,"auth":...}}.
[[nodiscard]] base::Result<NoticeSecrets> parse_push_subscription(const std::string& json,
                                                                  std::string& endpoint);

}  // namespace ops
