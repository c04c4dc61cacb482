#pragma once

// Up or down: the health gate of a pool.
//
// A server has one or more checks, and is well while none of them calls it bad: a deep check that
// fails outranks the low load that another one reports. Lost probes make a check bad after n losses
// in a row, where n follows the loss rate that the whole fleet sees (unless the server has a number
// of its own), so that a lossy network does not empty the table. A refused connection, a bad banner
// or fit=0 do so at once. Two good replies in a row make it well.
//
// A server does not go up and down as its probes do:
//   dwell       after a change it stays as it is for a while. Two things do not wait: what proves
//               that nobody serves there (a refusal, a bad banner, fit=0), and a first verdict.
//   flapping    from the third time on that it goes down it stays down for longer: dwell *
//               2^(times it went down lately, but one), at most flap_max_s. How often that was
//               decays by half in flap_half_life_s.
//   first       where `probe_first`, it does not count as up until each check has had a verdict.
//
// While no probe brings news nothing changes: health that is old is not believed to have changed.
//
// Owner: SteeringEngine. Thread rule: one thread. Pure: times come in with the probes. Source:
// STEERING 5.3; the decay of penalties is RFC 2439 4.8's.

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "dns/probe/probe_result.h"
#include "dns/steering/settings.h"

namespace dns::steering {

/// Times that a server went down lately, at most; beyond that it is the same.
inline constexpr double kFlapsMax = 10;

/// How one server's probes are judged. Times in seconds.
struct HealthRule {
    std::uint16_t rise = 0;   ///< replies in a row before up; 0: the pool's replies_up; to 10
    std::uint16_t fall = 0;   ///< losses in a row before down; 0: by the pool's loss rate; to 16
    double dwell_s = 10;      ///< least time between two changes; 0 to 3600
    double flap_max_s = 300;  ///< longest time that flapping keeps it down; 0 to 86400
    double flap_half_life_s = 600;  ///< in which half of it is forgotten; 1 to 86400
    bool probe_first = false;       ///< not up before it was probed

    bool operator==(const HealthRule&) const = default;
};

/// Errc::Invalid names the first number outside its range.
[[nodiscard]] base::Status check_health_rule(const HealthRule& rule);

/// What a probe did to a server's state.
enum class HealthChange : std::uint8_t { None, WentUp, WentDown };

/// State of one check of a server.
struct CheckHealth {
    std::string name;  ///< in reasons, where a server has several; may be empty
    bool up = true;
    bool known = false;         ///< it has had a verdict
    bool proven_bad = false;    ///< the last one was no mere silence
    std::uint32_t losses = 0;   ///< in a row
    std::uint32_t replies = 0;  ///< in a row, while down
    std::string reason;         ///< why it is down; empty while up
};

/// State of one server. See first_health().
struct ServerHealth {
    bool up = true;
    std::string reason;  ///< why it is down; empty while up
    std::vector<CheckHealth> checks = std::vector<CheckHealth>(1);
    double changed_s = -std::numeric_limits<double>::infinity();
    double hold_s = 0;  ///< least time that it stays down, from changed_s on
    double flaps = 0;   ///< times that it went down lately, as of flaps_s
    double flaps_s = 0;
    std::optional<double> probed_s;  ///< when a probe last brought news; empty: never
};

/// A server that nobody has probed yet: up, unless it must be probed first. `checks`: their names;
/// none is one without a name.
[[nodiscard]] ServerHealth first_health(const HealthRule& rule,
                                        const std::vector<std::string>& checks);

/// The server's checks are these now. Those of the same name stay as they are; a new one takes the
/// server as it is until it has had a verdict.
void set_checks(ServerHealth& server, const std::vector<std::string>& checks);

/// Whether a lost probe of it is to be repeated at once: while it is up, or nothing is known of it.
[[nodiscard]] bool wants_news(const ServerHealth& server);

/// Until when it stays down though its checks are well; empty if it does not wait.
[[nodiscard]] std::optional<double> held_down_until(const ServerHealth& server);

/// How often it went down lately: half of it is forgotten in each flap_half_life_s.
[[nodiscard]] double flaps_at(const HealthRule& rule, const ServerHealth& server, double now_s);

/// What is kept of a server over a restart of the name server.
struct SavedHealth {
    ServerId id;
    bool up = true;
    std::string reason;
    double flaps = 0;

    bool operator==(const SavedHealth&) const = default;
};

/// As it is at `now_s`; empty while nothing is known of the server.
[[nodiscard]] std::optional<SavedHealth> save_health(ServerId id,
                                                     const HealthRule& rule,
                                                     const ServerHealth& server,
                                                     double now_s);

/// Takes up what was saved, as if every check had said it at `now_s`; no change is held back by it.
void restore_health(ServerHealth& server, const SavedHealth& saved, double now_s);

/// Judges probes of one pool: which servers are up, given how often probes are lost in the pool as
/// a whole (STEERING 5.3). The state of each server is its owner's. One thread.
class HealthGate {
  public:
    explicit HealthGate(const Settings& settings);

    /// Takes a probe's outcome into account. `server` is the state of the server probed. Of a check
    /// that it has not, nothing.
    HealthChange on_probe(ServerHealth& server,
                          const HealthRule& rule,
                          const probe::ProbeResult& result,
                          double now_s);

    /// Losses in a row that take a server down, at the loss rate of now: losses_min..losses_max.
    [[nodiscard]] std::uint32_t losses_to_down() const noexcept;

    /// The fleet-wide loss rate, 0..1.
    [[nodiscard]] double loss_rate() const noexcept { return loss_rate_; }

    void set_settings(const Settings& settings) { settings_ = settings; }

  private:
    void judge(CheckHealth& check, const HealthRule& rule, const probe::ProbeResult& result) const;

    Settings settings_;
    double loss_rate_;
};

}  // namespace dns::steering
