#pragma once

// DirectoryFollower: keeps up with what is configured in PostgreSQL (addresses: account_keeper.h).
// It reads when read_directory_version() has moved, which it looks for on each notice and every
// kPollEvery; correctness does not depend on notices.
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
#include "dns/directory/directory.h"

namespace dns {

/// See the top of this file.
class DirectoryFollower {
  public:
    using Known = std::shared_ptr<const Directory>;

    struct Callbacks {
        /// Something else than before, or the first.
        std::function<void(std::shared_ptr<const Directory>)> on_directory;
        /// The database answered, after that: what we have is what it has. May be empty.
        std::function<void()> on_checked;
    };

    /// `pool` outlives it. `known`: what an earlier life left; may be null.
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
