#pragma once

// AccessServer: the whole access server behind roundtable-accessd: the message tracking agent, the
// catalog's pool, sign-in, the listeners and the loops that run the sessions, the load report, the
// admin port. The main loop has the agent, the listeners and the chores; sessions run on loops of
// their own threads.
//
// Owner: main(). Thread rule: create() and the destructor on the main loop's thread (before and
// after its run()); request_stop() from any thread. Errors of create(): as TrackingAgent::create
// and Listener::create.

#include <functional>
#include <memory>
#include <vector>

#include "access/access_config.h"
#include "base/clock.h"
#include "base/endpoint.h"
#include "base/loop.h"
#include "base/result.h"

namespace accessd {

/// A daemon that cannot do its work yet counts as started after this long all the same: it answers,
/// and says what is missing.
inline constexpr base::Duration kReadyWait = std::chrono::seconds(10);

/// See the top of this file.
class AccessServer {
  public:
    /// Listens when it returns; serves when `loop` runs. Blocks: reads the directory. `on_ready` is
    /// called once, on the loop, when the catalog is there, or after kReadyWait without.
    [[nodiscard]] static base::Result<std::unique_ptr<AccessServer>> create(
        base::Loop& loop, AccessConfig config, std::function<void()> on_ready);
    ~AccessServer();
    AccessServer(const AccessServer&) = delete;
    AccessServer& operator=(const AccessServer&) = delete;

    /// Takes no more sessions, says good-bye to those that are there, then ends the main loop.
    void request_stop();

    [[nodiscard]] std::vector<base::Endpoint> imap_endpoints() const;
    [[nodiscard]] std::vector<base::Endpoint> pop3_endpoints() const;

  private:
    struct State;

    explicit AccessServer(std::unique_ptr<State> state);

    std::unique_ptr<State> state_;
};

}  // namespace accessd
