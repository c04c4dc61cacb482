#pragma once

// NameServer: one roundtable-dnsd: everything below it, wired together on the main loop.
//
//   directory follower ---> two steering pools ---> snapshot publisher ---> UDP threads, TCP
//          |                  ^ probes |                                    (public)
//          v                           v
//   internal view              steering journal (commits, priorities, serials into the database)
//
// It starts from the files of an earlier life before it has reached anything, and listens for the
// public as soon as it has something to answer from. Without such files it waits for the database.
//
// Owner: main(). One on a thread (liburcu knows threads, see snapshot_holder.h). Thread rule:
// create() and the destructor on the main loop's thread (before and after its run()). Errors of
// create(): Io, Exists (address in use), Refused, and those of load_cookie_secrets(); after one the
// loop must not run. Those of a public listener, which comes later, end the loop and are the
// outcome().

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/endpoint.h"
#include "base/loop.h"
#include "base/result.h"
#include "dns/control/name_server_config.h"

namespace dns {

/// See the top of this file.
class NameServer {
  public:
    /// `on_ready` is called once, on the loop, when it answers.
    static base::Result<std::unique_ptr<NameServer>> create(base::Loop& loop,
                                                            NameServerConfig config,
                                                            std::function<void()> on_ready);
    ~NameServer();
    NameServer(const NameServer&) = delete;
    NameServer& operator=(const NameServer&) = delete;

    /// Takes what config_change.h says may change while it answers; gives the keys that did. On an
    /// error nothing was changed: Refused, or that of an address that could not be had
    /// (control/public_ports.h). On the loop.
    base::Result<std::vector<std::string>> reconfigure(NameServerConfig next);

    /// After the loop's run(): keeps what was learnt, and gives up what is being built. Blocks, a
    /// minute at most.
    void save();

    /// Why the loop ended; Ok when it was asked to.
    [[nodiscard]] const base::Status& outcome() const noexcept;

    /// With the real ports; empty before it is ready.
    [[nodiscard]] std::vector<base::Endpoint> public_endpoints() const;
    /// With the real ports.
    [[nodiscard]] std::vector<base::Endpoint> internal_endpoints() const;

  private:
    struct State;

    explicit NameServer(std::unique_ptr<State> state);

    std::unique_ptr<State> state_;
};

}  // namespace dns
