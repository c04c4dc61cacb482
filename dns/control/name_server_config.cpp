#include "dns/control/name_server_config.h"

#include <algorithm>
#include <cerrno>
#include <string_view>

#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

namespace dns {
namespace {

constexpr std::size_t kSecretsFileMax = 4096;
constexpr std::size_t kParentResolversMax = 4;

std::vector<base::Network> loopback() {
    return {base::Network::parse("127.0.0.0/8").take_value(),
            base::Network::parse("::1").take_value()};
}

std::vector<base::Network> networks_or_loopback(const base::ConfigSection& section,
                                                std::string_view key) {
    return section.has(key) ? section.networks(key) : loopback();
}

base::Duration bounded(const base::ConfigSection& section,
                       std::string_view key,
                       base::Duration min,
                       base::Duration max,
                       base::Duration fallback) {
    const base::Duration value = section.duration(key, fallback);
    if (value < min || value > max) {
        section.problem(key, "is out of its bounds, which name_server_config.h lists");
    }
    return value;
}

void read_tcp(const base::ConfigSection& section, TcpServer::Options& tcp) {
    tcp.connections_max = static_cast<std::size_t>(section.integer("connections", 1, 20000, 1000));
    const auto most = static_cast<std::int64_t>(tcp.connections_max);
    tcp.connections_per_client_max = static_cast<std::size_t>(
        section.integer("connections_per_client", 1, most, std::min<std::int64_t>(most, 100)));
    tcp.idle = bounded(
        section, "idle", std::chrono::seconds(1), std::chrono::hours(1), std::chrono::seconds(10));
    tcp.slow = bounded(section,
                       "slow",
                       std::chrono::milliseconds(100),
                       std::chrono::minutes(1),
                       std::chrono::seconds(5));
    tcp.taken_max = static_cast<std::size_t>(section.integer("pending", 1, 1000, 32));
}

void read_transfers(const base::ConfigSection& section, NameServerConfig& config) {
    StreamLimits& limits = config.transfers;
    limits.total_max = static_cast<std::size_t>(section.integer("total", 1, 1000, 20));
    const auto most = static_cast<std::int64_t>(limits.total_max);
    limits.per_client_max = static_cast<std::size_t>(
        section.integer("per_client", 1, most, std::min<std::int64_t>(most, 10)));
    limits.wait = bounded(
        section, "wait", base::Duration::zero(), std::chrono::minutes(1), std::chrono::seconds(3));
    limits.slow = config.tcp.slow;
    config.notify_per_second =
        static_cast<double>(section.integer("notify_per_second", 1, 100'000, 500));
}

void read_rate_limit(const base::ConfigSection& section, AnswerPolicy& answers) {
    RateLimits& limits = answers.rate_limits;
    const bool enabled = section.boolean("enabled", true);
    limits.answers_per_second =
        static_cast<std::uint32_t>(section.integer("answers_per_second", 1, 1'000'000, 1000));
    limits.errors_per_second =
        static_cast<std::uint32_t>(section.integer("errors_per_second", 1, 1'000'000, 200));
    limits.window = bounded(
        section, "window", std::chrono::milliseconds(10), kRateWindowMax, std::chrono::seconds(1));
    answers.slip = static_cast<unsigned>(section.integer("slip", 0, 100, 1));
    limits.ipv4_prefix = static_cast<unsigned>(section.integer("ipv4_prefix", 8, 32, 24));
    limits.ipv6_prefix = static_cast<unsigned>(section.integer("ipv6_prefix", 16, 64, 56));
    limits.entries =
        static_cast<std::size_t>(section.integer("entries", 1024, 16 * 1024 * 1024, 65536));
    answers.exempt = networks_or_loopback(section, "exempt");
    if (!enabled) {
        limits.answers_per_second = 0;
        limits.errors_per_second = 0;
    }
}

void read_chaos(const base::ConfigSection& root, explain::ChaosPolicy& chaos) {
    chaos.admins = networks_or_loopback(root, "admin_acl");
    const base::ConfigSection section = root.section("chaos");
    for (const auto& [key, text] : {std::pair("version", &chaos.version),
                                    std::pair("hostname", &chaos.hostname),
                                    std::pair("id", &chaos.id)}) {
        *text = section.text(key, "");
        if (text->size() > explain::kChaosTextMax) {
            section.problem(key,
                            "is longer than " + std::to_string(explain::kChaosTextMax) + " octets");
        }
    }
}

void read_transport(const base::ConfigSection& root, NameServerConfig& config) {
    constexpr std::uint64_t kKiB = 1024;
    config.udp_receive_buffer =
        static_cast<std::size_t>(root.size("udp_receive_buffer", kUdpReceiveBuffer));
    if (config.udp_receive_buffer < 64 * kKiB || config.udp_receive_buffer > 256 * kKiB * kKiB) {
        root.problem("udp_receive_buffer", "must be between 64KiB and 256MiB");
    }
    read_tcp(root.section("tcp"), config.tcp);
    config.answers.tcp_idle =
        static_cast<std::uint16_t>(config.tcp.idle / std::chrono::milliseconds(100));
    read_transfers(root.section("transfers"), config);
    const base::ConfigSection cookies = root.section("cookies");
    config.answers.cookies = cookies.boolean("enabled", true);
    config.cookie_secrets_file = cookies.text("secrets_file", "");
    read_rate_limit(root.section("rate_limit"), config.answers);
    const base::ConfigSection denials = root.section("compact_denial");
    DenialLimits& limits = config.answers.denials;
    limits.signatures_per_second = static_cast<std::uint32_t>(
        denials.integer("signatures_per_second", 1, 100'000, limits.signatures_per_second));
    limits.network_signatures_per_second = static_cast<std::uint32_t>(denials.integer(
        "network_signatures_per_second", 1, 100'000, limits.network_signatures_per_second));
    config.answers.nsid = root.text("nsid", config.name);
    if (config.answers.nsid.size() > kNsidMax) {
        root.problem("nsid", "is longer than " + std::to_string(kNsidMax) + " octets");
    }
}

}  // namespace

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
    config.internal_acl = networks_or_loopback(root, "internal_acl");
    config.internal_keys = root.texts("internal_keys");
    if (root.has("admin_listen")) {
        config.admin_listen = root.endpoint("admin_listen");
    }
    config.explain_socket = root.text("explain_socket", config.state_dir + "/explain");
    config.parent_resolvers = root.endpoints("parent_resolvers");
    if (config.parent_resolvers.size() > kParentResolversMax) {
        root.problem("parent_resolvers", "takes at most 4");
    }
    read_chaos(root, config.answers.chaos);
    config.threads = static_cast<unsigned>(root.integer("threads", 1, 64, 1));
    const std::int64_t processors = std::max<std::int64_t>(1, sysconf(_SC_NPROCESSORS_ONLN));
    config.build_threads = static_cast<unsigned>(
        root.integer("build_threads", 1, 64, std::min<std::int64_t>(processors, 4)));
    read_transport(root, config);
    config.powerdns = plugin::read_plugin_config(root);
    return config;
}

base::Result<std::vector<SipKey>> load_cookie_secrets(const std::string& path) {
    const std::string text = TRY(base::read_file(path, kSecretsFileMax));

    struct stat about {};

    if (stat(path.c_str(), &about) != 0) {
        return base::errno_error(path, errno);
    }
    if ((about.st_mode & S_IRWXO) != 0) {
        return base::Error{base::Errc::Refused,
                           path + ": everybody may read these secrets; chmod o= " + path};
    }
    auto secrets = parse_cookie_secrets(text);
    if (!secrets) {
        return base::Error{secrets.error().code, path + ": " + secrets.error().detail};
    }
    return secrets;
}

}  // namespace dns
