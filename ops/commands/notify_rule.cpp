#include "ops/commands/notify_rule.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <iostream>
#include <iterator>
#include <utility>

#include "base/base64.h"
#include "base/config.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/random.h"
#include "mta/notify/p256.h"
#include "mta/notify/store_event.h"
#include "ops/commands/commands.h"
#include "ops/json.h"
#include "storage/mailbox/mailboxes.h"

namespace ops {

namespace {

constexpr std::size_t kSecretFileMax = 8'192;
constexpr std::size_t kSecretSize = 32;
constexpr std::size_t kSecretMin = 16;
constexpr std::size_t kSecretMax = 128;

base::Error invalid(std::string text) {
    return {base::Errc::Invalid, std::move(text)};
}

base::Result<std::optional<std::int64_t>> size_option(const Arguments& arguments,
                                                      const std::string& name) {
    const auto text = arguments.optional(name);
    if (!text) {
        return std::optional<std::int64_t>();
    }
    const base::Result<std::uint64_t> size = base::parse_size(*text);
    if (!size || size.value() > INT64_MAX) {
        return invalid(name + " takes a size such as 500, 64KiB or 10MiB, not '" + *text + "'");
    }
    return std::optional(static_cast<std::int64_t>(size.value()));
}

base::Result<std::vector<std::int64_t>> kinds_of(const Arguments& arguments) {
    constexpr std::array<std::string_view, 3> kNames = {"email", "fax", "voicemail"};
    std::vector<std::int64_t> kinds;
    for (const std::string& name : arguments.list("--kind")) {
        const auto* const found = std::find(kNames.begin(), kNames.end(), name);
        if (found == kNames.end()) {
            return invalid("--kind is email, fax or voicemail, not '" + name + "'");
        }
        kinds.push_back(std::distance(kNames.begin(), found) + 1);
    }
    return kinds;
}

// By whatever case: the names of RFC 5423 are easily mistyped.
base::Result<std::vector<std::string>> events_of(const Arguments& arguments) {
    const auto same = [](std::string_view a, std::string_view b) {
        return a.size() == b.size() &&
               std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) {
                   return std::tolower(static_cast<unsigned char>(x)) ==
                          std::tolower(static_cast<unsigned char>(y));
               });
    };
    std::vector<std::string> events;
    for (const std::string& name : arguments.list("--event")) {
        const auto* const found = std::find_if(
            mta::kStoreEvents.begin(), mta::kStoreEvents.end(), [&](std::string_view known) {
                return same(known, name);
            });
        if (found == mta::kStoreEvents.end()) {
            std::string all;
            for (const std::string_view known : mta::kStoreEvents) {
                all.append(all.empty() ? "" : ", ").append(known);
            }
            return invalid("--event is one of " + all + ", not '" + name + "'");
        }
        events.emplace_back(*found);
    }
    if (events.empty()) {
        events = {"MessageNew"};
    }
    return events;
}

// "22:00-07:00"
base::Status read_quiet(const Arguments& arguments, NoticeRule& rule) {
    const auto quiet = arguments.optional("--quiet");
    rule.quiet_zone = arguments.optional("--zone");
    if (arguments.has("--quiet-drop")) {
        rule.quiet_does = "drop";
    }
    if (!quiet) {
        if (rule.quiet_zone || arguments.has("--quiet-drop")) {
            return invalid("--zone and --quiet-drop go with --quiet 22:00-07:00");
        }
        return base::Done{};
    }
    const auto is_time = [](const std::string& text) {
        const auto digit = [&](std::size_t i) { return text[i] >= '0' && text[i] <= '9'; };
        return text.size() == 5 && text[2] == ':' && digit(0) && digit(1) && digit(3) && digit(4) &&
               text.substr(0, 2) < "24" && text.substr(3) < "60";
    };
    const std::size_t dash = std::min(quiet->find('-'), quiet->size());
    rule.quiet_from = quiet->substr(0, dash);
    rule.quiet_to = dash < quiet->size() ? quiet->substr(dash + 1) : std::string();
    if (!is_time(*rule.quiet_from) || !is_time(*rule.quiet_to) ||
        *rule.quiet_from == *rule.quiet_to) {
        return invalid("--quiet takes two times of the day such as 22:00-07:00, not '" + *quiet +
                       "'");
    }
    if (!rule.quiet_zone) {
        return invalid("--quiet needs --zone, a time zone such as Europe/Berlin");
    }
    return base::Done{};
}

base::Status check_target(const NoticeRule& rule) {
    const std::string& to = rule.target;
    const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
    if (rule.channel == "email") {
        const std::size_t at = to.find('@');
        if (at == std::string::npos || at == 0 || at + 1 == to.size() ||
            to.find_first_of("<> \t\r\n") != std::string::npos) {
            return invalid("--to takes an address such as ann@phone.example, not '" + to + "'");
        }
    } else if (rule.channel == "sms") {
        if (to.size() < 6 || to.size() > 16 || to[0] != '+' ||
            !std::all_of(to.begin() + 1, to.end(), is_digit)) {
            return invalid("--to takes a number with its country such as +4930123456, not '" + to +
                           "'");
        }
    } else if ((!to.starts_with("https://") && !to.starts_with("http://")) ||
               to.substr(0, to.find('/', 8)).find('@') != std::string::npos) {
        return invalid("the target must be a URL such as https://host/path, without a user name");
    }
    return base::Done{};
}

// A secret never comes as an argument: other users of the machine see those.
base::Result<std::string> read_all(const std::optional<std::string>& file) {
    if (file) {
        return base::read_file(*file, kSecretFileMax);
    }
    std::string text(kSecretFileMax + 1, '\0');
    std::cin.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(std::cin.gcount()));
    if (text.size() > kSecretFileMax) {
        return invalid("more than 8 KiB on standard input");
    }
    return text;
}

base::Result<NoticeSecrets> webhook_secret(const Arguments& arguments) {
    NoticeSecrets secrets;
    const auto file = arguments.optional("--secret-file");
    if (!file && !arguments.has("--secret-stdin")) {
        std::string octets(kSecretSize / 2, '\0');
        base::random_fill(std::as_writable_bytes(std::span(octets)));
        secrets.hmac_key = base::to_hex(base::as_bytes(octets));
        secrets.made_here = true;
        return secrets;
    }
    secrets.hmac_key = TRY(read_all(file));
    secrets.hmac_key.erase(
        std::min(secrets.hmac_key.find_first_of("\r\n"), secrets.hmac_key.size()));
    if (secrets.hmac_key.size() < kSecretMin || secrets.hmac_key.size() > kSecretMax) {
        return invalid("the secret of a webhook has 16 to 128 characters, on one line");
    }
    return secrets;
}

}  // namespace

std::vector<OptionSpec> notice_rule_options() {
    return {
        {"--by", OptionKind::Value, "email, sms, webhook or webpush", Required::Yes},
        {"--to", OptionKind::Value, "address, +number or URL; of webpush in the subscription"},
        {"--event", OptionKind::Values, "name of RFC 5423, may be repeated; else MessageNew"},
        {"--kind", OptionKind::Values, "email, fax or voicemail; else all"},
        {"--sender", OptionKind::Value, "sender's address, * for anything: '*@example.org'"},
        {"--folder", OptionKind::Value, "mailbox, * for anything: INBOX, 'Work/*'"},
        {"--min-size", OptionKind::Value, "messages of at least that size: 500, 64KiB"},
        {"--max-size", OptionKind::Value, "messages of at most that size"},
        {"--quiet", OptionKind::Value, "quiet hours: 22:00-07:00"},
        {"--zone", OptionKind::Value, "time zone of the quiet hours: Europe/Berlin"},
        {"--quiet-drop", OptionKind::Flag, "tell nothing of them; else one digest at their end"},
        {"--tell-content", OptionKind::Flag, "tell sender and subject of messages, too"},
        {"--per-hour", OptionKind::Value, "limit of the account, 1 to 10000"},
        {"--secret-file", OptionKind::Value, "file with the webhook's secret; else one is made"},
        {"--secret-stdin", OptionKind::Flag, "read the webhook's secret from standard input"},
        {"--subscription-file", OptionKind::Value, "file with the browser's PushSubscription"},
        {"--subscription-stdin", OptionKind::Flag, "read it from standard input"}};
}

base::Result<NoticeRule> read_notice_rule(const Arguments& arguments) {
    NoticeRule rule;
    rule.channel = arguments.text("--by");
    if (rule.channel != "email" && rule.channel != "sms" && rule.channel != "webhook" &&
        rule.channel != "webpush") {
        return invalid("--by is email, sms, webhook or webpush, not '" + rule.channel + "'");
    }
    rule.target = arguments.text("--to");
    if (rule.channel == "webpush" ? !rule.target.empty() : rule.target.empty()) {
        return invalid(rule.channel == "webpush"
                           ? "where a push goes is in the subscription: leave --to out"
                           : "--to is needed: where is it to be told?");
    }
    rule.events = TRY(events_of(arguments));
    rule.kinds = TRY(kinds_of(arguments));
    if (const auto sender = arguments.optional("--sender")) {
        rule.sender = normal_name(*sender);
    }
    if (const auto folder = arguments.optional("--folder")) {
        rule.folder = storage::canonical_name(*folder);
    }
    rule.size_min = TRY(size_option(arguments, "--min-size"));
    rule.size_max = TRY(size_option(arguments, "--max-size"));
    if (rule.size_min && rule.size_max && *rule.size_min > *rule.size_max) {
        return invalid("--min-size is above --max-size");
    }
    TRY(read_quiet(arguments, rule));
    if (arguments.has("--tell-content")) {
        rule.content = "summary";
    }
    if (arguments.has("--per-hour")) {
        rule.per_hour = TRY(arguments.integer("--per-hour", 1, 10'000, 60));
    }
    if (rule.channel != "webpush") {
        TRY(check_target(rule));
    }
    return rule;
}

base::Result<NoticeSecrets> parse_push_subscription(const std::string& json,
                                                    std::string& endpoint) {
    const base::Error wrong = invalid(
        "the subscription must be what PushSubscription.toJSON() gives: {\"endpoint\": URL, "
        "\"keys\": {\"p256dh\": ..., \"auth\": ...}}");
    const Json parsed = Json::parse(json, nullptr, false);
    const auto text = [](const Json& object, const char* name) {
        return object.is_object() && object.contains(name) && object[name].is_string()
                   ? object[name].get<std::string>()
                   : std::string();
    };
    endpoint = text(parsed, "endpoint");
    if (endpoint.empty() || !parsed.contains("keys")) {
        return wrong;
    }
    NoticeSecrets secrets;
    const auto key = base::decode_base64url(text(parsed["keys"], "p256dh"));
    const auto auth = base::decode_base64url(text(parsed["keys"], "auth"));
    if (!key || !auth || !mta::is_p256_point(key.value()) || auth.value().size() != 16) {
        return wrong;
    }
    secrets.push_key = key.value();
    secrets.push_auth = auth.value();
    return secrets;
}

base::Result<NoticeSecrets> read_notice_secrets(const Arguments& arguments, NoticeRule& rule) {
    if (rule.channel == "webhook") {
        return webhook_secret(arguments);
    }
    if (rule.channel != "webpush") {
        return NoticeSecrets{};
    }
    const auto file = arguments.optional("--subscription-file");
    if (!file && !arguments.has("--subscription-stdin")) {
        return invalid("webpush needs --subscription-file FILE or --subscription-stdin");
    }
    const std::string json = TRY(read_all(file));
    NoticeSecrets secrets = TRY(parse_push_subscription(json, rule.target));
    TRY(check_target(rule));
    return secrets;
}

}  // namespace ops
