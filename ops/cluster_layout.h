#pragma once

// ClusterLayout: what `roundtable up` runs on one machine: which servers, on which addresses and
// ports, with which storage directories. Kept as DIR/cluster.yaml, which an operator may edit; the
// daemons' own bootstrap files are made from it at each start.
//
// Thread rule: values.
// Errors: Errc::Invalid with file, line and column (load), Errc::Io (save, free ports).

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/endpoint.h"
#include "base/result.h"

namespace ops {

struct NameServerLayout {
    std::string name;
    base::IpAddress address;
    std::uint16_t port = 0;
    std::uint16_t internal_port = 0;  ///< the internal view: address verification
};

/// A mail server: SMTP for the world, the load report for the name server.
struct MailServerLayout {
    std::string name;
    base::IpAddress address;
    std::uint16_t smtp_port = 0;
    std::uint16_t load_port = 0;
    std::string storage_server;      ///< its own
    std::vector<std::string> peers;  ///< its row of the mirroring table
    std::int64_t session_limit = 0;
};

/// An access server: IMAP and POP3 for clients, the load report for the name server.
struct AccessServerLayout {
    std::string name;
    base::IpAddress address;
    std::uint16_t imap_port = 0;
    std::uint16_t pop3_port = 0;
    std::uint16_t load_port = 0;
};

/// A storage server: directories that hold copies of the same segments.
struct StorageServerLayout {
    std::string name;
    std::vector<std::string> directories;  ///< storage paths in order of preference, absolute
};

/// Which ports a new layout takes.
enum class Ports : std::uint8_t {
    High,      ///< 5300, 2525, 1143, 1110: for any user
    Standard,  ///< 53, 25, 143, 110: needs root
    Free,      ///< whatever is free, for tests; kept in the file
};

/// The whole cluster. Names are unique over all its servers.
struct ClusterLayout {
    std::string domain;  ///< host names are made under it: mail1.example.test
    Ports ports = Ports::High;
    std::vector<NameServerLayout> name_servers;
    std::vector<MailServerLayout> mail_servers;
    std::vector<AccessServerLayout> access_servers;
    std::vector<StorageServerLayout> storage_servers;
    std::vector<std::string> trackers;
    std::uint64_t segment_size = 64ULL << 20U;  ///< of the mail servers, octets
    std::vector<std::string> clamd;  ///< of the mail servers; none: nothing is scanned for viruses
    base::Duration scan_timeout = std::chrono::seconds(30);  ///< to a verdict
    std::string waiting_hooks;  ///< directory of the mail servers' hooks; empty: none is run
    std::uint64_t message_size = 50ULL << 20U;                  ///< of the mail servers, octets
    base::Duration attribute_cache = std::chrono::seconds(60);  ///< of the mounts, for trackers

    [[nodiscard]] std::string host_name(std::string_view server) const {
        return std::string(server) + "." + domain;
    }
};

/// "60000ms": a duration as configuration files have it.
[[nodiscard]] std::string milliseconds_text(base::Duration span);

/// "high", "standard", "free".
[[nodiscard]] std::string_view ports_name(Ports ports) noexcept;

/// One name server, three mail servers that mirror in a ring, three storage servers (directories
/// below `directory`), two access servers, a tracker. Errc::Io when no port is free.
[[nodiscard]] base::Result<ClusterLayout> default_layout(const std::string& directory, Ports ports);

/// Reads a layout and checks that it holds together: unique names, known peers and storage servers.
[[nodiscard]] base::Result<ClusterLayout> load_layout(const std::string& path);

[[nodiscard]] std::string format_layout(const ClusterLayout& layout);

}  // namespace ops
