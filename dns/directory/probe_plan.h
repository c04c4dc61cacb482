#pragma once

// From the directory to probes: what one server is asked, where and how often, and how its answers
// are judged.
//
// A server has the checks that it was given, else those of its pool, else one by what it is: its
// load report if it has a port for that, else SMTP or IMAP. A check that the server has no port for
// is left out. An agent's silence says nothing, so a server whose checks are agents only has that
// last one beside them.
//
// Pure. Thread rule: any thread. Numbers that the schema allows and the steering does not are
// brought into range: one eccentric number must not leave a pool without a table.

#include <string>
#include <vector>

#include "dns/directory/directory.h"
#include "dns/probe/prober.h"
#include "dns/steering/health.h"

namespace dns {

/// By how much of the interval probes are late, unless stated otherwise.
inline constexpr double kProbeJitter = 0.1;

struct ProbePlan {
    std::vector<probe::ProbeTarget> targets;  ///< in the order of `names`; none: not probed, so up
    std::vector<std::string> names;           ///< of the checks: "smtp:25"
    steering::HealthRule health;
};

[[nodiscard]] ProbePlan plan_probes(const std::vector<ProbeConfig>& probes,
                                    const DirectoryServer& server,
                                    PoolName pool);

}  // namespace dns
