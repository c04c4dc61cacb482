#include "mta/notify/event_json.h"

#include <array>
#include <cstdio>
#include <utility>

#include "base/clock.h"

namespace mta {

namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";
constexpr std::string_view kHex = "0123456789ABCDEF";

// Octets of the UTF-8 sequence at the start of `text` (RFC 3629 4); 0 if there is none.
std::size_t utf8_length(std::string_view text) {
    const auto at = [&](std::size_t i) {
        return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
    };
    const auto tail = [&](std::size_t i) { return (at(i) & 0xC0U) == 0x80U; };
    const unsigned first = at(0);
    if (first < 0x80) {
        return 1;
    }
    if (first >= 0xC2 && first < 0xE0) {
        return tail(1) ? 2 : 0;
    }
    if (first >= 0xE0 && first < 0xF0) {
        const bool overlong = first == 0xE0 && at(1) < 0xA0;
        const bool surrogate = first == 0xED && at(1) >= 0xA0;
        return tail(1) && tail(2) && !overlong && !surrogate ? 3 : 0;
    }
    if (first >= 0xF0 && first < 0xF5) {
        const bool overlong = first == 0xF0 && at(1) < 0x90;
        const bool beyond = first == 0xF4 && at(1) >= 0x90;
        return tail(1) && tail(2) && tail(3) && !overlong && !beyond ? 4 : 0;
    }
    return 0;
}

// RFC 3986 2.3: unreserved characters stay, and within a mailbox "/" (RFC 5092 3).
std::string url_encode(std::string_view text, std::string_view also) {
    std::string out;
    for (const char c : text) {
        const auto octet = static_cast<unsigned char>(c);
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                           (c >= '0' && c <= '9') ||
                           std::string_view("-._~").find(c) != std::string_view::npos ||
                           also.find(c) != std::string_view::npos;
        if (plain) {
            out += c;
        } else {
            out.append({'%', kHex[octet >> 4U], kHex[octet & 15U]});
        }
    }
    return out;
}

// The members of an object, one after the other.
class Members {
  public:
    void text(std::string_view name, std::string_view value) { raw(name, json_string(value)); }

    void number(std::string_view name, std::int64_t value) { raw(name, std::to_string(value)); }

    void raw(std::string_view name, std::string_view value) {
        out_.append(out_.empty() ? "" : ",").append(json_string(name)).append(":").append(value);
    }

    [[nodiscard]] std::string object() const { return "{" + out_ + "}"; }

  private:
    std::string out_;
};

std::string json_array(const std::vector<std::string>& texts) {
    std::string out;
    for (const std::string& text : texts) {
        out.append(out.empty() ? "" : ",").append(json_string(text));
    }
    return "[" + out + "]";
}

}  // namespace

std::string json_string(std::string_view text) {
    std::string out = "\"";
    while (!text.empty()) {
        const std::size_t length = utf8_length(text);
        const char c = text.front();
        if (length == 0) {
            out += kReplacement;
            text.remove_prefix(1);
            continue;
        }
        if (c == '"' || c == '\\') {
            out.append({'\\', c});
        } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
            const auto octet = static_cast<unsigned char>(c);
            out.append("\\u00").append({kHex[octet >> 4U], kHex[octet & 15U]});
        } else {
            out.append(text.substr(0, length));
        }
        text.remove_prefix(length);
    }
    return out + "\"";
}

std::string mailbox_url(std::string_view login,
                        std::string_view host,
                        std::string_view mailbox,
                        std::int64_t uid_validity) {
    const std::size_t at = login.rfind('@');
    const std::string_view domain = at == std::string_view::npos ? login : login.substr(at + 1);
    std::string url = "imap://" + url_encode(login, "") + "@" +
                      std::string(host.empty() ? domain : host) + "/" + url_encode(mailbox, "/");
    if (uid_validity != 0) {
        url += ";UIDVALIDITY=" + std::to_string(uid_validity);
    }
    return url;
}

std::string event_json(const StoreEvent& event, std::string_view login, std::string_view host) {
    Members members;
    members.text("event", event.name);
    members.text("timestamp", base::format_utc(event.at_us));
    members.text("user", login);
    if (!event.mailbox.empty()) {
        const std::string url = mailbox_url(login, host, event.mailbox, event.uid_validity);
        members.text("mailboxID", url);
        if (event.name == "MessageNew" || event.name == "MessageAppend") {
            members.text("uri", url + "/;UID=" + event.uids);
        }
    }
    if (!event.old_mailbox.empty()) {
        members.text("oldMailboxID",
                     mailbox_url(login, host, event.old_mailbox, event.uid_validity));
    }
    if (!event.uids.empty()) {
        members.text("uidset", event.uids);
    }
    if (event.size) {
        members.number("messageSize", *event.size);
    }
    if (event.modseq != 0) {
        members.number("modseq", event.modseq);
    }
    if (!event.flags.empty()) {
        members.raw("flagNames", json_array(event.flags));
    }
    if (event.disk_quota) {
        members.number("diskQuota", *event.disk_quota);
    }
    if (event.disk_used) {
        members.number("diskUsed", *event.disk_used);
    }
    if (!event.service.empty()) {
        members.text("service", event.service);
        members.text("clientIP", event.client_ip);
        members.number("clientPort", event.client_port);
        members.text("serverDomain", event.server_ip);
        members.number("serverPort", event.server_port);
    }
    if (!event.envelope.empty()) {
        members.text("envelope", event.envelope);
    }
    return members.object();
}

std::string notice_json(const NoticeJob& job, std::string_view host, std::size_t size_max) {
    const std::string head =
        "{\"id\":" + json_string(job.token.to_text()) + ",\"rule\":" + std::to_string(job.rule) +
        ",\"test\":" + (job.events.empty() ? "true" : "false") + ",\"events\":[";
    constexpr std::size_t kTailMax = 40;  // "]", the count and the brace
    std::string list;
    std::size_t told = 0;
    for (const StoreEvent& event : job.events) {
        const auto fits = [&](const std::string& text) {
            return head.size() + list.size() + 1 + text.size() + kTailMax <= size_max;
        };
        std::string text = event_json(event, job.login, host);
        if (!fits(text) && !event.envelope.empty()) {
            StoreEvent bare = event;
            bare.envelope.clear();
            text = event_json(bare, job.login, host);
        }
        if (!fits(text)) {
            break;
        }
        list.append(told == 0 ? "" : ",").append(text);
        ++told;
    }
    const auto left = static_cast<std::int64_t>(job.events.size() - told) + job.more;
    return head + list + "],\"more\":" + std::to_string(left) + "}";
}

}  // namespace mta
