#include "mta/notify/notice_text.h"

#include <algorithm>
#include <array>
#include <ctime>
#include <utility>

#include "base/base64.h"
#include "base/clock.h"
#include "mail/decode.h"

namespace mta {

namespace {

constexpr std::int64_t kMicros = 1'000'000;

// Cut so that no character is left in part.
std::string cut(std::string text, std::size_t size_max) {
    if (text.size() <= size_max) {
        return text;
    }
    std::size_t end = size_max;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) {
        --end;
    }
    text.resize(end);
    return text + "...";
}

// For header fields of our own: what is not printable ASCII becomes '?'.
std::string ascii(std::string_view text) {
    std::string out(text);
    std::replace_if(
        out.begin(), out.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
    return out;
}

std::string_view kind_noun(int kind) {
    switch (kind) {
        case 2:
            return "fax";
        case 3:
            return "voice message";
        default:
            return "mail";
    }
}

bool is_of_session(const StoreEvent& event) {
    return event.name == "Login" || event.name == "Logout";
}

// "Sign-in to ann@example.org by IMAP from 192.0.2.7"; without a login: where it is clear whose.
std::string session_text(const StoreEvent& event, std::string_view login) {
    const bool in = event.name == "Login";
    std::string text = in ? "Sign-in" : "Sign-out";
    if (!login.empty()) {
        text.append(in ? " to " : " of ").append(login);
    }
    return text + (event.service == "pop" ? " by POP3 from " : " by IMAP from ") + event.client_ip;
}

std::string describe(const StoreEvent& event) {
    constexpr std::array<std::pair<std::string_view, std::string_view>, 14> kVerbs = {
        {{"MessageAppend", "Message stored"},
         {"MessageExpunge", "Messages removed"},
         {"MessageRead", "Messages read"},
         {"MessageTrash", "Messages marked as deleted"},
         {"FlagsSet", "Flags set"},
         {"FlagsClear", "Flags cleared"},
         {"QuotaExceed", "Mail was refused: the mailbox is full"},
         {"QuotaWithin", "The mailbox has room again"},
         {"QuotaChange", "The quota was changed"},
         {"MailboxCreate", "Mailbox created"},
         {"MailboxDelete", "Mailbox deleted"},
         {"MailboxRename", "Mailbox renamed"},
         {"MailboxSubscribe", "Mailbox subscribed"},
         {"MailboxUnSubscribe", "Mailbox unsubscribed"}}};
    if (event.name == "MessageNew") {
        return "New " + std::string(kind_noun(event.kind));
    }
    if (is_of_session(event)) {
        return session_text(event, "");
    }
    for (const auto& [name, verb] : kVerbs) {
        if (name == event.name) {
            return std::string(verb);
        }
    }
    return event.name;
}

// "2026-11-25 12:00 UTC"
std::string clock_text(std::int64_t at_us) {
    const std::string text = base::format_utc(at_us);
    return text.substr(0, 10) + " " + text.substr(11, 5) + " UTC";
}

std::string line_of(const StoreEvent& event) {
    std::string line = clock_text(event.at_us) + "  " + describe(event);
    if (!event.mailbox.empty()) {
        line += " in " + quoted_text(event.mailbox);
    }
    if (event.size) {
        line += ", " + std::to_string((*event.size + 1023) / 1024) + " KiB";
    }
    if (!event.from.empty() || !event.subject.empty()) {
        line += "\r\n  From: " + quoted_text(event.from) +
                "\r\n  Subject: " + quoted_text(event.subject);
    }
    return line + "\r\n";
}

std::string body_of(const NoticeJob& job) {
    if (job.events.empty()) {
        return "This is a test of the notifications for " + job.login + ".\r\n";
    }
    std::string body;
    const std::size_t listed = std::min(job.events.size(), kLinesMax);
    for (std::size_t i = 0; i < listed; ++i) {
        body += line_of(job.events[i]);
    }
    const std::int64_t more = static_cast<std::int64_t>(job.events.size() - listed) + job.more;
    if (more > 0) {
        body += "and " + std::to_string(more) + " more\r\n";
    }
    return body;
}

// RFC 5322 3.3. No locale: its names are English.
std::string date_text(std::int64_t now_us) {
    const std::time_t seconds = static_cast<std::time_t>(now_us / kMicros);
    std::tm parts{};
    gmtime_r(&seconds, &parts);
    std::array<char, 64> text{};
    const std::size_t size =
        std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S +0000", &parts);
    return {text.data(), size};
}

}  // namespace

std::string quoted_text(std::string_view text) {
    // A JSON string replaces what is no UTF-8; what is left of it here is the replacing.
    std::string out = mail::convert_to_utf8(text, "utf-8").text;
    std::replace_if(
        out.begin(),
        out.end(),
        [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; },
        ' ');
    return cut(std::move(out), kQuotedMax);
}

std::string notice_title(const NoticeJob& job) {
    if (job.events.empty()) {
        return ascii("Test notification for " + job.login);
    }
    const auto count = static_cast<std::int64_t>(job.events.size()) + job.more;
    if (count > 1) {
        return ascii(std::to_string(count) + " notifications for " + job.login);
    }
    const StoreEvent& event = job.events.front();
    return ascii(is_of_session(event) ? session_text(event, job.login)
                                      : describe(event) + " for " + job.login);
}

std::string notice_mail(const NoticeJob& job,
                        std::string_view from,
                        std::string_view recipient,
                        std::int64_t now_us) {
    const std::size_t at = from.rfind('@');
    const std::string domain = ascii(at == std::string_view::npos ? from : from.substr(at + 1));
    return "From: Roundtable <" + ascii(from) + ">\r\nTo: <" + ascii(recipient) +
           ">\r\nSubject: " + notice_title(job) + "\r\nDate: " + date_text(now_us) +
           "\r\nMessage-ID: <" + job.token.to_text() + "@" + domain +
           ">\r\nAuto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
           "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n" +
           base::base64_lines(body_of(job));
}

std::string notice_short_text(const NoticeJob& job) {
    std::string text = notice_title(job);
    if (job.events.size() == 1 && job.more == 0) {
        const StoreEvent& event = job.events.front();
        if (!event.from.empty()) {
            text += " from " + quoted_text(event.from);
        }
        if (!event.subject.empty()) {
            text += ": " + quoted_text(event.subject);
        }
    }
    return cut(std::move(text), kShortTextMax);
}

}  // namespace mta
