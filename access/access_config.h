#pragma once

// AccessConfig: the bootstrap settings of roundtable-accessd, read from its YAML file. Everything
// else comes from the directory. Thread rule: a value.

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "access/settings.h"
#include "base/config.h"
#include "base/endpoint.h"

namespace accessd {

struct AccessConfig {
    AccessSettings settings;
    std::string database;     ///< conninfo
    std::string state_dir;    ///< local, its own
    std::string path_helper;  ///< program; empty: beside our own
    std::vector<base::Endpoint> imap_listen;
    std::vector<base::Endpoint> pop3_listen;
    std::optional<base::Endpoint> load_listen;
    std::optional<base::Endpoint> admin_listen;
    std::size_t loops = 1;                 ///< threads that run sessions
    std::size_t database_connections = 4;  ///< for mailboxes; the tracking agent has its own
    std::size_t password_threads = 2;
    base::Duration stop = std::chrono::seconds(5);  ///< sessions may say good-bye within
};

/// Reads every setting; what is wrong is found by Config::finish(), which the caller calls.
///
///     name: access1
///     database: "host=/run/postgresql dbname=roundtable user=roundtable_accessd"
///     state_dir: /var/lib/roundtable/access1
///     listen:
///       imap: ["192.0.2.1:143"]
///       pop3: ["192.0.2.1:110"]
///     load_listen: "192.0.2.1:4900"                 # optional
///     admin_listen: "127.0.0.1:4901"                # optional: /metrics, /healthz
///     internal_view: ["192.0.2.53:5353"]
///     insecure_auth: false                          # passwords in clear from other machines
///     path_helper: /usr/lib/roundtable/roundtable-path-helper   # default: beside accessd
///     loops: 1
///     database_connections: 4
///     password_threads: 2
///     limits:
///       sessions: 10000
///       sessions_per_source: 1000
///       message_size: 50MiB
///       memory: 400MiB                              # of all messages that clients are sending
///     timeouts:
///       stop: 5s
[[nodiscard]] AccessConfig read_access_config(const base::ConfigSection& root);

}  // namespace accessd
