#pragma once

// NameServerConfig: the bootstrap settings of roundtable-dnsd, read from its YAML file. Everything
// else comes from the directory.
//
// Thread rule: a value.

#include <optional>
#include <string>
#include <vector>

#include "base/config.h"
#include "base/endpoint.h"

namespace dns {

/// See the top of this file and read_name_server_config().
struct NameServerConfig {
    std::string name;       ///< of the name server in the directory
    std::string database;   ///< conninfo
    std::string state_dir;  ///< local, its own
    std::vector<base::Endpoint> listen;
    std::vector<base::Endpoint> internal_listen;  ///< empty: no internal view
    std::vector<base::Network> internal_acl;      ///< who may ask the internal view
    std::optional<base::Endpoint> admin_listen;
    unsigned threads = 1;  ///< that answer over UDP
};

/// Reads every setting; what is wrong is found by Config::finish(), which the caller calls.
///
///     name: ns1
///     database: "host=/run/postgresql dbname=roundtable user=roundtable_dnsd"
///     state_dir: /var/lib/roundtable/ns1
///     listen: ["192.0.2.53:53"]
///     internal_listen: ["10.0.0.53:5353"]                # optional: the internal view
///     internal_acl: ["10.0.0.0/8"]                       # default: loopback
///     admin_listen: "127.0.0.1:5380"                     # optional: /metrics, /healthz
///     threads: 1
[[nodiscard]] NameServerConfig read_name_server_config(const base::ConfigSection& root);

}  // namespace dns
