#include "ops/cluster_layout.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <random>
#include <set>

#include <sys/socket.h>

#include "base/config.h"
#include "base/fd.h"

namespace ops {

namespace {

constexpr std::int64_t kSessionLimit = 200;
constexpr std::array<std::string_view, 3> kPortsNames = {"high", "standard", "free"};

base::IpAddress loopback(std::uint8_t third, std::uint8_t fourth) {
    return base::IpAddress::v4({std::byte{127}, std::byte{0}, std::byte{third}, std::byte{fourth}});
}

// Ports that are free now on an address, for TCP and UDP both, below those that the kernel gives to
// clients (ip_local_port_range): one of these could take it before its server starts. Each probe
// stays bound until all are chosen, so that no two are the same.
class FreePorts {
  public:
    base::Result<std::uint16_t> take(const base::IpAddress& address) {
        int failure = 0;
        for (int attempt = 0; attempt < 100; ++attempt) {
            base::Fd tcp(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
            base::Fd udp(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
            const std::uint16_t port = port_(random_);
            sockaddr_storage storage{};
            const socklen_t length = base::Endpoint(address, port).to_sockaddr(storage);
            const auto* generic = reinterpret_cast<const sockaddr*>(&storage);
            if (::bind(tcp.get(), generic, length) == 0 &&
                ::bind(udp.get(), generic, length) == 0) {
                held_.push_back(std::move(tcp));
                held_.push_back(std::move(udp));
                return port;
            }
            failure = errno;
        }
        return base::errno_error("find a free port on " + address.to_text(), failure);
    }

  private:
    std::random_device random_;
    std::uniform_int_distribution<std::uint16_t> port_{20000, 31999};
    std::vector<base::Fd> held_;
};

struct PortPlan {
    std::uint16_t high;
    std::uint16_t standard;
};

base::Result<std::uint16_t> choose(Ports ports,
                                   FreePorts& free_ports,
                                   const base::IpAddress& address,
                                   PortPlan plan) {
    switch (ports) {
        case Ports::Free:
            return free_ports.take(address);
        case Ports::Standard:
            return plan.standard;
        case Ports::High:
            break;
    }
    return plan.high;
}

base::IpAddress address_of(const base::ConfigSection& section) {
    auto parsed = base::IpAddress::parse(section.text("address"));
    if (!parsed) {
        section.problem("address", "is not an IP address");
        return {};
    }
    return parsed.value();
}

std::uint16_t port_of(const base::ConfigSection& section, std::string_view key) {
    return static_cast<std::uint16_t>(section.integer(key, 1, 65535));
}

// Names become file names and host labels.
bool is_server_name(std::string_view name) {
    return !name.empty() && name.size() <= 32 && std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
    });
}

base::Status check_names(const ClusterLayout& layout) {
    std::set<std::string> names;
    auto add = [&names](const std::string& name) {
        return is_server_name(name) && names.insert(name).second;
    };
    auto bad = [](const std::string& name) {
        return base::Error{base::Errc::Invalid,
                           "cluster.yaml: server name '" + name +
                               "' is used twice or is not of a-z, 0-9 and '-' (1 to 32)"};
    };
    for (const auto& server : layout.name_servers) {
        if (!add(server.name)) {
            return bad(server.name);
        }
    }
    for (const auto& server : layout.mail_servers) {
        if (!add(server.name)) {
            return bad(server.name);
        }
    }
    for (const auto& server : layout.access_servers) {
        if (!add(server.name)) {
            return bad(server.name);
        }
    }
    for (const auto& server : layout.storage_servers) {
        if (!add(server.name)) {
            return bad(server.name);
        }
    }
    for (const auto& name : layout.trackers) {
        if (!add(name)) {
            return bad(name);
        }
    }
    return base::Done{};
}

base::Status check_references(const ClusterLayout& layout) {
    for (const auto& server : layout.mail_servers) {
        const bool storage_known = std::any_of(
            layout.storage_servers.begin(), layout.storage_servers.end(), [&server](const auto& s) {
                return s.name == server.storage_server;
            });
        if (!storage_known) {
            return base::Error{base::Errc::Invalid,
                               "cluster.yaml: " + server.name + " names the storage server '" +
                                   server.storage_server + "', which is not listed"};
        }
        for (const auto& peer : server.peers) {
            const bool known = peer != server.name && std::any_of(layout.mail_servers.begin(),
                                                                  layout.mail_servers.end(),
                                                                  [&peer](const auto& other) {
                                                                      return other.name == peer;
                                                                  });
            if (!known) {
                return base::Error{base::Errc::Invalid,
                                   "cluster.yaml: " + server.name + " cannot mirror to '" + peer +
                                       "': name another mail server of this file"};
            }
        }
    }
    return base::Done{};
}

}  // namespace

std::string milliseconds_text(base::Duration span) {
    return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(span).count()) +
           "ms";
}

std::string_view ports_name(Ports ports) noexcept {
    return kPortsNames[static_cast<std::size_t>(ports)];
}

base::Result<ClusterLayout> default_layout(const std::string& directory, Ports ports) {
    FreePorts free_ports;
    ClusterLayout layout;
    layout.domain = "example.test";
    layout.ports = ports;
    const base::IpAddress dns = loopback(0, 1);
    layout.name_servers.push_back({"ns1",
                                   dns,
                                   TRY(choose(ports, free_ports, dns, {5300, 53})),
                                   TRY(choose(ports, free_ports, dns, {5301, 5301}))});
    for (std::uint8_t number = 1; number <= 3; ++number) {
        const std::string digit = std::to_string(number);
        const base::IpAddress address = loopback(1, number);
        layout.storage_servers.push_back({"store" + digit, {directory + "/stores/store" + digit}});
        layout.mail_servers.push_back({"mail" + digit,
                                       address,
                                       TRY(choose(ports, free_ports, address, {2525, 25})),
                                       TRY(choose(ports, free_ports, address, {2526, 2526})),
                                       "store" + digit,
                                       {"mail" + std::to_string(number % 3 + 1)},
                                       kSessionLimit});
    }
    for (std::uint8_t number = 1; number <= 2; ++number) {
        const base::IpAddress address = loopback(2, number);
        layout.access_servers.push_back({"access" + std::to_string(number),
                                         address,
                                         TRY(choose(ports, free_ports, address, {1143, 143})),
                                         TRY(choose(ports, free_ports, address, {1110, 110})),
                                         TRY(choose(ports, free_ports, address, {1526, 1526}))});
    }
    layout.trackers.emplace_back("tracker1");
    return layout;
}

base::Result<ClusterLayout> load_layout(const std::string& path) {
    const base::Config config = TRY(base::Config::load(path));
    const base::ConfigSection root = config.root();
    ClusterLayout layout;
    layout.domain = root.text("domain");
    layout.ports =
        static_cast<Ports>(root.choice("ports", {kPortsNames.begin(), kPortsNames.end()}, 0));
    for (const auto& item : root.sections("name_servers")) {
        layout.name_servers.push_back({item.text("name"),
                                       address_of(item),
                                       port_of(item, "port"),
                                       port_of(item, "internal_port")});
    }
    for (const auto& item : root.sections("mail_servers")) {
        layout.mail_servers.push_back({item.text("name"),
                                       address_of(item),
                                       port_of(item, "smtp_port"),
                                       port_of(item, "load_port"),
                                       item.text("storage_server"),
                                       item.texts("peers"),
                                       item.integer("session_limit", 1, 100000, kSessionLimit)});
    }
    for (const auto& item : root.sections("access_servers")) {
        layout.access_servers.push_back({item.text("name"),
                                         address_of(item),
                                         port_of(item, "imap_port"),
                                         port_of(item, "pop3_port"),
                                         port_of(item, "load_port")});
    }
    for (const auto& item : root.sections("storage_servers")) {
        layout.storage_servers.push_back({item.text("name"), item.texts("directories")});
    }
    layout.trackers = root.texts("trackers");
    layout.segment_size = root.size("segment_size", layout.segment_size);
    layout.clamd = root.texts("clamd");
    layout.scan_timeout = root.duration("scan_timeout", layout.scan_timeout);
    layout.waiting_hooks = root.text("waiting_hooks", "");
    layout.message_size = root.size("message_size", layout.message_size);
    layout.attribute_cache = root.duration("attribute_cache", layout.attribute_cache);
    (void)TRY(config.finish());
    (void)TRY(check_names(layout));
    (void)TRY(check_references(layout));
    return layout;
}

std::string format_layout(const ClusterLayout& layout) {
    std::string out =
        "# The cluster that `roundtable up` runs on this machine. Edit it while the cluster is\n"
        "# stopped; a server that is added here is added to the directory at the next start.\n";
    out += "domain: " + layout.domain + "\n";
    out += "ports: " + std::string(ports_name(layout.ports)) + "\n";
    out += "name_servers:\n";
    for (const auto& server : layout.name_servers) {
        out += "  - {name: " + server.name + ", address: " + server.address.to_text() +
               ", port: " + std::to_string(server.port) +
               ", internal_port: " + std::to_string(server.internal_port) + "}\n";
    }
    out += "mail_servers:\n";
    for (const auto& server : layout.mail_servers) {
        out += "  - {name: " + server.name + ", address: " + server.address.to_text() +
               ", smtp_port: " + std::to_string(server.smtp_port) +
               ", load_port: " + std::to_string(server.load_port) +
               ",\n     storage_server: " + server.storage_server + ", peers: [";
        for (std::size_t index = 0; index < server.peers.size(); ++index) {
            out += (index == 0 ? "" : ", ") + server.peers[index];
        }
        out += "], session_limit: " + std::to_string(server.session_limit) + "}\n";
    }
    out += "access_servers:\n";
    for (const auto& server : layout.access_servers) {
        out += "  - {name: " + server.name + ", address: " + server.address.to_text() +
               ", imap_port: " + std::to_string(server.imap_port) +
               ", pop3_port: " + std::to_string(server.pop3_port) +
               ", load_port: " + std::to_string(server.load_port) + "}\n";
    }
    out += "storage_servers:\n";
    for (const auto& server : layout.storage_servers) {
        out += "  - name: " + server.name + "\n    directories:\n";
        for (const auto& directory : server.directories) {
            out += "      - " + directory + "\n";
        }
    }
    out += "trackers:\n";
    for (const auto& name : layout.trackers) {
        out += "  - " + name + "\n";
    }
    out += "segment_size: " + std::to_string(layout.segment_size) + "\n";
    if (!layout.clamd.empty()) {
        out += "clamd:\n";
        for (const auto& address : layout.clamd) {
            out += "  - \"" + address + "\"\n";
        }
        out += "scan_timeout: " + milliseconds_text(layout.scan_timeout) + "\n";
    }
    if (!layout.waiting_hooks.empty()) {
        out += "waiting_hooks: \"" + layout.waiting_hooks + "\"\n";
    }
    out += "message_size: " + std::to_string(layout.message_size) + "\n";
    out += "attribute_cache: " + milliseconds_text(layout.attribute_cache) + "\n";
    return out;
}

}  // namespace ops
