#include "mta/voicemail/message_waiting.h"

#include <fmt/format.h>

#include "mail/ascii.h"
#include "mta/voicemail/sip_notify.h"

namespace mta {

namespace {

// A text as a JSON string (RFC 8259 7). The texts are UTF-8 from the database.
std::string json_string(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (mail::is_control(c)) {
            out += fmt::format("\\u{:04x}", static_cast<unsigned char>(c));
        } else {
            out += c;
        }
    }
    return out + '"';
}

bool is_visible(std::string_view text) {
    for (const char c : text) {
        if (c <= ' ' || c > '~') {
            return false;
        }
    }
    return true;
}

bool goes_up(std::string_view path) {
    return path.find("/../") != std::string_view::npos || path.ends_with("/..");
}

}  // namespace

base::Result<WaitingMethod> parse_waiting_method(std::string_view name) {
    if (name == "hook") {
        return WaitingMethod::Hook;
    }
    if (name == "webhook") {
        return WaitingMethod::Webhook;
    }
    if (name == "sip") {
        return WaitingMethod::Sip;
    }
    return base::Error{base::Errc::Invalid,
                       "'" + std::string(name) + "' is none of hook, webhook, sip"};
}

base::Status check_waiting_target(WaitingMethod method, std::string_view target) {
    const auto invalid = [target](const std::string& wanted) {
        return base::Error{base::Errc::Invalid, "'" + std::string(target) + "' is not " + wanted};
    };
    if (target.size() > 1000 || !is_visible(target)) {
        return invalid("a target: at most 1,000 visible ASCII characters");
    }
    switch (method) {
        case WaitingMethod::Hook:
            if (!target.starts_with('/') || goes_up(target)) {
                return invalid("the absolute path of a program, without ..");
            }
            break;
        case WaitingMethod::Webhook:
            if (!target.starts_with("http://") && !target.starts_with("https://")) {
                return invalid("a URL that begins with http:// or https://");
            }
            break;
        case WaitingMethod::Sip:
            (void)TRY(parse_sip_target(expand_target(target, "default", "1000")));
            break;
    }
    return base::Done{};
}

std::string expand_target(std::string_view target,
                          std::string_view context,
                          std::string_view mailbox) {
    constexpr std::string_view kMailbox = "{mailbox}";
    constexpr std::string_view kContext = "{context}";
    std::string out;
    while (!target.empty()) {
        if (target.starts_with(kMailbox)) {
            out += mailbox;
            target.remove_prefix(kMailbox.size());
        } else if (target.starts_with(kContext)) {
            out += context;
            target.remove_prefix(kContext.size());
        } else {
            out += target.front();
            target.remove_prefix(1);
        }
    }
    return out;
}

base::Status check_hook(std::string_view path, std::string_view directory) {
    if (directory.empty()) {
        return base::Error{base::Errc::Refused,
                           "this mail server runs no hooks: waiting_hooks in its configuration "
                           "names the directory in which they may be"};
    }
    while (directory.size() > 1 && directory.ends_with('/')) {
        directory.remove_suffix(1);
    }
    const bool below = path.size() > directory.size() + 1 && path.starts_with(directory) &&
                       path[directory.size()] == '/';
    if (!below || goes_up(path)) {
        return base::Error{base::Errc::Refused,
                           std::string(path) + " is not below " + std::string(directory) +
                               " (waiting_hooks of this mail server)"};
    }
    return base::Done{};
}

std::string waiting_summary(const WaitingCounts& counts, std::string_view account) {
    return fmt::format(
        "Messages-Waiting: {}\r\nMessage-Account: {}\r\n"
        "Voice-Message: {}/{} ({}/{})\r\n",
        counts.fresh > 0 ? "yes" : "no",
        account,
        counts.fresh,
        counts.old,
        counts.fresh_urgent,
        counts.old_urgent);
}

std::string_view waiting_cause(const WaitingEvent& event) {
    if (!event.told) {
        return "state";
    }
    const std::int64_t fresh = event.counts.fresh - event.told->fresh;
    const std::int64_t old = event.counts.old - event.told->old;
    if (fresh > 0 && old == 0) {
        return "new";
    }
    if (fresh < 0 && old == -fresh) {
        return "seen";
    }
    if (fresh <= 0 && old <= 0 && fresh + old < 0) {
        return "deleted";
    }
    return "state";
}

std::string waiting_json(const WaitingEvent& event) {
    return fmt::format(
        "{{\"event\":\"message-waiting\",\"cause\":{},\"context\":{},\"mailbox\":{},"
        "\"account\":{},\"new\":{},\"old\":{},\"new_urgent\":{},\"old_urgent\":{}}}",
        json_string(waiting_cause(event)),
        json_string(event.context),
        json_string(event.mailbox),
        json_string(event.login),
        event.counts.fresh,
        event.counts.old,
        event.counts.fresh_urgent,
        event.counts.old_urgent);
}

std::vector<std::string> hook_arguments(const WaitingEvent& event) {
    return {event.mailbox + "@" + event.context,
            std::to_string(event.counts.fresh),
            std::to_string(event.counts.old),
            std::to_string(event.counts.fresh_urgent)};
}

}  // namespace mta
