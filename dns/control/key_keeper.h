#pragma once

// KeyKeeper: moves the keys of signed zones on when it is time (dnssec/key_roll.h), in the
// database, from where all name servers see it, and begins rolls by schedule. Several of them that
// do it come to the same keys; the one that comes second finds nothing to do.
//
// A schedule begins rolls and ends none: a key only signs in place of another when the parent was
// seen with its DS. At most kRollsAtOnce zones begin in a minute, however many are due.
//
// Owner: NameServer; destroyed after the loop's run() and before the pool. Thread rule: loop thread
// only.

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "base/db.h"
#include "base/fiber.h"
#include "base/loop.h"
#include "base/result.h"
#include "dns/directory/directory.h"

namespace dns {

inline constexpr std::size_t kRollsAtOnce = 20;

/// See the top of this file.
class KeyKeeper {
  public:
    /// `pool` outlives it.
    KeyKeeper(base::DbPool& pool, std::string name_server)
        : pool_(pool), name_server_(std::move(name_server)) {}

    /// Starts its fiber, which ends with the loop. Busy, Cancelled: as of base::spawn.
    base::Status start(base::Loop& loop);

    /// The keys as they are now.
    void take(std::shared_ptr<const Directory> directory);

    /// The directory has this version: schedules may be others. Cheap when it is known.
    void look(std::int64_t version);

  private:
    void run();
    [[nodiscard]] base::Duration move_keys();
    base::Status move(const std::string& domain);
    [[nodiscard]] base::Duration begin_rolls();

    base::DbPool& pool_;
    const std::string name_server_;
    std::int64_t version_ = 0;                    // of the directory, as last said
    std::shared_ptr<const Directory> directory_;  // null: none yet
    base::FiberEvent news_;
};

}  // namespace dns
