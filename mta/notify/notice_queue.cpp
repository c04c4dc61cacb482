#include "mta/notify/notice_queue.h"

#include <array>
#include <chrono>
#include <optional>
#include <utility>

#include "base/hash.h"

namespace mta {

namespace {

constexpr base::Statement kClaim{
    "mta_notice_claim",
    "SELECT job, claim, token, rule, login, channel, target, content, hmac_key, push_key, "
    "push_auth, attempts, more, event, at_us, kind, sender, mailbox, old_mailbox, uid_validity, "
    "uids, modseq, size, message_id, array_to_string(flags, ' '), disk_quota, disk_used, "
    "service, client_ip, client_port, server_ip, server_port "
    "FROM directory.claim_notifications($1, $2, $3)"};
constexpr base::Statement kFinish{"mta_notice_finish",
                                  "SELECT directory.finish_notification($1, $2::uuid, $3, $4, $5)"};
constexpr base::Statement kGiveBack{"mta_notice_give_back",
                                    "SELECT directory.return_notification($1, $2::uuid)"};
constexpr base::Statement kSettings{
    "mta_notice_settings",
    "SELECT smarthost, smarthost_tls, smarthost_user, smarthost_password_file, mail_from, "
    "sms_gateway, sms_token_file, vapid_subject, vapid_private, "
    "array_to_string(allowed_networks, ' '), ca_file, imap_host "
    "FROM directory.notification_settings()"};
constexpr base::Statement kState{"mta_notice_state",
                                 "SELECT waiting, oldest_s FROM directory.notification_queue()"};
constexpr base::Statement kPurge{"mta_notice_purge", "SELECT directory.purge_notifications($1)"};

std::string octets(const base::Row& row, int column) {
    return row.is_null(column) ? std::string() : std::string(base::as_text(row.bytes(column)));
}

std::optional<std::int64_t> number(const base::Row& row, int column) {
    return row.is_null(column) ? std::nullopt : std::optional(row.int64(column));
}

std::vector<std::string> words(std::string_view text) {
    std::vector<std::string> out;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find(' '), text.size());
        if (end > 0) {
            out.emplace_back(text.substr(0, end));
        }
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return out;
}

Channel channel_of(std::string_view name) {
    for (const Channel channel : {Channel::Email, Channel::Sms, Channel::WebPush}) {
        if (channel_name(channel) == name) {
            return channel;
        }
    }
    return Channel::Webhook;
}

NoticeJob read_job(const base::Row& row) {
    NoticeJob job;
    job.id = row.int64(0);
    job.claim = row.uuid(1);
    job.token = row.uuid(2);
    job.rule = row.int64(3);
    job.login = row.string(4);
    job.channel = channel_of(row.text(5));
    job.target = row.string(6);
    job.content = row.text(7) == "summary" ? NoticeContent::Summary : NoticeContent::None;
    job.hmac_key = octets(row, 8);
    job.push_key = octets(row, 9);
    job.push_auth = octets(row, 10);
    job.attempts = row.int64(11);
    job.more = row.int64(12);
    return job;
}

StoreEvent read_event(const base::Row& row) {
    StoreEvent event;
    event.name = row.string(13);
    event.at_us = row.int64(14);
    event.kind = static_cast<int>(row.int64(15));
    event.sender = row.string(16);
    event.mailbox = row.string(17);
    event.old_mailbox = row.string(18);
    event.uid_validity = row.int64(19);
    event.uids = row.string(20);
    event.modseq = row.int64(21);
    event.size = number(row, 22);
    if (!row.is_null(23)) {
        event.message = mail::MessageId::from_uuid(row.uuid(23));
    }
    event.flags = words(row.text(24));
    event.disk_quota = number(row, 25);
    event.disk_used = number(row, 26);
    event.service = row.string(27);
    event.client_ip = row.string(28);
    event.client_port = row.int64(29);
    event.server_ip = row.string(30);
    event.server_port = row.int64(31);
    return event;
}

}  // namespace

std::string_view notice_result_name(NoticeResult result) noexcept {
    constexpr std::array<std::string_view, 5> kNames = {
        "sent", "retry", "failed", "ended", "dropped"};
    return kNames[static_cast<std::size_t>(result)];
}

std::string_view channel_name(Channel channel) noexcept {
    constexpr std::array<std::string_view, 4> kNames = {"email", "sms", "webhook", "webpush"};
    return kNames[static_cast<std::size_t>(channel)];
}

base::Result<std::vector<NoticeJob>> NoticeQueue::claim(std::size_t most, base::Deadline deadline) {
    const auto lease = std::chrono::duration_cast<std::chrono::seconds>(kNoticeLease).count();
    const base::Rows rows = TRY(pool_.query(
        kClaim, {server_, static_cast<std::int64_t>(most), std::int64_t{lease}}, deadline));
    std::vector<NoticeJob> jobs;
    for (const base::Row row : rows) {
        if (jobs.empty() || jobs.back().id != row.int64(0)) {
            jobs.push_back(read_job(row));
        }
        if (!row.is_null(13)) {
            jobs.back().events.push_back(read_event(row));
        }
    }
    return jobs;
}

base::Result<std::string> NoticeQueue::finish(const NoticeJob& job,
                                              const NoticeOutcome& outcome,
                                              base::Deadline deadline) {
    const base::Rows rows = TRY(pool_.query(kFinish,
                                            {job.id,
                                             job.claim,
                                             notice_result_name(outcome.result),
                                             outcome.text,
                                             outcome.retry_after_s},
                                            deadline));
    return rows[0].string(0);
}

base::Status NoticeQueue::give_back(const NoticeJob& job, base::Deadline deadline) {
    (void)TRY(pool_.query(kGiveBack, {job.id, job.claim}, deadline));
    return base::Done{};
}

base::Result<NoticeSettings> NoticeQueue::settings(base::Deadline deadline) {
    const base::Rows rows = TRY(pool_.query(kSettings, {}, deadline));
    NoticeSettings settings;
    if (rows.empty()) {
        return settings;
    }
    const base::Row row = rows[0];
    settings.smarthost = row.string(0);
    settings.smarthost_tls = row.text(1) == "required" ? StartTls::Required
                             : row.text(1) == "never"  ? StartTls::Never
                                                       : StartTls::IfOffered;
    settings.smarthost_user = row.string(2);
    settings.smarthost_password_file = row.string(3);
    settings.mail_from = row.string(4);
    settings.sms_gateway = row.string(5);
    settings.sms_token_file = row.string(6);
    settings.vapid_subject = row.string(7);
    settings.vapid_secret = octets(row, 8);
    for (const std::string& text : words(row.text(9))) {
        settings.allowed.push_back(TRY(base::Network::parse(text)));
    }
    settings.ca_file = row.string(10);
    settings.imap_host = row.string(11);
    return settings;
}

base::Result<NoticeQueueState> NoticeQueue::state(base::Deadline deadline) {
    const base::Rows rows = TRY(pool_.query(kState, {}, deadline));
    return NoticeQueueState{rows[0].int64(0), rows[0].int64(1)};
}

base::Result<std::int64_t> NoticeQueue::purge(base::Deadline deadline) {
    const base::Rows rows = TRY(pool_.query(kPurge, {kNoticePurgeMost}, deadline));
    return rows[0].int64(0);
}

}  // namespace mta
