#pragma once

// NotifyPlan: of which zones one address is still to be told, and when the next attempt is due
// (RFC 1996 3.6: over UDP, repeated until it is answered, and not for ever). A newer serial of the
// same zone takes the place of the older one and begins anew.
//
// Paced: no more than so many packets a second, whatever is due; those who hurry go first.
//
// Pure: no socket, clock or randomness. Thread rule: one thread at a time. Times: seconds on the
// caller's monotonic clock.

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "dns/name.h"
#include "dns/tsig.h"

namespace dns::transfer {

/// Attempts, and the wait after the first; each later wait is twice as long, kNotifyWaitMax at
/// most.
inline constexpr unsigned kNotifyAttempts = 8;
inline constexpr double kNotifyWait = 1;
inline constexpr double kNotifyWaitMax = 60;
/// Notices to one address that wait for an answer.
inline constexpr std::size_t kNoticesMax = 2000;

/// An attempt that is due.
struct Notice {
    Name zone;
    std::uint32_t serial = 0;
};

/// What became of the attempts, since the start.
struct NotifyCounts {
    std::uint64_t sent = 0;
    std::uint64_t acknowledged = 0;
    std::uint64_t given_up = 0;  ///< no answer to any attempt
};

/// See the top of this file.
class NotifyPlan {
  public:
    /// `per_second`: packets, above 0.
    explicit NotifyPlan(double per_second) : per_second_(per_second) {}

    void set_pace(double per_second) { per_second_ = per_second; }

    enum class Hurry : std::uint8_t { No, Yes };

    /// `serial` is to be told, from now on; before others that are due, if it hurries. False: too
    /// many wait, and nothing was noted.
    bool want(const Name& zone, std::uint32_t serial, double now_s, Hurry hurry = Hurry::No);

    /// Attempts that are due and that the pace allows, at most `most`; each counts as sent.
    [[nodiscard]] std::vector<Notice> take_due(double now_s, std::size_t most);

    /// Which message the attempt was, and its code if it was signed, so that its answer is known.
    void sent_as(const Name& zone, std::uint16_t id, const Mac& mac = {});

    /// The code of the last attempt: what the answer must be signed over. Null: nobody waits for
    /// one. Borrowed.
    [[nodiscard]] const Mac* sent_mac(const Name& zone) const;

    /// An answer came: to that message, about that zone. False: nobody waits for it.
    bool acknowledge(const Name& zone, std::uint16_t id);

    /// Zones that were given up since the last call.
    [[nodiscard]] std::vector<Name> take_given_up() { return std::exchange(given_up_, {}); }

    /// A zone that is no more.
    void forget(const Name& zone);

    [[nodiscard]] std::optional<double> next_due_s() const noexcept;

    [[nodiscard]] std::size_t waiting() const noexcept { return notices_.size(); }

    [[nodiscard]] const NotifyCounts& counts() const noexcept { return counts_; }

  private:
    struct State {
        std::uint32_t serial = 0;
        unsigned attempts = 0;
        double due_s = 0;
        std::optional<std::uint16_t> id;  // of the last attempt
        Mac mac;
    };

    using Notices = std::map<Name, State>;

    struct EarlierDue {
        bool operator()(const std::pair<double, Notices::iterator>& left,
                        const std::pair<double, Notices::iterator>& right) const {
            return left.first != right.first ? left.first < right.first
                                             : left.second->first < right.second->first;
        }
    };

    using ByDue = std::set<std::pair<double, Notices::iterator>, EarlierDue>;

    void set_due(Notices::iterator place, double due_s);
    void erase(Notices::iterator place);

    double per_second_;
    double allowed_ = 0;  // packets, at paced_s_
    double paced_s_ = 0;
    Notices notices_;
    ByDue by_due_;
    std::vector<Name> given_up_;
    NotifyCounts counts_;
};

}  // namespace dns::transfer
