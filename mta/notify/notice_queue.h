#pragma once

// NoticeQueue: the mail agent's side of the queue of notifications in the directory: claims what is
// due, says how it ended. All rules (quiet hours, limits, digests, back-off) are in the functions
// of schema/0022: any number of agents run, and none knows of another.
//
// Thread rule: any thread that may block, or a fiber. It borrows the pool.
// Errors: as base/db.h. A claim whose answer was lost lapses after kLease; a finish that was lost
// means that the notification is sent again, under the same token.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/db.h"
#include "base/endpoint.h"
#include "mta/notify/curl.h"
#include "mta/notify/p256.h"
#include "mta/notify/store_event.h"

namespace mta {

/// Longer than any attempt takes.
inline constexpr base::Duration kNoticeLease = std::chrono::seconds(60);

/// So many are forgotten by one purge.
inline constexpr std::int64_t kNoticePurgeMost = 1'000;

/// How an attempt ended.
enum class NoticeResult : std::uint8_t {
    Sent,
    Retry,    ///< later, by the back-off
    Failed,   ///< never
    Ended,    ///< never, and nothing else of this rule
    Dropped,  ///< there was nothing to tell: no attempt, and none of the account's limit
};

/// And why.
struct NoticeOutcome {
    NoticeResult result = NoticeResult::Retry;
    std::string text;                ///< for the log of the account: no URL, no content
    std::int64_t retry_after_s = 0;  ///< the receiver asks to be left alone for so long
};

[[nodiscard]] std::string_view notice_result_name(NoticeResult result) noexcept;
[[nodiscard]] std::string_view channel_name(Channel channel) noexcept;

/// directory.notification_gateway.
struct NoticeSettings {
    std::string smarthost;
    StartTls smarthost_tls = StartTls::Required;
    std::string smarthost_user;
    std::string smarthost_password_file;
    std::string mail_from;
    std::string sms_gateway;
    std::string sms_token_file;
    std::string vapid_subject;
    std::string vapid_secret;  ///< never logged
    std::vector<base::Network> allowed;
    std::string ca_file;
    std::string imap_host;
};

/// For metrics.
struct NoticeQueueState {
    std::int64_t waiting = 0;
    std::int64_t oldest_s = 0;
};

/// See the top of this file.
class NoticeQueue {
  public:
    NoticeQueue(base::DbPool& pool, std::string server) : pool_(pool), server_(std::move(server)) {}

    [[nodiscard]] base::Result<std::vector<NoticeJob>> claim(std::size_t most,
                                                             base::Deadline deadline);
    /// What became of it: "sent", "retry", "failed", "ended", "dropped", or "lapsed" (another agent
    /// has it).
    [[nodiscard]] base::Result<std::string> finish(const NoticeJob& job,
                                                   const NoticeOutcome& outcome,
                                                   base::Deadline deadline);
    /// It was not tried: as if it had not been claimed.
    base::Status give_back(const NoticeJob& job, base::Deadline deadline);
    [[nodiscard]] base::Result<NoticeSettings> settings(base::Deadline deadline);
    [[nodiscard]] base::Result<NoticeQueueState> state(base::Deadline deadline);
    /// Forgets what is old, kNoticePurgeMost of it; returns how much.
    [[nodiscard]] base::Result<std::int64_t> purge(base::Deadline deadline);

  private:
    base::DbPool& pool_;
    std::string server_;
};

}  // namespace mta
