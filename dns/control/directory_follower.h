#pragma once

// DirectoryFollower: keeps up with the directory in PostgreSQL: what is configured, and which
// addresses there are. It reads when directory.version has risen, which it looks for on each notice
// and every kPollEvery; correctness does not depend on notices.
//
// What was read and is the same as before (another room's change of the directory, a change that
// was taken back) is not handed out again; that is found out on the worker that reads, because a
// large directory takes longer to compare than the loop may wait.
//
// Owner: NameServer; destroyed after the loop's run() and before the pool. Thread rule: loop thread
// only; its callbacks come there, from its own fiber, and must not wait.

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
    /// What an earlier life left; null where it left nothing.
    struct Known {
        std::shared_ptr<const Directory> directory;
        std::shared_ptr<const AccountView> accounts;
    };

    struct Callbacks {
        /// Something else than before, or the first.
        std::function<void(std::shared_ptr<const Directory>)> on_directory;
        std::function<void(std::shared_ptr<const AccountView>)> on_accounts;
        /// The database answered, after the two above: what we have is what it has.
        std::function<void()> on_checked;
    };

    /// `pool` outlives it.
    DirectoryFollower(base::DbPool& pool, Known known, Callbacks callbacks);

    /// Starts its fiber, which ends with the loop. Busy, Cancelled: as of base::spawn.
    base::Status start(base::Loop& loop);

    /// There may be something new.
    void look() { news_.notify(); }

    /// That what was handed out is known to be the same as; -1: nothing was read yet.
    [[nodiscard]] std::int64_t version() const noexcept { return version_; }

  private:
    void run();
    base::Status check();
    base::Status read();

    base::DbPool& pool_;
    Known known_;
    Callbacks callbacks_;
    std::int64_t version_ = -1;  // of what was handed out; -1: nothing yet
    bool away_ = false;
    base::FiberEvent news_;
};

}  // namespace dns
