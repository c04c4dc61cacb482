#pragma once

// NotifyPlan: who is still to be told of which zone's change, and when the next attempt is due
// (RFC 1996 3.6: over UDP, repeated until it is answered, and not for ever). A newer serial of the
// same zone takes the place of the older one and begins anew.
//
// Pure: no socket, clock or randomness. Thread rule: one thread at a time. Times: seconds on the
// caller's monotonic clock.

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "base/endpoint.h"
#include "dns/name.h"

namespace dns::transfer {

/// Attempts, and the wait after the first; each later wait is twice as long, kNotifyWaitMax at
/// most.
inline constexpr unsigned kNotifyAttempts = 8;
inline constexpr double kNotifyWait = 1;
inline constexpr double kNotifyWaitMax = 60;
/// Notices that wait for an answer; beyond, a peer learns of a change by its refresh timer.
inline constexpr std::size_t kNoticesMax = 200'000;

/// Whom and what about.
struct NoticeKey {
    base::Endpoint to;
    Name zone;

    auto operator<=>(const NoticeKey&) const = default;
};

/// An attempt that is due.
struct Notice {
    NoticeKey key;
    std::uint32_t serial = 0;
};

/// What became of the attempts, since the start.
struct NotifyCounts {
    std::uint64_t sent = 0;
    std::uint64_t acknowledged = 0;
    std::uint64_t given_up = 0;  ///< no answer to any attempt
    std::uint64_t dropped = 0;   ///< too many wait
};

/// See the top of this file.
class NotifyPlan {
  public:
    /// `serial` is to be told, from now on.
    void want(const NoticeKey& key, std::uint32_t serial, double now_s);

    /// Attempts that are due, at most `most`; each counts as sent.
    [[nodiscard]] std::vector<Notice> take_due(double now_s, std::size_t most);

    /// Which message the attempt was, so that its answer is known.
    void sent_as(const NoticeKey& key, std::uint16_t id);

    /// An answer came: to that message, about that zone. False: nobody waits for it.
    bool acknowledge(const NoticeKey& key, std::uint16_t id);

    /// Peers that are no more: forgets what is not in `keep`.
    void keep_only(const std::set<base::Endpoint>& keep);

    [[nodiscard]] std::optional<double> next_due_s() const noexcept;

    [[nodiscard]] std::size_t waiting() const noexcept { return notices_.size(); }

    [[nodiscard]] const NotifyCounts& counts() const noexcept { return counts_; }

  private:
    struct State {
        std::uint32_t serial = 0;
        unsigned attempts = 0;
        double due_s = 0;
        std::optional<std::uint16_t> id;  // of the last attempt
    };

    using Notices = std::map<NoticeKey, State>;

    void set_due(Notices::iterator place, double due_s);
    void forget(Notices::iterator place);

    Notices notices_;
    std::set<std::pair<double, NoticeKey>> by_due_;
    NotifyCounts counts_;
};

}  // namespace dns::transfer
