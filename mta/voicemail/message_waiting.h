#pragma once

// What subscribers are told of the voicemails that wait in a mailbox: the counts, and the forms in
// which they are told (RFC 3842 for SIP and for hooks, JSON for webhooks).
//
// Thread rule: values; functions of their arguments. Limits: the database's (context and mailbox 80
// characters each, target 1,000).

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace mta {

/// Voicemails without \Seen (new) and with it (old); the urgent ones are among them.
struct WaitingCounts {
    std::int64_t fresh = 0;
    std::int64_t old = 0;
    std::int64_t fresh_urgent = 0;
    std::int64_t old_urgent = 0;

    friend bool operator==(const WaitingCounts&, const WaitingCounts&) = default;
};

enum class WaitingMethod : std::uint8_t { Hook, Webhook, Sip };

/// "hook", "webhook", "sip". Errc::Invalid.
[[nodiscard]] base::Result<WaitingMethod> parse_waiting_method(std::string_view name);

/// One thing to tell one subscriber.
struct WaitingEvent {
    std::int64_t subscription = 0;
    WaitingMethod method = WaitingMethod::Hook;
    std::string target;  ///< as configured: expand_target() fills in the mailbox
    std::string context;
    std::string mailbox;
    std::string login;
    WaitingCounts counts;
    std::optional<WaitingCounts> told = std::nullopt;  ///< before, to this subscriber
};

/// What has changed since the subscriber was last told, where one thing alone explains the counts:
/// "new" (more came), "seen" (as many were heard as there are less new ones), "deleted" (or moved
/// to Trash; less of one sort or both, more of none). Else "state": the first time, several things
/// at once, a heard one marked as new. What came and went between two tellings shows in none.
[[nodiscard]] std::string_view waiting_cause(const WaitingEvent& event);

/// Whether `target` is fit for `method`: an absolute path without ".."; an http or https URL;
/// sip:USER@ADDRESS with a numeric address and perhaps a port. Errc::Invalid says what it should
/// be.
[[nodiscard]] base::Status check_waiting_target(WaitingMethod method, std::string_view target);

/// "{mailbox}" and "{context}" replaced.
[[nodiscard]] std::string expand_target(std::string_view target,
                                        std::string_view context,
                                        std::string_view mailbox);

/// The path of a hook, with the mailbox filled in, if it may be run: below `directory`, without
/// "..". Whoever may write into the database says which programs run, whoever may write into that
/// directory which there are. Errc::Refused says what to do; also if `directory` is empty.
[[nodiscard]] base::Status check_hook(std::string_view path, std::string_view directory);

/// A body of application/simple-message-summary (RFC 3842 5.2), CRLF at each line's end. `account`
/// is a URI.
[[nodiscard]] std::string waiting_summary(const WaitingCounts& counts, std::string_view account);

/// {"event":"message-waiting","cause":...,"context":...,"mailbox":...,"account":...,"new":...,
/// "old":...,"new_urgent":...,"old_urgent":...}
[[nodiscard]] std::string waiting_json(const WaitingEvent& event);

/// Arguments of a hook: MAILBOX@CONTEXT NEW OLD URGENT, where URGENT is how many of NEW are.
[[nodiscard]] std::vector<std::string> hook_arguments(const WaitingEvent& event);

}  // namespace mta
