#pragma once

// RecentUpdates: the updates of the last minutes by the code of their signature, so that a client
// that asks again (its answer was lost or late) is answered and not served twice, and so that an
// update that somebody recorded does nothing when it is sent again while its signature is in time.
//
// Bounded: kRecentUpdatesMax; then the oldest that is finished goes. What was made is also known by
// the database, for ever. No clock: times are the caller's, monotonic. Thread rule: one thread.

#include <cstddef>
#include <deque>
#include <map>
#include <optional>
#include <string>

#include "base/clock.h"
#include "dns/wire.h"

namespace dns::update {

inline constexpr std::size_t kRecentUpdatesMax = 4096;
/// Twice the time for which a signature may be sent (RFC 8945 5.2.3): clocks may differ both ways.
inline constexpr base::Duration kRecentUpdatesAge = std::chrono::seconds(2 * 300);

class RecentUpdates {
  public:
    enum class State : std::uint8_t {
        New,         ///< and now in progress
        InProgress,  ///< its answer will come
        Finished,    ///< `rcode` was answered
    };

    struct Found {
        State state = State::New;
        Rcode rcode = Rcode::NoError;
    };

    /// Looks a request up by its code, and notes it if it is new.
    Found begin(const std::string& code, base::Instant now);

    /// It was answered.
    void finish(const std::string& code, Rcode rcode);

    /// It was not dealt with (the database is away): the same request may be tried again.
    void forget(const std::string& code);

    [[nodiscard]] std::size_t size() const noexcept { return known_.size(); }

  private:
    struct Known {
        std::optional<Rcode> rcode;  // none: in progress
        base::Instant at;
    };

    void limit(base::Instant now);

    std::map<std::string, Known> known_;
    std::deque<std::string> order_;  // as they came; may name what was forgotten
};

}  // namespace dns::update
