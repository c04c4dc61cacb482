#include "access/access_config.h"

namespace accessd {
namespace {

constexpr std::int64_t kSessionsMax = 30'000;  // two mappings each, of the 65530 that Linux allows
constexpr std::uint64_t kMessageBytesMin = 64 * 1024;
constexpr std::uint64_t kMessageBytesMax = std::uint64_t{256} * 1024 * 1024;

std::size_t count(const base::ConfigSection& section,
                  std::string_view key,
                  std::int64_t max,
                  std::size_t fallback) {
    return static_cast<std::size_t>(
        section.integer(key, 1, max, static_cast<std::int64_t>(fallback)));
}

void read_limits(const base::ConfigSection& limits, AccessSettings& settings) {
    settings.sessions_max = count(limits, "sessions", kSessionsMax, settings.sessions_max);
    settings.sessions_per_source_max =
        count(limits, "sessions_per_source", kSessionsMax, settings.sessions_per_source_max);
    settings.append_bytes_max =
        static_cast<std::size_t>(limits.size("message_size", settings.append_bytes_max));
    settings.append_bytes_in_flight =
        static_cast<std::size_t>(limits.size("memory", settings.append_bytes_in_flight));
    if (settings.append_bytes_max < kMessageBytesMin ||
        settings.append_bytes_max > kMessageBytesMax) {
        limits.problem("message_size", "must be between 64KiB and 256MiB");
    }
    if (settings.append_bytes_in_flight < settings.append_bytes_max) {
        limits.problem("memory", "must not be below message_size");
    }
}

}  // namespace

AccessConfig read_access_config(const base::ConfigSection& root) {
    AccessConfig config;
    config.settings.name = root.text("name");
    config.database = root.text("database");
    config.state_dir = root.text("state_dir");
    config.path_helper = root.text("path_helper", "");
    const base::ConfigSection listen = root.section("listen");
    config.imap_listen = listen.endpoints("imap");
    config.pop3_listen = listen.endpoints("pop3");
    if (config.imap_listen.empty() && config.pop3_listen.empty()) {
        root.problem("listen", "must name an endpoint for imap or pop3");
    }
    if (root.has("load_listen")) {
        config.load_listen = root.endpoint("load_listen");
    }
    if (root.has("admin_listen")) {
        config.admin_listen = root.endpoint("admin_listen");
    }
    config.settings.internal_view = root.endpoints("internal_view");
    if (config.settings.internal_view.empty()) {
        root.problem("internal_view", "must name at least one name server");
    }
    if (root.boolean("insecure_auth", false)) {
        config.settings.insecure_auth = InsecureAuth::Allowed;
    }
    config.loops = count(root, "loops", 64, config.loops);
    config.database_connections =
        count(root, "database_connections", 64, config.database_connections);
    config.password_threads = count(root, "password_threads", 64, config.password_threads);
    read_limits(root.section("limits"), config.settings);
    config.stop = root.section("timeouts").duration("stop", config.stop);
    return config;
}

}  // namespace accessd
