#pragma once

// Notifications for people: an e-mail, a short message. Short, and without anything of the message
// unless the rule asks for sender and subject, which are hostile: whatever they hold, they are
// text on a line of their own in the body, never a header field, and at most kQuotedMax octets.
//
// An e-mail says that no person sent it (Auto-Submitted, RFC 3834 5) and has a null reverse-path
// (the caller's), so that nothing answers it.
//
// Thread rule: functions of their arguments.

#include <string>
#include <string_view>

#include "mta/notify/store_event.h"

namespace mta {

inline constexpr std::size_t kQuotedMax = 120;     ///< octets of a sender, a subject, a mailbox
inline constexpr std::size_t kLinesMax = 20;       ///< events that an e-mail lists
inline constexpr std::size_t kShortTextMax = 300;  ///< octets of a short message

/// Control characters become spaces, octets that are no UTF-8 U+FFFD; cut at kQuotedMax.
[[nodiscard]] std::string quoted_text(std::string_view text);

/// "New mail for ann@example.org", "3 notifications for ...": ASCII.
[[nodiscard]] std::string notice_title(const NoticeJob& job);

/// A whole message with CRLF line ends. `from` is an address; `now_us` microseconds since 1970.
[[nodiscard]] std::string notice_mail(const NoticeJob& job,
                                      std::string_view from,
                                      std::string_view recipient,
                                      std::int64_t now_us);

/// One line of UTF-8.
[[nodiscard]] std::string notice_short_text(const NoticeJob& job);

}  // namespace mta
