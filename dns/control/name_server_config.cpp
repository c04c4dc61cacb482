#include "dns/control/name_server_config.h"

#include <string_view>

namespace dns {

NameServerConfig read_name_server_config(const base::ConfigSection& root) {
    NameServerConfig config;
    config.name = root.text("name");
    config.database = root.text("database");
    config.state_dir = root.text("state_dir");
    config.listen = root.endpoints("listen");
    if (config.listen.empty()) {
        root.problem("listen", "needs at least one address");
    }
    config.internal_listen = root.endpoints("internal_listen");
    config.internal_acl = root.networks("internal_acl");
    if (!root.has("internal_acl")) {
        for (const std::string_view loopback : {"127.0.0.0/8", "::1"}) {
            const base::Result<base::Network> network = base::Network::parse(loopback);
            if (network) {
                config.internal_acl.push_back(network.value());
            }
        }
    }
    if (root.has("admin_listen")) {
        config.admin_listen = root.endpoint("admin_listen");
    }
    config.threads = static_cast<unsigned>(root.integer("threads", 1, 64, 1));
    return config;
}

}  // namespace dns
