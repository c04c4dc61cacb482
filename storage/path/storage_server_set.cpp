#include "storage/path/storage_server_set.h"

#include <algorithm>
#include <utility>

namespace storage {

StorageServerSet::StorageServerSet(base::Loop& loop, PathOptions options)
    : loop_(loop), options_(std::move(options)) {
}

StorageServerSet::~StorageServerSet() = default;

void StorageServerSet::apply(std::vector<StorageServerConfig> servers,
                             std::set<StorageServerId> draining) {
    draining_ = std::move(draining);
    std::vector<std::unique_ptr<StorageServerClient>> next;
    for (StorageServerConfig& config : servers) {
        const auto known = std::ranges::find_if(servers_, [&](const auto& server) {
            return server != nullptr && server->config() == config;
        });
        if (known != servers_.end()) {
            next.push_back(std::move(*known));
            continue;
        }
        next.push_back(std::make_unique<StorageServerClient>(loop_, std::move(config), options_));
        next.back()->start();
    }
    servers_ = std::move(next);
}

StorageServerClient* StorageServerSet::find(const StorageServerId& id) const noexcept {
    const auto found = std::ranges::find_if(
        servers_, [&](const auto& server) { return server->config().id == id; });
    return found == servers_.end() ? nullptr : found->get();
}

std::vector<StorageServerClient*> StorageServerSet::all() const {
    std::vector<StorageServerClient*> all;
    all.reserve(servers_.size());
    for (const auto& server : servers_) {
        all.push_back(server.get());
    }
    return all;
}

}  // namespace storage
