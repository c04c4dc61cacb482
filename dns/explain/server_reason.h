#pragma once

// Why a server stands where it stands in a steering table, in words for people.
//
// Pure. Thread rule: any thread; facts are borrowed for the call. Times: microseconds since 1970
// where _us, else seconds.

#include <cstdint>
#include <optional>
#include <string>

#include "dns/steering/engine.h"

namespace dns::explain {

/// What is known of one server in one table.
struct ServerFacts {
    const steering::ServerStatus& status;
    const steering::TableServer& server;
    const steering::SteeringTable& table;
    const steering::Override* state = nullptr;  ///< the drain, down or up that holds
    const steering::Override* pin = nullptr;    ///< the pin that holds
    std::optional<std::int64_t> quiet_us;       ///< of the drain
    steering::Now now;
    std::optional<double> since_s = std::nullopt;  ///< up or down for so long
};

/// "up", "down", "drained", "quiet", "forced down", "forced up".
[[nodiscard]] std::string server_state(const ServerFacts& facts);

/// "down for 12 s: 3 probes lost; too few servers are up to believe it", "slow start at 40 %"...
[[nodiscard]] std::string server_reason(const ServerFacts& facts);

/// "12 s", "5 min", "3 h 20 min", "2 d 4 h".
[[nodiscard]] std::string span_text(double seconds);

/// "2026-11-26 06:30:00 UTC".
[[nodiscard]] std::string time_text(std::int64_t unix_us);

/// With `digits` digits after the point.
[[nodiscard]] std::string fixed_text(double value, int digits);

}  // namespace dns::explain
