#pragma once

// ParentWatch: sees by itself what the parents of signed zones have, so that keys move on without
// an operator: asks each parent's servers (parent_lookup.h), soon and often while keys or the end
// of signing wait for a change there, once a day otherwise, and writes what it saw into the
// database, where keys move by it (dnssec/key_roll.h) and `roundtable dnssec status` reads it.
//
// Every name server with resolvers does so; they come to the same. At most kLooksAtOnce parents are
// asked at once; whoever waits longest is next.
//
// Owner: NameServer; destroyed after the loop's run() and before the pool. Thread rule: loop thread
// only.

#include <cstdint>
#include <memory>
#include <queue>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/db.h"
#include "base/fiber.h"
#include "base/loop.h"
#include "base/result.h"
#include "dns/control/parent_lookup.h"
#include "dns/counter.h"
#include "dns/directory/directory.h"

namespace dns {

inline constexpr std::size_t kLooksAtOnce = 4;

struct ParentCounters {
    Counter seen;    ///< looks at which all servers answered
    Counter failed;  ///< the others
};

/// See the top of this file.
class ParentWatch {
  public:
    /// `pool` outlives it.
    ParentWatch(base::DbPool& pool, std::string name_server, ParentLookup lookup)
        : pool_(pool), name_server_(std::move(name_server)), lookup_(std::move(lookup)) {}

    /// Starts its fibers, which end with the loop; none if there is nobody to ask. Busy,
    /// Cancelled: as of base::spawn.
    base::Status start(base::Loop& loop);

    /// The keys as they are now.
    void take(std::shared_ptr<const Directory> directory);

    [[nodiscard]] const ParentCounters& counters() const noexcept { return counters_; }

  private:
    struct Plan {
        std::int64_t looked_s = 0;  // 0: never
        std::int64_t next_s = 0;    // 0: not in the queue
        bool busy = false;
    };

    using Due = std::pair<std::int64_t, std::string>;  // moment and domain

    void make_plans();
    void schedule(const dnssec::StoredKeys& zone, std::int64_t at_s);
    void enqueue(const std::string& domain, std::int64_t next_s);
    void work();
    [[nodiscard]] base::Duration next_rest();
    void look(const std::string& domain);
    base::Status note(const std::string& domain,
                      const base::Result<std::vector<dnssec::ParentAnswer>>& answers);

    base::DbPool& pool_;
    const std::string name_server_;
    ParentLookup lookup_;
    std::shared_ptr<const Directory> directory_;  // null: none yet
    base::FiberEvent news_;
    base::WaitQueue changed_;  // workers that wait for a plan
    std::unordered_map<std::string, Plan> plans_;
    // Entries whose moment is not that of their plan any more are passed over.
    std::priority_queue<Due, std::vector<Due>, std::greater<>> due_;
    ParentCounters counters_;
};

}  // namespace dns
