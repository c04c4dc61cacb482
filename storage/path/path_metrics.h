#pragma once

// PathMetrics: shows the storage paths of a daemon on its admin port. storage/README.md lists what
// is shown. Paths count for themselves; update() takes their numbers over, so that no request pays
// for it.
//
// Thread rule: loop thread only. Bounded: 13 series a path, and the cap of base/metrics.h.

#include <map>
#include <string>
#include <utility>

#include "storage/path/storage_server_set.h"

namespace storage {

/// See the top of this file.
class PathMetrics {
  public:
    /// `servers` outlives it.
    explicit PathMetrics(const StorageServerSet& servers);
    ~PathMetrics();
    PathMetrics(const PathMetrics&) = delete;
    PathMetrics& operator=(const PathMetrics&) = delete;

    /// Call it about once a second. A path that the directory has no more is shown with state -1.
    void update();

  private:
    struct Series;

    const StorageServerSet& servers_;
    std::map<std::pair<std::string, std::string>, Series> paths_;  // by names of server and path
};

}  // namespace storage
