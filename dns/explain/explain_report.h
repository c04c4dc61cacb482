#pragma once

// Why a domain is answered as it is: the values that people are shown, made from what the steering
// has now. explain_text.h and explain_json.h write them.
//
// Pure: what it is made from is borrowed for the call, times come in. Thread rule: any thread that
// may read the sources (the name server's main loop).

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/endpoint.h"
#include "dns/directory/directory.h"
#include "dns/explain/drain_watch.h"
#include "dns/explain/probe_log.h"
#include "dns/snapshot.h"
#include "dns/steering/engine.h"

namespace dns::explain {

/// Commits of a pool that are kept to be shown; all of them are in the database.
inline constexpr std::size_t kCommitsShown = 20;

using SharedCommit = std::shared_ptr<const steering::SteeringCommit>;

/// One pool as its engine has it now.
struct PoolSource {
    PoolName pool = PoolName::Mail;
    const steering::SteeringEngine* engine = nullptr;  ///< null: there is no such pool
    const ProbeLog* probes = nullptr;
    const std::deque<SharedCommit>* commits = nullptr;  ///< newest last
};

/// Everything that reports are made from.
struct ExplainSource {
    std::string name_server;
    const Directory* directory = nullptr;  ///< null: nothing was read yet
    const Snapshot* snapshot = nullptr;    ///< null: none is in force yet
    const DrainWatch* drains = nullptr;
    std::array<PoolSource, 2> pools;
    steering::Now now;
};

/// One server, in one table.
struct ServerReport {
    std::string name;
    std::string state;  ///< "up", "down", "drained", "quiet", "forced down", "forced up"
    std::string why;    ///< for people; never empty
    std::optional<double> probe_age_s;
    std::string probe;  ///< what the last one said: "reply", "lost"...; empty: never probed
    std::optional<double> since_s;  ///< up or down for so long; empty: since before we looked
    std::optional<double> load;     ///< filtered index, 0..2
    double accepted_rate = 0;       ///< mails per second
    double capacity = 1;            ///< configured, or what an override says
    double trim = 1;                ///< factor
    double ramp = 1;                ///< factor
    double weight = 0;              ///< the product; 0: withdrawn
    double first_share = 0;
    std::optional<std::uint16_t> preference;  ///< in the canonical answer
    std::optional<std::uint16_t> pin;
    std::uint16_t configured_preference = 0;
    std::uint8_t tier = 0;
    bool ill = false;
};

/// A record of an answer.
struct EntryReport {
    std::uint16_t preference = 0;
    std::string server;
};

/// A variant of the answer.
struct RowReport {
    std::size_t index = 0;
    std::size_t width = 0;  ///< servers at the best preference
    double share = 0;       ///< of the sources
    bool canonical = false;
    std::vector<EntryReport> entries;
};

/// An override that is in force here; of a pattern with all servers that it covers.
struct OverrideReport {
    std::uint64_t id = 0;
    std::string text;  ///< "drain mail3 by alice: disks"
    std::string author;
    std::string reason;
    std::int64_t created_us = 0;
    std::optional<std::int64_t> expires_us;
    std::optional<std::int64_t> quiet_us;  ///< of a drain: from then on
};

/// A commit as it is shown.
struct CommitReport {
    std::uint64_t id = 0;
    std::int64_t when_us = 0;
    std::string cause;
    std::vector<std::string> changes;
};

/// One pool, as a domain sees it (or as it is for itself).
struct PoolReport {
    std::string pool;
    std::string policy;
    std::string form;  ///< "paired", "strict"
    std::uint32_t ttl_s = 0;
    std::string basis;  ///< which servers the table is made of
    CommitReport commit;
    bool in_force = false;              ///< the answers are made from this commit's table
    std::vector<CommitReport> commits;  ///< newest first
    double loss_rate = 0;
    std::uint32_t losses_to_down = 0;
    std::optional<double> mean_load;
    std::vector<ServerReport> servers;
    std::vector<OverrideReport> overrides;
    std::vector<RowReport> rows;
    std::optional<RowReport> source_row;  ///< what the source that was asked about gets
};

/// A domain, or all pools when `domain` is empty.
struct ExplainReport {
    std::string name_server;
    std::int64_t now_us = 0;
    std::uint64_t snapshot = 0;
    std::int64_t directory = 0;
    std::string domain;
    bool pool_policy = false;  ///< its policy is the pool's
    std::optional<std::uint32_t> serial;
    std::string source;  ///< the network, "192.0.2.0/24"; empty: none was asked about
    std::vector<PoolReport> pools;
};

/// Why `domain` (any case, with or without final dot) is answered as it is, and what `source` gets.
/// Errors: NotFound it is no domain of ours; Unavailable there is nothing to answer from yet.
[[nodiscard]] base::Result<ExplainReport> explain_domain(
    const ExplainSource& source,
    std::string_view domain,
    const std::optional<base::IpAddress>& asker);

/// All pools by themselves, without rows. Unavailable as above.
[[nodiscard]] base::Result<ExplainReport> explain_pools(const ExplainSource& source);

}  // namespace dns::explain
