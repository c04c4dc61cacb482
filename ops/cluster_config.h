#pragma once

// The texts that `roundtable up` makes of a layout: each daemon's bootstrap file and
// endpoints.json.
//
// Thread rule: pure functions.

#include <string>
#include <vector>

#include "ops/cluster_files.h"
#include "ops/cluster_layout.h"

namespace ops {

struct DaemonConfig {
    std::string name;
    std::string program;  ///< "roundtable-mtad"
    int stage = 0;        ///< see Supervisor
    std::string yaml;
    bool low_port = false;  ///< listens below 1024
};

/// One for each daemon of the layout. `database` has no user: each daemon gets its own role.
[[nodiscard]] std::vector<DaemonConfig> daemon_configs(const ClusterLayout& layout,
                                                       const ClusterFiles& files,
                                                       const std::string& database);

/// JSON for scripts: name, address, ports and sockets of each server, directories of storage
/// servers, and the connection string of the database.
[[nodiscard]] std::string endpoints_json(const ClusterLayout& layout,
                                         const ClusterFiles& files,
                                         const std::string& database);

/// The same for people, with what to try.
[[nodiscard]] std::string endpoints_text(const ClusterLayout& layout,
                                         const ClusterFiles& files,
                                         const std::string& database);

}  // namespace ops
