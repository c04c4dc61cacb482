#pragma once

// AccountKeeper: keeps up with the addresses in PostgreSQL (directory/account_reader.h) and keeps
// the file of them (account_file.h): what the internal view answers from, from the first moment on.
//
//   the file, at the start --+
//                            +--> the view --> on_view
//   the feed ----------------+        |
//                                     v
//                                 the file: updates appended; sometimes all of it
//
// It looks on each notice and every kPollEvery; correctness does not depend on notices. Views are
// made and freed on workers: with ten million addresses either takes longer than the loop may wait.
//
// Owner: NameServer; destroyed after the loop's run() and before the pool. Thread rule: loop thread
// only; its callbacks come there, from its own fiber, and must not wait.

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/db.h"
#include "base/fiber.h"
#include "base/loop.h"
#include "base/metrics.h"
#include "base/result.h"
#include "base/worker_pool.h"
#include "dns/account_view.h"
#include "dns/control/account_file.h"
#include "dns/directory/account_reader.h"

namespace dns {

/// See the top of this file.
class AccountKeeper {
  public:
    struct Callbacks {
        /// Another view than before, or the first: of the file, or of the database.
        std::function<void(std::shared_ptr<const AccountView>)> on_view;
        /// The database answered: the view is what it has.
        std::function<void()> on_checked;
    };

    /// `pool` outlives it. `directory`: of the file.
    AccountKeeper(base::DbPool& pool, const std::string& directory, Callbacks callbacks);
    ~AccountKeeper();
    AccountKeeper(const AccountKeeper&) = delete;
    AccountKeeper& operator=(const AccountKeeper&) = delete;

    /// Starts its fibers, which end with the loop. Busy, Cancelled: as of base::spawn.
    base::Status start(base::Loop& loop);

    /// There may be something new.
    void look() { news_.notify(); }

    /// After the loop's run(): what is not in the file yet. Blocks, a minute at most.
    void save();

  private:
    // What the file lacks: an update, or everything. None: nothing.
    struct Unsaved {
        std::shared_ptr<const AccountView> view;
        std::optional<AccountUpdate> update;
    };

    void run();
    void load();
    base::Status check();
    void take(AccountsRead read);
    void run_saves();
    void retire(std::shared_ptr<const AccountView> view);

    base::DbPool& pool_;
    Callbacks callbacks_;
    std::shared_ptr<const AccountView> view_;
    bool away_ = false;
    base::FiberEvent news_;

    std::shared_ptr<AccountFile> file_;  // used by the worker alone
    std::optional<Unsaved> unsaved_;
    base::FiberEvent news_to_save_;
    base::WorkerPool worker_;

    base::Counter& whole_reads_;
    base::Counter& change_reads_;
    base::Gauge& addresses_;
};

}  // namespace dns
