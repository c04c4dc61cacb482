#pragma once

// DirectoryFollower: keeps up with the directory in PostgreSQL: what is configured, and which
// addresses there are. It reads when directory.version has risen, which it looks for on each notice
// and every kPollEvery; correctness does not depend on notices.
//
// Owner: NameServer; destroyed before the loop and the pool. Thread rule: loop thread only; its
// callbacks come there, from its own fiber, and must not wait.

#include <functional>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/db.h"
#include "base/fiber.h"
#include "base/loop.h"
#include "base/result.h"
#include "dns/account_view.h"
#include "dns/directory/directory.h"

namespace dns {

/// See the top of this file.
class DirectoryFollower {
  public:
    struct Callbacks {
        std::function<void(std::shared_ptr<const Directory>)> on_directory;
        std::function<void(std::shared_ptr<const AccountView>)> on_accounts;
        /// The database answered, after the two above: what we have is what it has.
        std::function<void()> on_checked;
    };

    /// `pool` outlives it. `known`: addresses read in an earlier life, or null.
    DirectoryFollower(base::DbPool& pool,
                      std::shared_ptr<const AccountView> known,
                      Callbacks callbacks);

    /// Starts its fiber, which ends with the loop. Busy, Cancelled: as of base::spawn.
    base::Status start(base::Loop& loop);

    /// There may be something new.
    void look() { news_.notify(); }

  private:
    void run();
    base::Status check();

    base::DbPool& pool_;
    std::shared_ptr<const AccountView> accounts_;
    Callbacks callbacks_;
    std::int64_t version_ = -1;  // of what was handed out; -1: nothing yet
    bool away_ = false;
    base::FiberEvent news_;
};

}  // namespace dns
