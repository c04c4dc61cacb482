#pragma once

// PowerDnsPlugin: what the name server does for a PowerDNS that has it as its remote backend: the
// socket (plugin/remote_server.h), its metrics, and, where keys are handed out, the keys as the
// directory has them.
//
// Keys are read from the database when the directory's version moves, and never kept on disk here:
// until they have been read PowerDNS gets no answer that depends on them, and says SERVFAIL.
//
// Owner: NameServer; destroy it before the holder, the pool and the loop. Thread rule: main loop's
// thread. Errors of create(): those of RemoteServer.

#include <array>
#include <cstdint>
#include <memory>

#include "base/db.h"
#include "base/loop.h"
#include "base/metrics.h"
#include "base/result.h"
#include "dns/plugin/remote_server.h"

namespace dns {

/// See the top of this file.
class PowerDnsPlugin {
  public:
    static base::Result<std::unique_ptr<PowerDnsPlugin>> create(base::Loop& loop,
                                                                const SnapshotHolder& holder,
                                                                base::DbPool& database,
                                                                const plugin::PluginConfig& config);
    ~PowerDnsPlugin();
    PowerDnsPlugin(const PowerDnsPlugin&) = delete;
    PowerDnsPlugin& operator=(const PowerDnsPlugin&) = delete;

    /// What the snapshot in force was made from.
    void take(const std::shared_ptr<const Directory>& directory);

    /// Once in a while: metrics.
    void do_chores();

  private:
    struct KeyReader;

    struct Follower {
        base::Counter* metric = nullptr;
        std::uint64_t taken = 0;

        void take(std::uint64_t total);
    };

    explicit PowerDnsPlugin(std::unique_ptr<plugin::RemoteServer> server);

    std::unique_ptr<plugin::RemoteServer> server_;
    std::shared_ptr<const Directory> directory_;
    std::shared_ptr<KeyReader> keys_;  // shared with its fiber
    std::array<Follower, plugin::kCallOutcomes> calls_;
    std::array<Follower, 3> connections_;
};

}  // namespace dns
