#pragma once

// StorageServerSet: the storage servers that a daemon reaches, by id. The daemon feeds it from the
// directory, at start and whenever the directory changes.
//
// Thread rule: loop thread only. A StorageServerClient& is borrowed until the next apply().

#include <memory>
#include <set>
#include <vector>

#include "base/loop.h"
#include "storage/path/storage_server_client.h"

namespace storage {

/// See the top of this file.
class StorageServerSet {
  public:
    StorageServerSet(base::Loop& loop, PathOptions options);
    ~StorageServerSet();
    StorageServerSet(const StorageServerSet&) = delete;
    StorageServerSet& operator=(const StorageServerSet&) = delete;

    /// Makes the set what `servers` says: unchanged ones are kept with all that runs on them, new
    /// ones are started, others are destroyed. The order is kept: it is the ring. `draining`: those
    /// that take no new segment; that alone does not make a server a changed one.
    void apply(std::vector<StorageServerConfig> servers, std::set<StorageServerId> draining = {});

    [[nodiscard]] bool is_draining(const StorageServerId& id) const {
        return draining_.contains(id);
    }

    /// Null: not in the set.
    [[nodiscard]] StorageServerClient* find(const StorageServerId& id) const noexcept;

    /// In the order of apply().
    [[nodiscard]] std::vector<StorageServerClient*> all() const;

  private:
    base::Loop& loop_;
    PathOptions options_;
    std::vector<std::unique_ptr<StorageServerClient>> servers_;
    std::set<StorageServerId> draining_;
};

}  // namespace storage
