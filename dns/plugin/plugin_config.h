#pragma once

// PluginConfig: how PowerDNS may use this name server as its remote backend: the section
// `powerdns_socket` of the bootstrap file. A value.

#include <cstddef>
#include <string>

#include <sys/types.h>

#include "base/config.h"
#include "base/result.h"
#include "dns/plugin/remote_backend.h"

namespace dns::plugin {

inline constexpr std::size_t kPluginConnectionsMax = 4096;

/// See the top of this file and read_plugin_config().
struct PluginConfig {
    std::string path;  ///< empty: no socket
    mode_t mode = 0660;
    std::string owner;  ///< empty: who runs the name server
    std::string group;  ///< empty: its group
    std::size_t connections = 256;
    KeyUse keys = KeyUse::None;

    bool operator==(const PluginConfig&) const = default;
};

/// Notes what is wrong with the section, as Config does.
///
///     powerdns_socket:                       # optional: PowerDNS's remote backend
///       path: /run/roundtable/powerdns       # its directory must exist
///       mode: "0660"                         # who may connect: "0600" to "0666", in octal
///       owner: pdns                          # default: who runs the name server
///       group: pdns                          # default: its group
///       connections: 256                     # 1 to 4096; PowerDNS has one for each thread
///       give_keys: false                     # true: hand out private keys, PowerDNS signs
[[nodiscard]] PluginConfig read_plugin_config(const base::ConfigSection& root);

/// Numbers of owner and group; -1: as it is.
struct SocketOwner {
    uid_t user = static_cast<uid_t>(-1);
    gid_t group = static_cast<gid_t>(-1);
};

/// NotFound: no such user or group; Io. Blocks (reads the system's tables).
[[nodiscard]] base::Result<SocketOwner> find_owner(const PluginConfig& config);

}  // namespace dns::plugin
