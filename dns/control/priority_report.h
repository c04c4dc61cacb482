#pragma once

// PriorityReport: what the steering made of each MX, as rows of directory.mail_exchange: the
// priority index in the canonical answer, the share of first attempts, and why.
//
// Domains that are steered alike and have the same exchanges are a group, and a commit of the
// steering costs as much as there are groups. What the database does not have yet is taken from
// here a batch at a time: of domains that lack the same rows. Whoever takes late gets the newest.
//
// A priority index is reported at once. A share is when it has moved by kShareStep, and no sooner
// than share_hold_s() after the group's last report: with many domains, each report of a share is
// much work for a database, and the next one comes soon.
//
// Pure. Owner: NameServer. Thread rule: one thread.

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "dns/directory/directory.h"
#include "dns/steering/commit.h"

namespace dns {

/// A share that moved by less is not reported again.
inline constexpr double kShareStep = 0.01;

/// The priority index of a server that is withdrawn: no answer lists it (its share is 0).
inline constexpr std::uint16_t kWithdrawnPriority = 65535;

/// How long shares wait after a report of so many rows, in seconds: half a minute, and a
/// millisecond for each row.
[[nodiscard]] double share_hold_s(std::size_t rows);

/// What one server is in the canonical answer of a domain.
struct ServerPriority {
    steering::ServerId server;
    std::uint16_t priority_index = 0;
    double first_share = 0;
    std::shared_ptr<const std::string> cause;  ///< never null; of the commit that it came with
};

/// Rows to write: each of `rows` for each of `domains`. Neither is empty.
struct PriorityBatch {
    std::vector<std::int64_t> domains;
    std::vector<ServerPriority> rows;
};

/// See the top of this file.
class PriorityReport {
  public:
    /// What is steered from now on; neither is null. Costs as much as there are domains where
    /// their exchanges, or which zones have a table of their own, are not those of before.
    void take(const std::shared_ptr<const Directory>& directory,
              const std::shared_ptr<const steering::SteeringCommit>& commit,
              double now_s);

    /// Lets shares be reported that have waited long enough. Monotonic seconds. True: some are.
    bool poll(double now_s);

    /// Rows that the database does not have, of at most `rows_max` (and of one domain at least);
    /// they count as reported. nullopt: it has all. The order is that of the directory.
    std::optional<PriorityBatch> next(std::size_t rows_max);

  private:
    // By server, ascending. Shared by the domains that were reported with it.
    using Rows = std::vector<ServerPriority>;
    using Servers = std::vector<steering::ServerId>;
    using GroupKey = std::pair<std::size_t, Servers>;  // the table in the commit; the exchanges

    struct Group {
        Rows steered;  // as of the last commit
        std::shared_ptr<const Rows> wanted;
        double reported_s = 0;
        std::size_t domains = 0;
    };

    struct Domain {
        std::int64_t id = 0;
        std::uint32_t group = 0;
        std::shared_ptr<const Rows> reported;  // null: nothing
    };

    [[nodiscard]] bool same_exchanges(const Directory& directory) const;
    void arrange(const Directory& directory, const steering::SteeringCommit& commit);
    static void want(Group& group, double now_s);
    static Rows missing(const Domain& domain, const Rows& wanted);

    std::shared_ptr<const Directory> directory_;
    std::shared_ptr<const steering::ZoneTables> views_;
    std::map<GroupKey, std::uint32_t> places_;  // in groups_
    std::vector<Group> groups_;
    std::vector<Domain> domains_;  // that have exchanges
    std::size_t next_ = 0;         // in domains_: those before it lack nothing
};

}  // namespace dns
