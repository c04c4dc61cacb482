#pragma once

// A name server as the model sees it: something that is probed at, and gives answers.
//
// The policies of the product run in the product's own code (dns/steering); the others are there to
// compare with.
//
// Thread rule: one thread.

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "dns/probe/probe_result.h"
#include "dns/steering/engine.h"
#include "test/sim/scenario.h"

namespace sim {

/// What a resolver caches: servers at the lowest level in id order, then the others by weight.
struct Answer {
    std::vector<std::uint16_t> level0;
    std::vector<std::uint16_t> level1;
    std::vector<double> weights;  ///< SRV: by server; empty: MX
};

using AnswerPointer = std::shared_ptr<const Answer>;

/// What a run may be about: the policies of the product, and what they are compared with.
enum class SimPolicy {
    Equal,       ///< every server at one preference, no probes
    EqualGate,   ///< the same, the dead withdrawn: policy `static` with equal preferences
    Srv,         ///< weights per message, which MX does not have: the bound
    SrvGate,     ///< the same, the dead withdrawn
    RotateOne,   ///< one on top in turn: policy `rotate`, strict
    RotateTwo,   ///< two on top in turn: policy `rotate`
    Roundtable,  ///< nested rows, configured weights: policy `roundtable`
    Load,        ///< nested rows, trimmed: policy `load`
};

/// equal, equal+gate, srv, srv+gate, rr, rr2, rtable-0, rtable
[[nodiscard]] std::optional<SimPolicy> parse_policy(std::string_view name);

/// One name server. Owned by the model; answers are shared with the caches that hold them.
class NameServer {
  public:
    NameServer(const Scenario& scenario, SimPolicy policy, std::uint64_t seed);

    /// False for policies that do not look: no probe is made for them.
    [[nodiscard]] bool is_gated() const;

    [[nodiscard]] AnswerPointer answer(std::uint64_t source);

    [[nodiscard]] bool is_up(std::size_t server) const;
    void on_probe(std::size_t server, dns::probe::ProbeResult result, double now);
    void drain(std::size_t server, double now);

    /// Makes a new table if one is due; call after every event above and at next_poll().
    void poll(double now);
    [[nodiscard]] double next_poll(double now) const;

  private:
    [[nodiscard]] AnswerPointer make(const std::vector<dns::steering::RowEntry>& entries) const;

    SimPolicy policy_;
    std::uint64_t seed_;
    std::optional<dns::steering::SteeringEngine> engine_;
    AnswerPointer fixed_;
    std::vector<bool> drained_;
    std::map<dns::steering::AnswerKey, AnswerPointer> ready_;  // of the table in force
    std::uint64_t turn_ = 0;
};

}  // namespace sim
