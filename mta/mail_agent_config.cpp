#include "mta/mail_agent_config.h"

#include <algorithm>
#include <filesystem>
#include <string_view>
#include <system_error>

namespace mta {

namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr std::string_view kHelper = "roundtable-path-helper";
constexpr std::size_t kSocketPathMax = 107;  // unix(7), sun_path
constexpr std::uint64_t kMessageSizeMax = std::uint64_t{1} << 30U;
// A segment file ends at 1 GiB, one batch and the seal included.
constexpr std::uint64_t kSegmentSizeMin = std::uint64_t{4} << 10U;
constexpr std::uint64_t kSegmentSizeMax = std::uint64_t{512} << 20U;

// The helper is installed beside the daemon.
std::string default_helper() {
    std::error_code error;
    const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", error);
    return (error ? std::filesystem::path("/usr/lib/roundtable") : self.parent_path()) / kHelper;
}

std::optional<base::Endpoint> optional_endpoint(const base::ConfigSection& section,
                                                std::string_view key) {
    if (!section.has(key)) {
        return std::nullopt;
    }
    return section.endpoint(key);
}

std::optional<mail::Address> read_postmaster(const base::ConfigSection& root) {
    if (!root.has("postmaster")) {
        return std::nullopt;
    }
    base::Result<mail::Address> address = mail::parse_mailbox(root.text("postmaster"));
    if (!address) {
        root.problem("postmaster", "must be an address with a domain");
        return std::nullopt;
    }
    return std::move(address).take_value();
}

base::Duration read_duration(const base::ConfigSection& section,
                             std::string_view key,
                             base::Duration fallback,
                             base::Duration max) {
    const base::Duration value = section.duration(key, fallback);
    if (value > max) {
        section.problem(key, "is too long");
    }
    return std::clamp(value, base::Duration::zero(), max);
}

void read_limits(const base::ConfigSection& limits, MailAgentConfig& config) {
    AdmissionLimits& admission = config.admission;
    admission.sessions_max = static_cast<std::size_t>(limits.integer("sessions", 1, 30'000, 500));
    admission.sessions_per_source_max =
        static_cast<std::size_t>(limits.integer("sessions_per_source", 1, 30'000, 50));
    admission.unlimited_sources = limits.networks("unlimited_sources");
    if (!limits.has("unlimited_sources")) {
        for (const std::string_view loopback : {"127.0.0.0/8", "::1"}) {
            const base::Result<base::Network> network = base::Network::parse(loopback);
            if (network) {
                admission.unlimited_sources.push_back(network.value());
            }
        }
    }
    config.engine.size_max_bytes = limits.size("message_size", config.engine.size_max_bytes);
    if (config.engine.size_max_bytes < 64 * 1024 ||
        config.engine.size_max_bytes > kMessageSizeMax) {
        // RFC 5321 4.5.3.1.7: at least 64 KiB.
        limits.problem("message_size", "must be from 64KiB to 1GiB");
    }
    config.engine.recipients_max = static_cast<std::size_t>(
        limits.integer("recipients", std::int64_t{kRecipientsMin}, 10'000, 1'000));
    config.memory_max_bytes = limits.size("memory", config.memory_max_bytes);
    if (config.memory_max_bytes < 2 * config.engine.size_max_bytes) {
        limits.problem("memory", "must be at least twice message_size");
    }
    config.disk_free_min_bytes = limits.size("disk_free", config.disk_free_min_bytes);
}

void read_timeouts(const base::ConfigSection& timeouts, MailAgentConfig& config) {
    SessionTimes& times = config.times;
    times.command = read_duration(timeouts, "command", times.command, hours(1));
    times.data = read_duration(timeouts, "data", times.data, hours(24));
    times.store = read_duration(timeouts, "store", times.store, minutes(5));
    times.greeting = read_duration(timeouts, "greeting", times.greeting, minutes(1));
    config.stop = read_duration(timeouts, "stop", config.stop, minutes(5));
}

}  // namespace

MailAgentConfig read_mail_agent_config(const base::ConfigSection& root) {
    MailAgentConfig config;
    config.name = root.text("name");
    config.database = root.text("database");
    config.state_dir = root.text("state_dir");
    config.path_helper = root.text("path_helper", default_helper());
    config.engine.host_name = root.text("host_name");
    if (!mail::is_domain(config.engine.host_name)) {
        root.problem("host_name", "must be a domain name");
    }
    config.listen = root.endpoints("listen");
    if (config.listen.empty()) {
        root.problem("listen", "needs at least one address");
    }
    config.load_listen = optional_endpoint(root, "load_listen");
    config.admin_listen = optional_endpoint(root, "admin_listen");
    config.ingest_socket = root.text("ingest_socket", "");
    if (!config.ingest_socket.empty() &&
        (!config.ingest_socket.starts_with('/') || config.ingest_socket.size() > kSocketPathMax)) {
        root.problem("ingest_socket", "must be an absolute path of at most 107 octets");
    }
    config.waiting_hooks = root.text("waiting_hooks", "");
    if (!config.waiting_hooks.empty() && !config.waiting_hooks.starts_with('/')) {
        root.problem("waiting_hooks", "must be the absolute path of a directory");
    }
    config.internal_view = root.endpoints("internal_view");
    if (config.internal_view.empty()) {
        root.problem("internal_view", "needs at least one name server");
    }
    config.postmaster = read_postmaster(root);
    config.loops = static_cast<std::size_t>(root.integer("loops", 1, 64, 1));
    config.segment_size_bytes = root.size("segment_size", config.segment_size_bytes);
    if (config.segment_size_bytes < kSegmentSizeMin ||
        config.segment_size_bytes > kSegmentSizeMax) {
        root.problem("segment_size", "must be from 4KiB to 512MiB");
    }
    read_limits(root.section("limits"), config);
    read_timeouts(root.section("timeouts"), config);
    if (root.has("scan")) {
        config.scan = read_scan_settings(root.section("scan"));
    }
    return config;
}

}  // namespace mta
