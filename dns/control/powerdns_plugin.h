#pragma once

// PowerDnsPlugin: what the name server does for a PowerDNS that has it as its remote backend: the
// socket (plugin/remote_server.h), its metrics, and the directory that the snapshot in force was
// made from, with the keys where these are handed out.
//
// A directory that comes from the files has no private keys: until one was read from the database
// PowerDNS gets no answer that depends on them, and says SERVFAIL.
//
// Owner: NameServer; destroy it before the holder. Thread rule: main loop's thread. Errors of
// create(): those of RemoteServer.

#include <array>
#include <cstdint>
#include <memory>

#include "base/metrics.h"
#include "base/result.h"
#include "dns/plugin/remote_server.h"

namespace dns {

/// See the top of this file.
class PowerDnsPlugin {
  public:
    static base::Result<std::unique_ptr<PowerDnsPlugin>> create(const SnapshotHolder& holder,
                                                                const plugin::PluginConfig& config);
    ~PowerDnsPlugin();
    PowerDnsPlugin(const PowerDnsPlugin&) = delete;
    PowerDnsPlugin& operator=(const PowerDnsPlugin&) = delete;

    /// What the snapshot in force was made from.
    void take(const std::shared_ptr<const Directory>& directory);

    /// Once in a while: metrics.
    void do_chores();

  private:
    struct Follower {
        base::Counter* metric = nullptr;
        std::uint64_t taken = 0;

        void take(std::uint64_t total);
    };

    explicit PowerDnsPlugin(std::unique_ptr<plugin::RemoteServer> server);

    std::unique_ptr<plugin::RemoteServer> server_;
    std::shared_ptr<const Directory> directory_;
    std::array<Follower, plugin::kCallOutcomes> calls_;
    std::array<Follower, 3> connections_;
};

}  // namespace dns
