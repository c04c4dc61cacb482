#pragma once

// AgentDialogue: one line of text that an agent beside the server sends on connect, as HAProxy
// reads it (HAProxy configuration manual 5.2, "agent-check"): words separated by spaces, tabs or
// commas, without case, up to the first CR or LF or the end of the stream.
//
//   75%                 weight: that share of the configured one; 0%: none
//   maxconn:N           how many connections it takes; means nothing here
//   ready, drain, maint the operator's word: in service; no new work; none at all
//   up                  the service is well
//   down, failed, fail, stopped   it is not; "#" and a description may follow
//
// What a line does not mention stays as the agent last said it, so an agent that said "drain" must
// say "ready" for its server to come back. Other words are ignored. An agent that cannot be
// reached, or says nothing that is known, is no news of its server: that is probed by a check of
// its own, and the agent's last word stands. All of this is HAProxy's.
//
// A line that takes the server out of service is Unfit: it outranks the weight beside it.
//
// As probe_dialogue.h. Limits: kProbeAgentMax octets a line, weights of at most kAgentWeightMax.

#include <cstdint>
#include <optional>
#include <string>

#include "dns/probe/probe_dialogue.h"

namespace dns::probe {

/// The largest share of its configured weight that an agent may ask for: 1000 %.
inline constexpr double kAgentWeightMax = 10;

/// What an agent has said so far. Unset: it has not said that.
struct AgentWords {
    enum class Admin : std::uint8_t { Ready, Drain, Maintenance };

    std::optional<Admin> admin;
    std::optional<bool> well;      ///< "up", or one of the words for down
    std::string why;               ///< the word for down, with its description
    std::optional<double> weight;  ///< 0..kAgentWeightMax

    bool operator==(const AgentWords&) const = default;
};

/// Takes one line (without its end) into account. False: no word of it is known, nothing changed.
bool take_agent_line(AgentWords& words, std::string_view line);

/// See the top of this file.
class AgentDialogue final : public ProbeDialogue {
  public:
    [[nodiscard]] AfterProbe after() const override { return AfterProbe::Nothing; }

    std::string start(bool fresh) override;
    std::optional<Verdict> on_bytes(std::string_view bytes, std::string& out) override;
    std::optional<Verdict> on_end() override;

    [[nodiscard]] bool silence_counts() const override { return false; }

  private:
    Verdict judge();

    std::string line_;
    AgentWords words_;
};

}  // namespace dns::probe
