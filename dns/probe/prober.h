#pragma once

// Prober: probes every server of a pool over TCP, on one event loop. The socket shell around
// ProbeMachine: it connects, sends, reads and keeps time, and decides nothing.
//
// Each result goes to `on_result`, which hands it to the steering and answers whether the server
// now counts as up (SteeringEngine::is_up): then a lost probe is repeated at once. `on_result` must
// not call the Prober.
//
// Owner: the name server's control part; it must be destroyed before the loop. Thread rule: loop
// thread only. Limits: two connections and one timer per check. Errors: none; what goes wrong on
// this machine (no descriptor, no memory) is counted and gives no result.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/endpoint.h"
#include "base/fd.h"
#include "base/loop.h"
#include "dns/probe/probe_machine.h"
#include "dns/probe/probe_result.h"

namespace dns::probe {

/// One check of one server: what to ask, where and how often.
struct ProbeTarget {
    steering::ServerId server;
    DialogueConfig ask;
    base::Endpoint endpoint;
    std::uint8_t check = 0;             ///< its number among the server's checks
    std::optional<ProbeTiming> timing;  ///< empty: the prober's. Its seed is always the prober's.

    bool operator==(const ProbeTarget&) const = default;
};

/// Counts since the start, for metrics.
struct ProbeCounts {
    std::uint64_t replies = 0;  ///< Unfit ones included
    std::uint64_t lost = 0;
    std::uint64_t refused = 0;
    std::uint64_t bad_banners = 0;
    std::uint64_t silent = 0;      ///< checks whose silence says nothing
    std::uint64_t own_faults = 0;  ///< probes that could not be made, for a fault of this machine
    std::uint64_t stalls = 0;      ///< deadlines seen too late: the loop stood
};

/// The first probes of targets are spread over this.
inline constexpr double kFirstRound_s = 0.5;

/// See the top of this file.
class Prober {
  public:
    using OnResult = std::function<bool(const ProbeResult&)>;

    Prober(base::Loop& loop, ProbeTiming timing, OnResult on_result);
    ~Prober();
    Prober(const Prober&) = delete;
    Prober& operator=(const Prober&) = delete;

    /// Replaces what is probed. Targets that stay as they are keep their connections; target i of n
    /// (in the order given) has phase i * interval / n. New ones are probed within kFirstRound_s,
    /// whatever their phase. Of several with one server and check the last counts.
    void set_targets(const std::vector<ProbeTarget>& targets);

    [[nodiscard]] const ProbeCounts& counts() const noexcept { return counts_; }

  private:
    struct Connection {
        base::Fd socket;
        base::FdWatch readable;
        base::FdWatch writable;  // while it connects
    };

    struct Target {
        ProbeTarget config;
        ProbeMachine machine;
        std::map<ConnectionId, Connection> connections;
        base::Timer timer;
    };

    using TargetMap =
        std::map<std::pair<steering::ServerId, std::uint8_t>, std::unique_ptr<Target>>;

    [[nodiscard]] double now_s() const;
    void drive(Target& target);
    void carry_out(Target& target, const ProbeAction& action);
    void connect(Target& target, ConnectionId id);
    void on_writable(Target& target, ConnectionId id);
    void on_readable(Target& target, ConnectionId id);
    void lose(Target& target, ConnectionId id, int error_number);
    void count(ProbeOutcome outcome);
    void arm(Target& target);

    base::Loop* loop_;
    ProbeTiming timing_;
    OnResult on_result_;
    double start_s_;
    TargetMap targets_;
    ProbeCounts counts_;
};

}  // namespace dns::probe
