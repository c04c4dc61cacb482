#pragma once

// SteeringEngine: the steering of one pool of servers, from probe results and operators' words to
// tables.
//
// Feed it configuration, overrides and probe results; ask it with poll() for a commit. A commit
// holds the pool's table, and one for each zone that is configured or overridden differently (a
// domain may use some of the servers only, or have another policy). Health and trim belong to the
// pool: each server is probed once, whatever the number of zones. Routine changes are held back
// `hold_s`; a server that goes up or down, a drain, an override or an edit make a table at the next
// poll(). No commit is made when nothing that an answer shows has changed.
//
// All state is a function of what was fed and when: replaying the same calls gives the same
// commits. There is no clock and no random number inside.
//
// Owner: the name server's control thread, one engine per pool. Thread rule: one thread; the
// commits it hands out are immutable and may be shared with any thread.
// Units: Now (commit.h) carries both clocks. Limits: kServersMax servers, kOverridesMax overrides.

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/shared_vector.h"
#include "dns/probe/probe_result.h"
#include "dns/steering/commit.h"
#include "dns/steering/health.h"
#include "dns/steering/override.h"
#include "dns/steering/settings.h"
#include "dns/steering/table.h"
#include "dns/steering/trim.h"

namespace dns::steering {

inline constexpr std::size_t kOverridesMax = 10'000;

/// One server as configured. List only servers that some zone uses: the others would be missed
/// by mail that never comes.
struct ServerConfig {
    ServerId id;
    std::string name;                              ///< for people
    double weight = 1;                             ///< relative capacity
    std::uint16_t preference = kLevel0Preference;  ///< for Policy::Static
    std::uint8_t tier = 0;
    HealthRule health{};                ///< how its probes are judged
    std::vector<std::string> checks{};  ///< names of its checks, distinct; none: one without one

    bool operator==(const ServerConfig&) const = default;
};

/// Checks of one server, at most.
inline constexpr std::size_t kChecksMax = 8;

/// A server in a zone, with the zone's own configured preference for it.
struct ZoneServer {
    ServerId id;
    std::uint16_t preference = kLevel0Preference;

    auto operator<=>(const ZoneServer&) const = default;
};

/// A zone that is not like the pool. Unset members are the pool's.
struct ZoneConfig {
    std::string zone;  ///< lower case, no final dot
    std::optional<Policy> policy;
    std::optional<PolicyForm> form;
    std::optional<std::uint32_t> ttl_s;
    base::SharedVector<ZoneServer> servers;  ///< a part of the pool's; empty: all of them

    bool operator==(const ZoneConfig&) const = default;
};

/// One pool as configured. A value; what is wrong with it is found by configure().
struct PoolConfig {
    std::string name;
    Policy policy = Policy::Load;
    PolicyForm form = PolicyForm::Paired;
    Settings settings;
    std::vector<ServerConfig> servers;  ///< in any order, ids distinct, at least one
    std::vector<ZoneConfig> zones;      ///< in any order, names distinct

    bool operator==(const PoolConfig&) const = default;
};

/// What a name server keeps over its own restart: the trims, by server.
struct SavedTrim {
    ServerId id;
    double z = 0;

    bool operator==(const SavedTrim&) const = default;
};

/// One server as the engine sees it now: for consoles and `explain`.
struct ServerStatus {
    ServerId id;
    std::string name;
    bool up = true;      ///< what the probes say
    std::string reason;  ///< why it is down
    ForcedState forced = ForcedState::None;
    double weight = 0;    ///< w in the pool's table
    double capacity = 1;  ///< c: configured, or what an override says
    std::uint8_t tier = 0;
    bool ill = false;                   ///< takes no mail though it should: not believed
    bool fixed = false;                 ///< its trim does not move
    double trim = 0;                    ///< z
    double ramp = 1;                    ///< factor of the slow start
    std::optional<double> load;         ///< filtered load index, 0..2; empty until known
    double accepted_rate = 0;           ///< mails per second
    std::optional<double> probe_age_s;  ///< since a probe last brought news; empty: it never did
    std::optional<double> held_s;       ///< well again, but stays down for so long for flapping
    double flaps = 0;                   ///< times that it went down lately, as they are forgotten
    double agent_share = 1;             ///< of its weight, as its agent asks
    std::uint64_t changes = 0;          ///< times that it went up or down
};

/// How a whole pool is judged now.
struct PoolStatus {
    double loss_rate = 0;              ///< of probes, 0..1
    std::uint32_t losses_to_down = 0;  ///< in a row
    std::optional<double> mean_load;   ///< what trims go by; empty: no server says anything
};

/// See the top of this file.
class SteeringEngine {
  public:
    /// Errc::Invalid as for build_table, or if a zone names a server that the pool has not.
    /// `first_commit` numbers the first commit.
    static base::Result<SteeringEngine> create(PoolConfig config,
                                               Now now,
                                               std::uint64_t first_commit = 1);

    /// Replaces the configuration; servers that stay (same id) keep health and trim. On error the
    /// old configuration stays in force.
    base::Status configure(PoolConfig config, Now now);

    /// Replaces all overrides of the cluster (those of other pools do not matter here). On error
    /// (Errc::Invalid: one of them is ill-valued, or too many) the old ones stay in force.
    base::Status set_overrides(std::vector<Override> overrides, Now now);

    /// A probe's result. One for a server that is not configured is ignored.
    void on_probe(const probe::ProbeResult& result, Now now);

    /// A new commit if one is due, else null. The first call always yields one.
    std::shared_ptr<const SteeringCommit> poll(Now now);

    /// Monotonic time at which poll() should be called at the latest.
    [[nodiscard]] double next_poll_s(Now now) const;

    /// What the probes say about a server, force aside. False for an unknown server.
    [[nodiscard]] bool is_up(ServerId server) const;

    /// Whether lost probes of it are to be repeated at once: while it is up, or nothing is known of
    /// it. False for an unknown server.
    [[nodiscard]] bool wants_news(ServerId server) const;

    /// Servers that must be probed before they count as up and of which nothing is known yet.
    [[nodiscard]] std::size_t unproven() const;

    /// Age of the oldest news that probes brought of a server which is probed, from when it was
    /// configured until the first; 0 if there is none such.
    [[nodiscard]] double oldest_news_s(Now now) const;

    /// The last commit; null before the first poll().
    [[nodiscard]] const std::shared_ptr<const SteeringCommit>& last_commit() const { return last_; }

    [[nodiscard]] const PoolConfig& config() const { return config_; }

    [[nodiscard]] const std::vector<Override>& overrides() const { return overrides_; }

    [[nodiscard]] std::vector<ServerStatus> status(Now now) const;

    [[nodiscard]] PoolStatus pool_status() const;

    [[nodiscard]] std::vector<SavedTrim> save_trims() const;

    /// Before the first probe: takes up saved trims. Unknown servers are ignored, values outside
    /// the clip are brought into it.
    void restore_trims(const std::vector<SavedTrim>& trims);

    /// Health that is known, for the next life.
    [[nodiscard]] std::vector<SavedHealth> save_health(Now now) const;

    /// Before the first probe: takes up saved health. Unknown servers are ignored.
    void restore_health(const std::vector<SavedHealth>& saved, Now now);

    /// Assumes this load of every server until replies say otherwise, instead of learning it from
    /// the first ones. For simulations and replays.
    void assume_load(double load);

  private:
    struct Member {
        ServerConfig config;
        ServerHealth health;
        double watched_s = 0;  // since when it is configured
        std::uint64_t changes = 0;
        AgentShare agent;
        std::optional<std::uint8_t> load_check;  // whose figures count: the first that has some
        ServerTrim trim;
        EffectiveOverride forced;  // what overrides of the pool say
        double table_weight = 0;   // w of the pool's table in force
    };

    // One table to be made: the pool's, or that of zones that are alike.
    struct View {
        std::string zone;            // one of its zones; empty: the pool's
        bool has_overrides = false;  // overrides of `zone` hold here
        Policy policy = Policy::Load;
        PolicyForm form = PolicyForm::Paired;
        std::uint32_t ttl_s = 60;
        std::vector<ZoneServer> servers;  // ascending id
    };

    explicit SteeringEngine(PoolConfig config);

    [[nodiscard]] Member* find(ServerId server);
    [[nodiscard]] const Member* find(ServerId server) const;
    [[nodiscard]] std::set<std::string> zones_overridden() const;
    void arrange_views();
    void resolve(Now now);
    void add_override_cause(const Override& entry, const char* prefix);
    void expire_overrides(Now now);
    void note_override_changes(const std::vector<Override>& before, Now now);
    [[nodiscard]] static double capacity_of(const Member& member, const EffectiveOverride& forced);
    [[nodiscard]] std::vector<TrimServer> trim_view();
    [[nodiscard]] bool is_fixed(const Member& member) const;
    [[nodiscard]] TableInput table_input(const View& view, Now now) const;
    [[nodiscard]] std::shared_ptr<SteeringCommit> make_commit(Now now) const;
    [[nodiscard]] std::string routine_cause(Now now) const;

    PoolConfig config_;
    HealthGate gate_;
    std::vector<Member> members_;  // ascending id
    std::vector<Override> overrides_;
    std::vector<View> views_;  // [0] is the pool's
    std::shared_ptr<const ZoneTables> zones_;
    std::set<std::string> overridden_;  // zones that have views of their own by overrides
    std::vector<std::string> causes_;   // why a table is wanted at once; empty: routine
    std::optional<std::int64_t> next_expiry_us_;
    std::shared_ptr<const SteeringCommit> last_;
    std::uint64_t next_commit_ = 1;
    double table_s_ = 0;  // when tables were last made
};

}  // namespace dns::steering
