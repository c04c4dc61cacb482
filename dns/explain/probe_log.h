#pragma once

// ProbeLog: what the last probe of each server of a pool said, and since when it stands as it does.
// The steering keeps what it needs for its rule; this is what people ask for.
//
// Pure. Owner: SteeringPool. Thread rule: loop thread only. Times: seconds on the monotonic clock.

#include <cstddef>
#include <map>
#include <string>

#include "dns/probe/probe_result.h"

namespace dns::explain {

/// The last probe of one server, and what became of it.
struct ProbeNote {
    double time_s = 0;  ///< when its outcome was known
    probe::ProbeOutcome outcome = probe::ProbeOutcome::Lost;
    std::string reason;    ///< of the server's own, or why it is bad; at most kReasonMax octets
    bool up = true;        ///< what the steering made of it
    double since_s = 0;    ///< up or down since
    bool changed = false;  ///< it was seen to change; else it is as it was found
};

inline constexpr std::size_t kReasonMax = 200;

/// "reply", "unfit", "lost", "refused", "bad banner".
[[nodiscard]] std::string_view outcome_word(probe::ProbeOutcome outcome) noexcept;

/// See the top of this file.
class ProbeLog {
  public:
    /// `up`: what the steering says of the server after this result.
    void note(const probe::ProbeResult& result, bool up, double now_s);

    /// Null: it was never probed.
    [[nodiscard]] const ProbeNote* find(steering::ServerId server) const;

    /// Forgets servers that are not probed any more: all that `kept` says no to.
    template <typename Kept>
    void keep(Kept kept) {
        std::erase_if(notes_, [&kept](const auto& entry) { return !kept(entry.first); });
    }

  private:
    std::map<steering::ServerId, ProbeNote> notes_;
};

}  // namespace dns::explain
