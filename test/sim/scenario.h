#pragma once

// What a run is about: the fleet, the demand, and what happens to them. README.md has the model.
//
// Units: seconds, messages per second.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sim {

enum class Happening {
    DieBlackhole,  ///< every attempt hangs for 30 s; comes back cold at `until`
    DieReset,      ///< every attempt is refused at once; comes back cold at `until`
    Slow,          ///< runs at `value` of its speed
    Lie,           ///< fails every attempt fast, its counters stand still, it answers probes
    Drain,         ///< the operator drains it, for good
    Blind,         ///< every probe of every server is lost
    Demand,        ///< demand of `resolvers` (none: of all) times `value`
};

/// Something that happens to the fleet or the demand from one time to another.
struct Event {
    Happening happening = Happening::Slow;
    double from = 0;
    double until = 0;
    std::size_t server = 0;
    double value = 1;
    std::vector<std::size_t> resolvers;
};

/// What differs from a plain run; the defaults are the plain run.
struct Scenario {
    std::string name;
    double load = 0.8;            ///< demand as a part of nominal capacity
    std::size_t servers = 16;     ///< N
    std::size_t resolvers = 500;  ///< M
    double zipf = 1;              ///< z
    double ttl = 60;
    double probe_interval = 5;  ///< P
    double probe_loss = 0.02;   ///< p
    double length = 2100;
    bool equal_capacities = false;
    bool wrong_weights = false;  ///< configured weights are all equal
    bool honour_ttl = false;     ///< no resolver stretches a TTL
    bool farm = false;           ///< each cache asks from one of four addresses
    bool nosplit = false;        ///< senders behind every fifth resolver do not randomise
    std::size_t instances = 1;   ///< name servers that share nothing
    std::vector<Event> events;

    [[nodiscard]] double workers(std::size_t server) const;

    /// Messages per second that a server can do: two per worker.
    [[nodiscard]] double capacity(std::size_t server) const { return 2 * workers(server); }

    [[nodiscard]] double total_capacity() const;
};

[[nodiscard]] std::optional<Scenario> find_scenario(std::string_view name);
[[nodiscard]] std::vector<std::string> scenario_names();

/// What a scenario should reach as the mean of seeds 1 to 5.
struct Goal {
    const char* scenario;
    double r50;
    double r99;      ///< 0: none
    double refused;  ///< per cent
};

[[nodiscard]] const std::vector<Goal>& goals();

}  // namespace sim
