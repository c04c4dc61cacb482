#include "mta/notify/notice_sender.h"

#include <algorithm>
#include <utility>

#include "base/file.h"
#include "base/hash.h"
#include "mail/decode.h"
#include "mail/header.h"
#include "mta/notify/event_json.h"
#include "mta/notify/notice_text.h"
#include "mta/notify/web_push.h"

namespace mta {

namespace {

using std::chrono::seconds;

constexpr base::Duration kReadDeadline = seconds(5);
constexpr std::size_t kSecretFileMax = 4'096;
constexpr std::size_t kWebhookMax = std::size_t{256} * 1024;
constexpr std::int64_t kMicros = 1'000'000;
constexpr std::string_view kNumber = "{number}";

constexpr int kGone = 410;
constexpr int kNotFound = 404;
constexpr int kTooManyRequests = 429;
constexpr int kEmail = 1;  // StoreEvent::kind
constexpr int kRequestTimeout = 408;

NoticeOutcome from_error(const base::Error& error) {
    const bool again = base::is_temporary(error.code) || error.code == base::Errc::TooLarge;
    return {again ? NoticeResult::Retry : NoticeResult::Failed, error.detail, 0};
}

NoticeOutcome not_set_up(std::string what) {
    return {NoticeResult::Retry, std::move(what), 0};
}

bool is_success(int status) {
    return status >= 200 && status < 300;
}

base::Result<std::string> read_secret(const std::string& path) {
    std::string text = TRY(base::read_file(path, kSecretFileMax));
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) {
        text.pop_back();
    }
    if (text.empty() || text.find_first_of("\r\n") != std::string::npos) {
        return base::Error{base::Errc::Invalid, path + " does not hold one line"};
    }
    return text;
}

NoticeOutcome unreadable(const base::Error& error) {
    return not_set_up("a file of the gateway's settings: " + error.detail);
}

NoticeOutcome judge_push(const HttpReply& reply) {
    NoticeOutcome outcome;
    outcome.text = "HTTP " + std::to_string(reply.status);
    outcome.retry_after_s = reply.retry_after_s;
    if (is_success(reply.status)) {
        outcome.result = NoticeResult::Sent;
    } else if (reply.status == kNotFound || reply.status == kGone) {
        outcome.result = NoticeResult::Ended;
        outcome.text += ": the push service knows no such subscription";
    } else if (reply.status >= 400 && reply.status < 500 && reply.status != kTooManyRequests &&
               reply.status != kRequestTimeout && reply.retry_after_s == 0) {
        outcome.result = NoticeResult::Failed;
    }
    return outcome;
}

NoticeOutcome judge_hook(const HttpReply& reply) {
    NoticeOutcome outcome;
    outcome.text = "HTTP " + std::to_string(reply.status);
    outcome.retry_after_s = reply.retry_after_s;
    if (is_success(reply.status)) {
        outcome.result = NoticeResult::Sent;
    } else if (reply.status == kGone) {
        outcome.result = NoticeResult::Ended;
        outcome.text += ": the receiver says that it is gone for good";
    }
    return outcome;
}

// An operator or the account may know better.
NoticeOutcome with_way_back(NoticeOutcome outcome, const NoticeJob& job) {
    if (outcome.result == NoticeResult::Ended) {
        outcome.text +=
            "; `roundtable notify resume " + std::to_string(job.rule) + "` starts it again";
    }
    return outcome;
}

}  // namespace

bool is_auto_submitted(std::string_view message) {
    const mail::Header header = mail::scan_header(message);
    const mail::HeaderField* field = header.find("Auto-Submitted");
    if (field == nullptr) {
        return false;
    }
    std::string value = mail::unfold(field->value);
    value.resize(std::min(value.find_first_of("; \t("), value.size()));
    std::transform(value.begin(), value.end(), value.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    return value != "no";
}

std::string webhook_signature(std::string_view secret,
                              std::string_view timestamp,
                              std::string_view body) {
    const std::string text = std::string(timestamp) + "." + std::string(body);
    return "v1=" + base::to_hex(base::hmac_sha256(base::as_bytes(secret), base::as_bytes(text)));
}

NoticeSender::NoticeSender(NoticeReaders readers,
                           std::string host_name,
                           const std::atomic<bool>& stop)
    : readers_(std::move(readers)), host_name_(std::move(host_name)), stop_(stop) {
}

Reach NoticeSender::reach(TargetRule rule, const NoticeSettings& settings) const {
    Reach made(std::move(rule));
    made.ca_file = settings.ca_file;
    made.stop = &stop_;
    return made;
}

// What cannot be read is left out: the notification matters more than its ornament.
void NoticeSender::read_contents(NoticeJob& job) const {
    const base::Deadline deadline = base::Deadline::after(kReadDeadline);
    for (StoreEvent& event : job.events) {
        if (event.message.is_nil() || job.content == NoticeContent::None) {
            continue;
        }
        const auto summary = readers_.summary(event.message, deadline);
        if (summary) {
            const mail::Summary& found = *summary.value();
            event.envelope = found.envelope;
            event.from = mail::decode_header_text(found.field(mail::SummaryField::From));
            event.subject = mail::decode_header_text(found.field(mail::SummaryField::Subject));
        }
    }
}

// A message that cannot be read now is waited for; one that is gone or damaged is not told of.
base::Status NoticeSender::drop_automatic(NoticeJob& job) const {
    const base::Deadline deadline = base::Deadline::after(2 * kReadDeadline);
    std::vector<StoreEvent> kept;
    for (StoreEvent& event : job.events) {
        if (event.name == "MessageNew" && event.kind == kEmail && !event.message.is_nil()) {
            const auto message = readers_.message(event.message, deadline);
            if (!message && base::is_temporary(message.error().code)) {
                return message.error();
            }
            if (!message || is_auto_submitted(*message.value())) {
                continue;
            }
        }
        kept.push_back(std::move(event));
    }
    job.events = std::move(kept);
    return base::Done{};
}

NoticeOutcome NoticeSender::send(NoticeJob job, const NoticeSettings& settings) const {
    const bool by_mail = job.channel == Channel::Email || job.channel == Channel::Sms;
    if (by_mail && !job.events.empty()) {
        const base::Status dropped = drop_automatic(job);
        if (!dropped) {
            return {NoticeResult::Retry, "the message could not be read yet", 0};
        }
        if (job.events.empty()) {
            return {NoticeResult::Dropped, "nothing to tell: a program sent it, or it is gone", 0};
        }
    }
    read_contents(job);
    switch (job.channel) {
        case Channel::Email:
            return send_mail(job,
                             job.target,
                             notice_mail(job, settings.mail_from, job.target, base::wall_us()),
                             settings);
        case Channel::Sms:
            return send_sms(job, settings);
        case Channel::Webhook:
            return send_webhook(job, settings);
        case Channel::WebPush:
            return send_push(job, settings);
    }
    return {NoticeResult::Failed, "unknown channel", 0};
}

NoticeOutcome NoticeSender::send_webhook(const NoticeJob& job,
                                         const NoticeSettings& settings) const {
    const std::string timestamp = std::to_string(base::wall_us() / kMicros);
    HttpRequest request;
    request.url = job.target;
    request.body = notice_json(job, settings.imap_host, kWebhookMax);
    request.headers = {
        "Content-Type: application/json",
        "Roundtable-Id: " + job.token.to_text(),
        "Roundtable-Timestamp: " + timestamp,
        "Roundtable-Signature: " + webhook_signature(job.hmac_key, timestamp, request.body)};
    const auto reply = http_post(request, reach(TargetRule(settings.allowed), settings));
    return reply ? with_way_back(judge_hook(reply.value()), job) : from_error(reply.error());
}

NoticeOutcome NoticeSender::send_push(const NoticeJob& job, const NoticeSettings& settings) const {
    const base::Result<P256Pair> key = p256_pair(settings.vapid_secret);
    if (!key || settings.vapid_subject.empty()) {
        return not_set_up(
            "no VAPID key yet: `roundtable notify configure vapid_subject=mailto:...` makes one");
    }
    const PushSubscription subscription{job.target, job.push_key, job.push_auth};
    const auto authorization = vapid_authorization(
        key.value(), settings.vapid_subject, job.target, base::wall_us() / kMicros);
    if (!authorization) {
        return from_error(authorization.error());
    }
    const auto request = push_request(notice_json(job, settings.imap_host, kPushPlainMax),
                                      subscription,
                                      PushTerms{},
                                      authorization.value());
    if (!request) {
        return from_error(request.error());
    }
    const auto reply = http_post(request.value(), reach(TargetRule(settings.allowed), settings));
    return reply ? with_way_back(judge_push(reply.value()), job) : from_error(reply.error());
}

NoticeOutcome NoticeSender::send_mail(const NoticeJob&,
                                      const std::string& recipient,
                                      const std::string& message,
                                      const NoticeSettings& settings) const {
    if (settings.smarthost.empty()) {
        return not_set_up(
            "no smarthost yet: `roundtable notify configure smarthost=smtp://HOST:25` names it");
    }
    MailSubmission mail;
    mail.smarthost = settings.smarthost;
    mail.tls = settings.smarthost_tls;
    mail.host_name = host_name_;
    mail.recipient = recipient;
    mail.message = message;
    if (!settings.smarthost_user.empty()) {
        base::Result<std::string> password = read_secret(settings.smarthost_password_file);
        if (!password) {
            return unreadable(password.error());
        }
        mail.user = settings.smarthost_user;
        mail.password = std::move(password).take_value();
    }
    const base::Status sent = submit_mail(mail, reach(TargetRule::trusted(), settings));
    return sent ? NoticeOutcome{NoticeResult::Sent, "the smarthost has it", 0}
                : from_error(sent.error());
}

NoticeOutcome NoticeSender::send_sms(const NoticeJob& job, const NoticeSettings& settings) const {
    constexpr std::string_view kMailto = "mailto:";
    if (settings.sms_gateway.empty()) {
        return not_set_up(
            "no gateway for SMS yet: `roundtable notify configure sms_gateway=URL` names it");
    }
    if (settings.sms_gateway.starts_with(kMailto)) {
        std::string recipient = settings.sms_gateway.substr(kMailto.size());
        recipient.replace(recipient.find(kNumber), kNumber.size(), job.target.substr(1));
        return send_mail(job,
                         recipient,
                         notice_mail(job, settings.mail_from, recipient, base::wall_us()),
                         settings);
    }
    HttpRequest request;
    request.url = settings.sms_gateway;
    request.body = "{\"id\":" + json_string(job.token.to_text()) +
                   ",\"to\":" + json_string(job.target) +
                   ",\"text\":" + json_string(notice_short_text(job)) + "}";
    request.headers = {"Content-Type: application/json"};
    if (!settings.sms_token_file.empty()) {
        const base::Result<std::string> token = read_secret(settings.sms_token_file);
        if (!token) {
            return unreadable(token.error());
        }
        request.headers.push_back("Authorization: Bearer " + token.value());
    }
    const auto reply = http_post(request, reach(TargetRule::trusted(), settings));
    if (!reply) {
        return from_error(reply.error());
    }
    NoticeOutcome outcome = judge_hook(reply.value());
    if (outcome.result == NoticeResult::Ended) {  // the gateway, not the account's rule
        outcome.result = NoticeResult::Retry;
    }
    return outcome;
}

}  // namespace mta
