#pragma once

// RemoteServer: the unix socket where PowerDNS finds its remote backend. It has a thread and a loop
// of its own, so that a long list or a talkative PowerDNS costs neither UDP nor the main loop
// anything; a connection is a fiber on it.
//
// Bounded: connections, octets of a request, time for the rest of a request that has begun, time
// for an answer to be taken. A connection without a request stays open for ever: PowerDNS keeps one
// for each of its threads, and would answer SERVFAIL once if it found it closed.
//
// Owner: the daemon; destroy it before the holder. Thread rule: create and destroy from one thread;
// the setters and counters from any. Errors of create(): those of UnixListener and find_owner(),
// Io.

#include <array>
#include <memory>

#include "base/result.h"
#include "dns/counter.h"
#include "dns/plugin/plugin_config.h"
#include "dns/plugin/remote_backend.h"
#include "dns/snapshot_holder.h"

namespace dns::plugin {

/// The server's thread raises them, any may read.
struct RemoteCounters {
    std::array<Counter, kCallOutcomes> calls;
    Counter accepted;
    Counter refused;  ///< too many connections
    Counter slow;     ///< closed: half a request, or an answer that was not taken
};

/// See the top of this file.
class RemoteServer {
  public:
    /// The holder has a snapshot.
    static base::Result<std::unique_ptr<RemoteServer>> create(const SnapshotHolder& holder,
                                                              const PluginConfig& config);
    ~RemoteServer();
    RemoteServer(const RemoteServer&) = delete;
    RemoteServer& operator=(const RemoteServer&) = delete;

    /// Zones are known by the numbers of this directory from now on. With KeyUse::Given its keys
    /// are handed out; one without secrets (of the files) leaves those of before, or none.
    void set_directory(std::shared_ptr<const Directory> directory);

    [[nodiscard]] const RemoteCounters& counters() const noexcept;

  private:
    struct State;

    explicit RemoteServer(std::unique_ptr<State> state);

    std::unique_ptr<State> state_;
};

}  // namespace dns::plugin
