#pragma once

// Prober: probes every server of a pool over TCP, on one event loop. The socket shell around
// ProbeMachine: it connects, sends, reads and keeps time, and decides nothing.
//
// Each result goes to `on_result`, which hands it to the steering and answers whether the server
// now counts as up (SteeringEngine::is_up): then a lost probe is repeated at once. `on_result` must
// not call the Prober.
//
// Owner: the name server's control part; it must be destroyed before the loop. Thread rule: loop
// thread only. Limits: two connections and one timer per server. Errors: none; what goes wrong on
// this machine (no descriptor, no route) counts as a lost probe.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/endpoint.h"
#include "base/fd.h"
#include "base/loop.h"
#include "dns/probe/probe_machine.h"
#include "dns/probe/probe_result.h"

namespace dns::probe {

/// What to probe, and where.
struct ProbeTarget {
    steering::ServerId server;
    ProbeKind kind = ProbeKind::LoadReport;
    base::Endpoint endpoint;
    std::string expected_name;  ///< LoadReport: the name it must greet with; empty: any

    bool operator==(const ProbeTarget&) const = default;
};

/// Counts since the start, for metrics.
struct ProbeCounts {
    std::uint64_t replies = 0;  ///< Unfit ones included
    std::uint64_t lost = 0;
    std::uint64_t refused = 0;
    std::uint64_t bad_banners = 0;
};

/// See the top of this file.
class Prober {
  public:
    using OnResult = std::function<bool(const ProbeResult&)>;

    Prober(base::Loop& loop, ProbeTiming timing, OnResult on_result);
    ~Prober();
    Prober(const Prober&) = delete;
    Prober& operator=(const Prober&) = delete;

    /// Replaces what is probed. Targets that stay as they are keep their connections; server i of n
    /// (in the order given) has phase i * interval / n. Of several for one server the last counts.
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

    using TargetMap = std::map<steering::ServerId, std::unique_ptr<Target>>;

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
