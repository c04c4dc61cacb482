#include "dns/explain/probe_log.h"

#include <array>

namespace dns::explain {

std::string_view outcome_word(probe::ProbeOutcome outcome) noexcept {
    static constexpr std::array<std::string_view, 5> kWords = {
        "reply", "unfit", "lost", "refused", "bad banner"};
    return kWords.at(static_cast<std::size_t>(outcome));
}

void ProbeLog::note(const probe::ProbeResult& result, bool up, double now_s) {
    const auto [found, is_new] = notes_.try_emplace(result.server);
    ProbeNote& note = found->second;
    // Servers count as up until a probe says otherwise.
    if (is_new) {
        note.since_s = now_s;
    }
    if (note.up != up) {
        note.up = up;
        note.since_s = now_s;
        note.changed = true;
    }
    note.time_s = now_s;
    note.outcome = result.outcome;
    note.reason = result.reason.substr(0, kReasonMax);
}

const ProbeNote* ProbeLog::find(steering::ServerId server) const {
    const auto found = notes_.find(server);
    return found == notes_.end() ? nullptr : &found->second;
}

}  // namespace dns::explain
