#pragma once

// SteeringEngine: the steering of one pool of servers, from probe results and operators' words to
// tables.
//
// Feed it configuration, overrides and probe results; ask it with poll() for a commit. A commit
// holds the pool's table, and one more for each zone that has overrides of its own. Routine changes
// are held back `hold_s`; a server that goes up or down, a drain, an override or an edit make a
// table at the next poll(). No commit is made when nothing that an answer shows has changed.
//
// All state is a function of what was fed and when: replaying the same calls gives the same
// commits. There is no clock and no random number inside.
//
// Owner: the name server's control thread, one engine per pool. Thread rule: one thread; the
// commits it hands out are immutable and may be shared with any thread.
// Units: Now carries both clocks; see there.

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "dns/probe/probe_result.h"
#include "dns/steering/health.h"
#include "dns/steering/override.h"
#include "dns/steering/settings.h"
#include "dns/steering/table.h"
#include "dns/steering/trim.h"

namespace dns::steering {

/// A moment on both clocks: steering runs on the monotonic one, overrides expire by the other.
struct Now {
    double monotonic_s = 0;    ///< seconds, any epoch, never goes back
    std::int64_t unix_ms = 0;  ///< milliseconds since 1970
};

/// One server as configured.
struct ServerConfig {
    ServerId id;
    std::string name;                              ///< host name
    double weight = 1;                             ///< relative capacity
    std::uint16_t preference = kLevel0Preference;  ///< for Policy::Static
    std::uint8_t tier = 0;

    bool operator==(const ServerConfig&) const = default;
};

struct PoolConfig {
    std::string name;
    Policy policy = Policy::Load;
    PolicyForm form = PolicyForm::Paired;
    Settings settings;
    std::vector<ServerConfig> servers;  ///< in any order, ids distinct, at least one
};

/// Whether a change may wait for the next routine serial (30 s) or must be seen at once: a host
/// appeared, left or was overridden.
enum class Urgency : std::uint8_t { Routine, AtOnce };

/// How one server differs between two commits.
struct ServerDiff {
    ServerId id;
    std::string name;
    std::string text;  ///< "preference 10 -> 20, first share 0.12 -> 0.08"
};

/// One change of the steering. Immutable.
struct SteeringCommit {
    std::uint64_t id = 0;  ///< rises by one per commit
    Now when;
    std::string pool;
    std::string cause;  ///< "load", "mx3 down: 3 probes lost", "override ..."; never empty
    Urgency urgency = Urgency::Routine;
    bool canonical_changed = false;  ///< the transferred answer differs from the last commit's
    std::shared_ptr<const SteeringTable> table;
    std::map<std::string, std::shared_ptr<const SteeringTable>, std::less<>> zone_tables;
    std::vector<ServerDiff> diff;

    /// The table for a zone of this pool: its own if it has overrides, else the pool's.
    [[nodiscard]] const std::shared_ptr<const SteeringTable>& table_for(
        std::string_view zone) const;
};

/// What a name server keeps over its own restart: the trims, by server.
struct SavedTrim {
    ServerId id;
    double z = 0;
};

class SteeringEngine {
  public:
    /// Errc::Invalid as for build_table. `first_commit` numbers the first commit.
    static base::Result<SteeringEngine> create(PoolConfig config,
                                               Now now,
                                               std::uint64_t first_commit = 1);

    /// Replaces the configuration; servers that stay (same id) keep health and trim. On error the
    /// old configuration stays in force.
    base::Status configure(PoolConfig config, Now now);

    /// Replaces all overrides of the cluster (those of other pools are ignored here). On error
    /// (one of them is ill-valued) the old ones stay in force.
    base::Status set_overrides(std::vector<Override> overrides, Now now);

    /// A probe's result. One for a server that is not configured is ignored.
    void on_probe(const probe::ProbeResult& result, Now now);

    /// A new commit if one is due, else null. The first call always yields one.
    std::shared_ptr<const SteeringCommit> poll(Now now);

    /// Monotonic time at which poll() should be called at the latest.
    [[nodiscard]] double next_poll_s(Now now) const;

    /// What the probes say about a server, force aside: the prober repeats lost probes at once
    /// while this is true. False for an unknown server.
    [[nodiscard]] bool is_up(ServerId server) const;

    /// The last commit; null before the first poll().
    [[nodiscard]] const std::shared_ptr<const SteeringCommit>& last_commit() const { return last_; }

    [[nodiscard]] const PoolConfig& config() const { return config_; }

    [[nodiscard]] std::vector<SavedTrim> save_trims() const;

    /// Before the first probe: takes up saved trims. Unknown servers and values outside the clip
    /// are ignored.
    void restore_trims(const std::vector<SavedTrim>& trims);

    /// Assumes this mean load until replies say otherwise, instead of learning it from the first
    /// ones. For simulations and replays.
    void assume_load(double load);

  private:
    struct Member {
        ServerConfig config;
        ServerHealth health;
        ServerTrim trim;
        EffectiveOverride override_;
        double table_weight = 0;
    };

    explicit SteeringEngine(PoolConfig config);

    void resolve(Now now);
    [[nodiscard]] std::vector<TrimServer> trim_view();
    [[nodiscard]] TableInput table_input(std::optional<std::string_view> zone, Now now) const;
    void request_now(std::string cause);

    PoolConfig config_;
    HealthGate gate_;
    std::vector<Member> members_;  // ascending id
    std::vector<Override> overrides_;
    std::vector<std::string> causes_;  // why a table is wanted at once; empty: routine
    std::shared_ptr<const SteeringCommit> last_;
    std::uint64_t next_commit_ = 1;
    double table_s_ = 0;  // when the last table was made
};

}  // namespace dns::steering
