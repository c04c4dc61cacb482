#pragma once

// NoticeSender: one attempt to tell one notification by its channel. It reads what it needs of the
// messages, makes the text, sends it, and judges the answer:
//
//   webhook   POST of notice_json(), with Roundtable-Id, Roundtable-Timestamp and
//             Roundtable-Signature: v1=hex(HMAC-SHA-256(secret, timestamp "." body)).
//             2xx: sent. 410: ended. Anything else: again later.
//   webpush   RFC 8030, 8291, 8292; notice_json() within a push message. 2xx: sent. 404, 410: ended
//             (RFC 8030 7.3). 429, 5xx: again later, not before Retry-After. 413 and other 4xx:
//             failed.
//   email     through the smarthost. 5xx about the recipient or the message: failed; 5xx about us
//             (mta/notify/curl.h) and all else: again later.
//   sms       by mail to the gateway, or POST of {"id","to","text"} to it.
//
// An answer that was lost means that the receiver gets it again, under the same id: at least once.
//
// Nothing is told (by email, sms) of an e-mail that a program sent (Auto-Submitted other than "no",
// RFC 3834 5), so that two servers cannot tell each other of their telling for ever: dropped.
// E-mails with a null reverse-path are not even queued. Faxes and voicemails answer nobody.
//
// Thread rule: any thread that may block, several at once. Errors: none; they are outcomes.

#include <atomic>
#include <functional>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "mail/message_id.h"
#include "mail/summary.h"
#include "mta/notify/notice_queue.h"

namespace mta {

/// How messages are read: the tracking agent's calls.
struct NoticeReaders {
    std::function<base::Result<std::shared_ptr<const mail::Summary>>(const mail::MessageId&,
                                                                     base::Deadline)>
        summary;
    std::function<base::Result<std::shared_ptr<const std::string>>(const mail::MessageId&,
                                                                   base::Deadline)>
        message;
};

/// True if the header says that a program sent it (RFC 3834 5).
[[nodiscard]] bool is_auto_submitted(std::string_view message);

/// The value of Roundtable-Signature.
[[nodiscard]] std::string webhook_signature(std::string_view secret,
                                            std::string_view timestamp,
                                            std::string_view body);

/// See the top of this file.
class NoticeSender {
  public:
    /// `stop` ends attempts early; it outlives the sender.
    NoticeSender(NoticeReaders readers, std::string host_name, const std::atomic<bool>& stop);

    [[nodiscard]] NoticeOutcome send(NoticeJob job, const NoticeSettings& settings) const;

  private:
    void read_contents(NoticeJob& job) const;
    [[nodiscard]] base::Status drop_automatic(NoticeJob& job) const;
    [[nodiscard]] Reach reach(TargetRule rule, const NoticeSettings& settings) const;
    [[nodiscard]] NoticeOutcome send_webhook(const NoticeJob& job,
                                             const NoticeSettings& settings) const;
    [[nodiscard]] NoticeOutcome send_push(const NoticeJob& job,
                                          const NoticeSettings& settings) const;
    [[nodiscard]] NoticeOutcome send_mail(const NoticeJob& job,
                                          const std::string& recipient,
                                          const std::string& message,
                                          const NoticeSettings& settings) const;
    [[nodiscard]] NoticeOutcome send_sms(const NoticeJob& job,
                                         const NoticeSettings& settings) const;

    NoticeReaders readers_;
    std::string host_name_;
    const std::atomic<bool>& stop_;
};

}  // namespace mta
