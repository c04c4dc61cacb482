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
    Least,       ///< the least busy one on top, by its last two probes
    KOfN,        ///< k at one preference in turn by smooth weighted round robin; k = W / w_max
};

/// equal, equal+gate, srv, srv+gate, rr, rr2, rtable-0, rtable, least, kswrr
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
    /// What the policies that are only compared with know of a server.
    struct Seen {
        std::optional<dns::probe::LoadCounters> counters;
        double time_s = 0;
        double busy = 0;    ///< 0..1, between the last two probes
        double credit = 0;  ///< of smooth weighted round robin
    };

    [[nodiscard]] AnswerPointer make(const std::vector<dns::steering::RowEntry>& entries) const;
    [[nodiscard]] std::vector<std::uint16_t> serving() const;
    [[nodiscard]] AnswerPointer least() const;
    [[nodiscard]] AnswerPointer k_of_n();
    [[nodiscard]] AnswerPointer with_on_top(std::vector<std::uint16_t> best,
                                            const std::vector<std::uint16_t>& all) const;

    SimPolicy policy_;
    std::uint64_t seed_;
    std::optional<dns::steering::SteeringEngine> engine_;
    AnswerPointer fixed_;
    std::vector<bool> drained_;
    std::map<dns::steering::AnswerKey, AnswerPointer> ready_;  // of the table in force
    std::uint64_t turn_ = 0;
    std::vector<Seen> seen_;      // by server
    std::vector<double> weight_;  // as configured
};

}  // namespace sim
