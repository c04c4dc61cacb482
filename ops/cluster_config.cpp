#include "ops/cluster_config.h"

#include <algorithm>

#include "base/endpoint.h"
#include "ops/command.h"
#include "ops/json.h"

namespace ops {

namespace {

constexpr std::uint16_t kFirstFreePort = 1024;
constexpr std::size_t kSocketPathMax = 107;              // unix(7), sun_path
constexpr std::uint64_t kMessageMemory = 256ULL << 20U;  // of a mail server, at the least

std::string endpoint(const base::IpAddress& address, std::uint16_t port) {
    return base::Endpoint(address, port).to_text();
}

// YAML double quotes take JSON's escapes.
std::string common(const std::string& name,
                   const std::string& role,
                   const ClusterFiles& files,
                   const std::string& database) {
    return "name: " + name + "\ndatabase: " + json_text(conninfo_as(database, role)) +
           "\nstate_dir: " + json_text(files.state_directory(name)) + "\n";
}

std::string internal_views(const ClusterLayout& layout) {
    std::string text = "internal_view:\n";
    for (const auto& server : layout.name_servers) {
        text += "  - \"" + endpoint(server.address, server.internal_port) + "\"\n";
    }
    return text;
}

DaemonConfig name_server(const NameServerLayout& server,
                         const ClusterFiles& files,
                         const std::string& database) {
    DaemonConfig config{server.name, "roundtable-dnsd", 1, {}, server.port < kFirstFreePort};
    config.yaml = common(server.name, "roundtable_dnsd", files, database) + "listen: [\"" +
                  endpoint(server.address, server.port) + "\"]\ninternal_listen: [\"" +
                  endpoint(server.address, server.internal_port) +
                  "\"]\ninternal_acl: [\"127.0.0.0/8\", \"::1/128\"]\nthreads: 1\n";
    return config;
}

// A directory with a long path has none, rather than no mail server.
std::string ingest_setting(const std::string& path) {
    return path.size() > kSocketPathMax ? "" : "ingest_socket: " + json_text(path) + "\n";
}

std::string hooks_setting(const ClusterLayout& layout) {
    return layout.waiting_hooks.empty()
               ? ""
               : "waiting_hooks: " + json_text(layout.waiting_hooks) + "\n";
}

std::string scan_section(const ClusterLayout& layout) {
    if (layout.clamd.empty()) {
        return {};
    }
    std::string text =
        "scan:\n  timeout: " + milliseconds_text(layout.scan_timeout) + "\n  clamd:\n";
    for (const auto& address : layout.clamd) {
        text += "    - " + json_text(address) + "\n";
    }
    return text;
}

DaemonConfig mail_server(const ClusterLayout& layout,
                         const MailServerLayout& server,
                         const ClusterFiles& files,
                         const std::string& database) {
    DaemonConfig config{server.name, "roundtable-mtad", 2, {}, server.smtp_port < kFirstFreePort};
    config.yaml = common(server.name, "roundtable_mtad", files, database) +
                  "host_name: " + layout.host_name(server.name) + "\nlisten: [\"" +
                  endpoint(server.address, server.smtp_port) + "\"]\nload_listen: \"" +
                  endpoint(server.address, server.load_port) + "\"\n" +
                  ingest_setting(files.ingest_socket(server.name)) + internal_views(layout) +
                  "segment_size: " + std::to_string(layout.segment_size) +
                  "\nlimits:\n  sessions: " + std::to_string(server.session_limit) +
                  "\n  message_size: " + std::to_string(layout.message_size) + "\n  memory: " +
                  std::to_string(std::max(kMessageMemory, 4 * layout.message_size)) + "\n" +
                  hooks_setting(layout) + scan_section(layout);
    return config;
}

DaemonConfig access_server(const ClusterLayout& layout,
                           const AccessServerLayout& server,
                           const ClusterFiles& files,
                           const std::string& database) {
    DaemonConfig config{server.name,
                        "roundtable-accessd",
                        2,
                        {},
                        server.imap_port < kFirstFreePort || server.pop3_port < kFirstFreePort};
    config.yaml = common(server.name, "roundtable_accessd", files, database) +
                  "listen:\n  imap: [\"" + endpoint(server.address, server.imap_port) +
                  "\"]\n  pop3: [\"" + endpoint(server.address, server.pop3_port) +
                  "\"]\nload_listen: \"" + endpoint(server.address, server.load_port) + "\"\n" +
                  internal_views(layout);
    return config;
}

}  // namespace

std::vector<DaemonConfig> daemon_configs(const ClusterLayout& layout,
                                         const ClusterFiles& files,
                                         const std::string& database) {
    std::vector<DaemonConfig> configs;
    for (const auto& server : layout.name_servers) {
        configs.push_back(name_server(server, files, database));
    }
    for (const auto& server : layout.mail_servers) {
        configs.push_back(mail_server(layout, server, files, database));
    }
    for (const auto& server : layout.access_servers) {
        configs.push_back(access_server(layout, server, files, database));
    }
    for (const auto& name : layout.trackers) {
        configs.push_back({name,
                           "roundtable-trackerd",
                           2,
                           common(name, "roundtable_trackerd", files, database) +
                               "attribute_cache: " + milliseconds_text(layout.attribute_cache) +
                               "\n",
                           false});
    }
    return configs;
}

std::string endpoints_json(const ClusterLayout& layout,
                           const ClusterFiles& files,
                           const std::string& database) {
    Json names = Json::array();
    for (const auto& server : layout.name_servers) {
        names.push_back({{"name", server.name},
                         {"host_name", layout.host_name(server.name)},
                         {"address", server.address.to_text()},
                         {"port", server.port},
                         {"internal_port", server.internal_port}});
    }
    Json mail = Json::array();
    for (const auto& server : layout.mail_servers) {
        mail.push_back({{"name", server.name},
                        {"host_name", layout.host_name(server.name)},
                        {"address", server.address.to_text()},
                        {"smtp_port", server.smtp_port},
                        {"ingest_socket", files.ingest_socket(server.name)},
                        {"load_port", server.load_port},
                        {"session_limit", server.session_limit}});
    }
    Json access = Json::array();
    for (const auto& server : layout.access_servers) {
        access.push_back({{"name", server.name},
                          {"host_name", layout.host_name(server.name)},
                          {"address", server.address.to_text()},
                          {"imap_port", server.imap_port},
                          {"pop3_port", server.pop3_port},
                          {"load_port", server.load_port}});
    }
    Json storage = Json::array();
    for (const auto& server : layout.storage_servers) {
        storage.push_back({{"name", server.name}, {"directories", server.directories}});
    }
    const Json all = {{"domain", layout.domain},
                      {"database", database},
                      {"name_servers", names},
                      {"mail_servers", mail},
                      {"access_servers", access},
                      {"storage_servers", storage}};
    return all.dump(2) + "\n";
}

std::string endpoints_text(const ClusterLayout& layout,
                           const ClusterFiles& files,
                           const std::string& database) {
    std::string text = "DNS\n";
    for (const auto& server : layout.name_servers) {
        text += "  " + server.name + "     " + endpoint(server.address, server.port) +
                "   internal view " + endpoint(server.address, server.internal_port) + "\n";
    }
    text += "SMTP\n";
    for (const auto& server : layout.mail_servers) {
        text += "  " + server.name + "   " + endpoint(server.address, server.smtp_port) +
                "   storage " + server.storage_server + "\n";
    }
    text += "IMAP and POP3\n";
    for (const auto& server : layout.access_servers) {
        text += "  " + server.name + " " + endpoint(server.address, server.imap_port) + "   " +
                endpoint(server.address, server.pop3_port) + "\n";
    }
    text += "Storage\n";
    for (const auto& server : layout.storage_servers) {
        text += "  " + server.name + " ";
        for (const auto& directory : server.directories) {
            text += " " + directory;
        }
        text += "\n";
    }
    const auto& dns = layout.name_servers.front();
    const auto& smtp = layout.mail_servers.front();
    const auto& imap = layout.access_servers.front();
    const std::string domain = layout.domain;
    text +=
        "\nWhat to try\n"
        "  dig @" +
        dns.address.to_text() + " -p " + std::to_string(dns.port) + " " + domain +
        " MX\n"
        "  swaks --server " +
        endpoint(smtp.address, smtp.smtp_port) + " --from you@client.invalid --to alice@" + domain +
        "\n"
        "  curl -u alice@" +
        domain + " 'imap://" + endpoint(imap.address, imap.imap_port) +
        "/INBOX;UID=1'\n"
        "  a mail client: IMAP " +
        imap.address.to_text() + " port " + std::to_string(imap.imap_port) +
        ", no encryption, user alice@" + domain +
        "\n"
        "  roundtable --dir " +
        files.directory() +
        " status\n"
        "  psql '" +
        conninfo_as(database, "roundtable_report") + "' -c 'TABLE report.message_copy'\n";
    return text;
}

}  // namespace ops
