#pragma once

// What came of one probe of one server: the value that goes from the prober to the steering.
//
// Thread rule: values. Times: seconds on the caller's monotonic clock.

#include <cstdint>
#include <optional>
#include <string>

#include "dns/steering/table.h"

namespace dns::probe {

enum class ProbeOutcome : std::uint8_t {
    Reply,      ///< a good reply in time
    Unfit,      ///< a good reply that says fit=0: the server asks to be left out
    Lost,       ///< no reply within the timeout
    Refused,    ///< connection refused or reset: nobody listens
    BadBanner,  ///< something answers, but not as it should
    Silent,     ///< a check whose silence says nothing (an agent) was not answered
};

/// Cumulative counters of a server since its start (`start_id` names that start).
struct LoadCounters {
    std::uint64_t start_id = 0;
    std::uint64_t busy_us = 0;   ///< integral of utilisation (0..1) over time, microseconds
    std::uint64_t arrivals = 0;  ///< attempts, refused ones included
    std::uint64_t refused = 0;   ///< turned away for lack of resources or an internal error
    std::uint64_t accepted = 0;  ///< messages accepted

    bool operator==(const LoadCounters&) const = default;
};

/// What came of one probe of one server, for the steering. Times: seconds on the monotonic clock.
struct ProbeResult {
    steering::ServerId server;
    std::uint8_t check = 0;  ///< which of the server's checks
    double time_s = 0;       ///< when the outcome was known
    ProbeOutcome outcome = ProbeOutcome::Lost;
    std::optional<LoadCounters> counters;  ///< Reply and Unfit of a server that counts
    std::optional<double> gauge;           ///< utilisation 0..1, if that is all it says
    std::optional<double> weight;          ///< share of its configured weight that it asks for
    std::string reason;                    ///< one word or line for people: why it is unfit or bad
};

}  // namespace dns::probe
