#pragma once

// KeyKeeper: moves the keys of signed zones on when it is time (dnssec/key_roll.h), in the
// database, from where all name servers see it. Several of them that do it come to the same keys;
// the one that comes second finds nothing to do.
//
// Owner: NameServer; destroyed after the loop's run() and before the pool. Thread rule: loop thread
// only.

#include <memory>

#include "base/db.h"
#include "base/fiber.h"
#include "base/loop.h"
#include "base/result.h"
#include "dns/directory/directory.h"

namespace dns {

/// See the top of this file.
class KeyKeeper {
  public:
    /// `pool` outlives it.
    explicit KeyKeeper(base::DbPool& pool) : pool_(pool) {}

    /// Starts its fiber, which ends with the loop. Busy, Cancelled: as of base::spawn.
    base::Status start(base::Loop& loop);

    /// The keys as they are now.
    void take(std::shared_ptr<const Directory> directory);

  private:
    void run();
    [[nodiscard]] base::Duration move_keys();
    base::Status move(const std::string& domain);

    base::DbPool& pool_;
    std::shared_ptr<const Directory> directory_;  // null: none yet
    base::FiberEvent news_;
};

}  // namespace dns
