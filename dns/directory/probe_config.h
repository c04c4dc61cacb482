#pragma once

// How servers are probed, as operators configured it: for a whole pool, and for single servers.
// What a server has not, its pool has; what that has not, probe_plan.h has a default for.
//
// Thread rule: values. Times in seconds; ranges are those of HealthRule, ProbeTiming and the schema
// (0033_directory_probe.sql).

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "dns/probe/probe_kind.h"
#include "dns/steering/table.h"

namespace dns {

enum class PoolName : std::uint8_t { Mail, Access };

/// One thing to ask a server.
struct ProbeCheck {
    probe::ProbeKind kind = probe::ProbeKind::LoadReport;
    std::uint16_t port = 0;  ///< 0: the server's own for this kind
    std::string path;        ///< Http; empty: "/"

    bool operator==(const ProbeCheck&) const = default;
};

/// How the servers of a pool, or one of them, are probed and judged.
struct ProbeConfig {
    PoolName pool = PoolName::Mail;
    std::optional<steering::ServerId> server;  ///< empty: all servers of the pool
    std::optional<double> interval_s;
    std::optional<double> jitter;  ///< share of the interval
    std::optional<double> deadline_s;
    std::optional<std::uint16_t> rise;
    std::optional<std::uint16_t> fall;  ///< 0: by the loss rate of the pool
    std::optional<double> dwell_s;
    std::optional<double> flap_max_s;
    std::optional<double> flap_half_life_s;
    std::vector<ProbeCheck> checks;  ///< empty: not said here

    bool operator==(const ProbeConfig&) const = default;
};

}  // namespace dns
