#pragma once

// The steering in Prometheus' text form: how each server stands now. Not in base/metrics, which
// keeps a series for ever: servers come and go, and what is gone must not be shown.
//
// Pure. Thread rule: any thread; the values are copies, or immutable.

#include <optional>
#include <string>
#include <vector>

#include "dns/explain/explain_report.h"

namespace dns::explain {

/// One pool at a moment.
struct PoolMetrics {
    SharedCommit commit;
    double commit_age_s = 0;
    std::vector<steering::ServerStatus> servers;
    std::vector<std::optional<double>> probe_ages_s;  ///< by the same index; none: never probed
};

/// Empty when the pool has no servers, or no table yet.
[[nodiscard]] std::optional<PoolMetrics> measure_pool(const PoolSource& pool, steering::Now now);

/// With HELP and TYPE, families one after another. dns/README.md lists them.
[[nodiscard]] std::string steering_metrics_text(const std::vector<PoolMetrics>& pools);

}  // namespace dns::explain
