#pragma once

// Up or down: the health gate of a pool.
//
// Lost probes take a server down after n losses in a row, where n follows the loss rate that the
// whole fleet sees, so that a lossy network does not empty the table. A refused connection, a bad
// banner or fit=0 take it down at once. Two good replies in a row bring it up.
//
// Owner: SteeringEngine. Thread rule: one thread. Pure: time plays no part here.

#include <cstdint>
#include <string>
#include <vector>

#include "dns/probe/probe_result.h"
#include "dns/steering/settings.h"

namespace dns::steering {

/// What a probe did to a server's state.
enum class HealthChange : std::uint8_t { None, WentUp, WentDown };

/// State of one server. A new server starts up: fail open until probes say otherwise.
struct ServerHealth {
    bool up = true;
    std::uint32_t losses = 0;   ///< in a row
    std::uint32_t replies = 0;  ///< in a row, while down
    std::string reason;         ///< why it is down; empty while up
};

/// Judges probes of one pool: which servers are up, given how often probes are lost in the pool as
/// a whole (STEERING 5.3). The state of each server is its owner's. One thread.
class HealthGate {
  public:
    explicit HealthGate(const Settings& settings);

    /// Takes a probe's outcome into account. `server` is the state of the server probed.
    HealthChange on_probe(ServerHealth& server,
                          probe::ProbeOutcome outcome,
                          std::string_view reason);

    /// Losses in a row that take a server down, at the loss rate of now: losses_min..losses_max.
    [[nodiscard]] std::uint32_t losses_to_down() const noexcept;

    /// The fleet-wide loss rate, 0..1.
    [[nodiscard]] double loss_rate() const noexcept { return loss_rate_; }

    void set_settings(const Settings& settings) { settings_ = settings; }

  private:
    void update_loss_rate(const ServerHealth& server, bool lost);

    Settings settings_;
    double loss_rate_;
};

}  // namespace dns::steering
