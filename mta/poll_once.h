#pragma once

// PollOnce: something in memory that is read again from the database when a timer or a notice says
// so. Of many polls at most one waits for a connection: it sees what the others would have seen.
//
// Thread rule: poll() from any thread, never waits. Owner: what is refreshed; the pool must end
// before it does.

#include <atomic>
#include <functional>
#include <string>

#include "base/db.h"
#include "base/result.h"

namespace mta {

class PollOnce {
  public:
    using Refresh = std::function<base::Status(base::Connection& connection)>;

    /// `complaint`: what the log says if `refresh` fails.
    PollOnce(std::string complaint, Refresh refresh);

    void poll(base::DbPool& pool);

  private:
    std::string complaint_;
    Refresh refresh_;
    std::atomic<bool> waiting_{false};
};

}  // namespace mta
