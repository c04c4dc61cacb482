#include "storage/tracking/layout.h"

#include <charconv>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "base/hash.h"

namespace storage {
namespace {

using base::Errc;
using base::Error;
using base::Result;

constexpr base::Statement kCluster{"storage_layout_cluster",
                                   "SELECT v.version, c.min_copies, c.accept_degraded, "
                                   "c.compression "
                                   "FROM directory.version v, directory.cluster c"};
constexpr base::Statement kServers{
    "storage_layout_servers",
    "SELECT s.store_id, s.name, s.failure_domain, s.state, p.id, p.directory "
    "FROM directory.storage_server s "
    "LEFT JOIN directory.storage_path p ON p.storage_server_id = s.id "
    "AND (p.for_server IS NULL OR p.for_server = $1) "
    "WHERE s.state <> 'retired' "
    "ORDER BY s.id, p.preference, p.for_server NULLS LAST, p.id"};
constexpr base::Statement kAgents{
    "storage_layout_agents",
    "SELECT agent_id, name, retired_at IS NOT NULL, 'mail' FROM directory.mail_server "
    "UNION ALL SELECT agent_id, name, retired_at IS NOT NULL, 'access' FROM "
    "directory.access_server"};
// The own storage server first, then the peers' in table order.
constexpr base::Statement kMailTable{
    "storage_layout_table",
    "SELECT s.store_id, s.state FROM ("
    "SELECT m.storage_server_id, 0 AS position FROM directory.mail_server m WHERE m.name = $1 "
    "UNION ALL SELECT p.storage_server_id, x.position FROM directory.mail_server m "
    "JOIN directory.mirroring x ON x.mail_server_id = m.id "
    "JOIN directory.mail_server p ON p.id = x.peer_id WHERE m.name = $1) AS t "
    "JOIN directory.storage_server s ON s.id = t.storage_server_id "
    "ORDER BY t.position"};
constexpr base::Statement kTableOfAccess{
    "storage_layout_access",
    "WITH mail AS (SELECT name, row_number() OVER (ORDER BY id) - 1 AS n, count(*) OVER () AS many "
    "FROM directory.mail_server WHERE retired_at IS NULL), "
    "access AS (SELECT name, row_number() OVER (ORDER BY id) - 1 AS n "
    "FROM directory.access_server) "
    "SELECT mail.name FROM access JOIN mail ON mail.n = access.n % mail.many "
    "WHERE access.name = $1"};
constexpr base::Statement kVersion{"storage_directory_version",
                                   "SELECT version FROM directory.version"};

Result<std::vector<LayoutServer>> read_servers(base::Connection& connection,
                                               std::string_view server) {
    const base::Rows rows = TRY(connection.query(kServers, {server}));
    std::vector<LayoutServer> servers;
    for (const base::Row row : rows) {
        const StorageServerId id(row.uuid(0));
        if (servers.empty() || servers.back().config.id != id) {
            if (servers.size() == kStorageServersMax) {
                return Error{Errc::TooLarge, "too many storage servers in the directory"};
            }
            LayoutServer& added = servers.emplace_back();
            added.config.id = id;
            added.config.name = row.string(1);
            added.config.failure_domain = row.string(2);
            added.use =
                row.text(3) == "draining" ? StorageServerUse::Draining : StorageServerUse::Active;
        }
        if (!row.is_null(4)) {
            std::vector<StoragePathConfig>& paths = servers.back().config.paths;
            paths.push_back({fmt::format("{}-{}", servers.back().config.name, paths.size() + 1),
                             row.string(5)});
        }
    }
    return servers;
}

Result<MirrorTable> read_table(base::Connection& connection, std::string_view mail_server) {
    const base::Rows rows = TRY(connection.query(kMailTable, {mail_server}));
    if (rows.empty()) {
        return Error{Errc::NotFound,
                     fmt::format("no mail server {} in the directory", mail_server)};
    }
    MirrorTable table;
    table.own = StorageServerId(rows[0].uuid(0));
    for (std::size_t n = 1; n < rows.size(); ++n) {
        // What is being drained is not asked for, so nothing is owed to it.
        if (rows[n].text(1) == "active") {
            table.peers.push_back(StorageServerId(rows[n].uuid(0)));
        }
    }
    return table;
}

Result<std::string> table_owner(base::Connection& connection,
                                ServerRole role,
                                std::string_view server) {
    if (role == ServerRole::Mail) {
        return std::string(server);
    }
    const base::Rows rows = TRY(connection.query(kTableOfAccess, {server}));
    if (rows.empty()) {
        return Error{
            Errc::NotFound,
            fmt::format("no access server {}, or no mail server, in the directory", server)};
    }
    return rows[0].string(0);
}

Result<base::Done> read_agents(base::Connection& connection,
                               ServerRole role,
                               std::string_view server,
                               Layout& layout) {
    const char* kind = role == ServerRole::Mail ? "mail" : "access";
    const base::Rows rows = TRY(connection.query(kAgents));
    for (const base::Row row : rows) {
        const MailServerId id(row.uuid(0));
        layout.agents[id] = row.string(1);
        if (row.boolean(2)) {
            layout.retired.push_back(id);
        }
        if (row.text(1) == server && row.text(3) == kind) {
            layout.agent = id;
        }
    }
    if (role != ServerRole::Tracker && layout.agent.is_nil()) {
        return Error{Errc::NotFound, fmt::format("no {} server {} in the directory", kind, server)};
    }
    return base::Done{};
}

// ---- The text: a line a fact, words separated by tabs. In free text (failure domains,
// directories) tab, newline and backslash are "\t", "\n" and "\\".

constexpr std::string_view kFirstLine = "roundtable layout 1";

std::vector<std::string_view> split(std::string_view text, char separator) {
    std::vector<std::string_view> parts;
    while (true) {
        const std::size_t end = text.find(separator);
        parts.push_back(text.substr(0, end));
        if (end == std::string_view::npos) {
            return parts;
        }
        text.remove_prefix(end + 1);
    }
}

std::optional<std::int64_t> number_of(std::string_view text) {
    std::int64_t number = 0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (failed != std::errc() || end != text.data() + text.size()) {
        return std::nullopt;
    }
    return number;
}

std::string escaped(std::string_view text) {
    std::string word;
    for (const char c : text) {
        switch (c) {
            case '\t':
                word += "\\t";
                break;
            case '\n':
                word += "\\n";
                break;
            case '\\':
                word += "\\\\";
                break;
            default:
                word += c;
        }
    }
    return word;
}

std::string unescaped(std::string_view word) {
    std::string text;
    for (std::size_t n = 0; n < word.size(); ++n) {
        if (word[n] != '\\' || n + 1 == word.size()) {
            text += word[n];
            continue;
        }
        ++n;
        text += word[n] == 't' ? '\t' : word[n] == 'n' ? '\n' : word[n];
    }
    return text;
}

Error corrupt(std::string_view what) {
    return Error{Errc::Corrupt, fmt::format("layout: {}", what)};
}

Result<base::Done> decode_line(const std::vector<std::string_view>& words, Layout& layout) {
    const std::string_view what = words[0];
    if (what == "version" && words.size() == 4) {
        const auto version = number_of(words[1]);
        const auto copies = number_of(words[2]);
        if (!version || !copies || *copies < 1 || *copies > 255) {
            return corrupt("numbers");
        }
        layout.version = *version;
        layout.policy.min_copies = static_cast<std::uint8_t>(*copies);
        layout.policy.accept_degraded = words[3] == "degraded";
    } else if (what == "compression" && words.size() == 2) {
        layout.compression = words[1] == "zstd" ? Compression::Zstd : Compression::None;
    } else if (what == "self" && words.size() == 2) {
        layout.agent = TRY(MailServerId::parse(words[1]));
    } else if (what == "agent" && words.size() == 3) {
        const MailServerId id = TRY(MailServerId::parse(words[1]));
        layout.agents[id] = words[2];
    } else if (what == "server" && words.size() == 5) {
        LayoutServer server;
        server.config.id = TRY(StorageServerId::parse(words[1]));
        server.config.name = words[2];
        server.config.failure_domain = unescaped(words[3]);
        server.use = words[4] == "draining" ? StorageServerUse::Draining : StorageServerUse::Active;
        layout.servers.push_back(std::move(server));
    } else if (what == "path" && words.size() == 3 && !layout.servers.empty()) {
        layout.servers.back().config.paths.push_back({std::string(words[1]), unescaped(words[2])});
    } else if (what == "own" && words.size() == 2) {
        layout.table.own = TRY(StorageServerId::parse(words[1]));
    } else if (what == "peer" && words.size() == 2) {
        layout.table.peers.push_back(TRY(StorageServerId::parse(words[1])));
    } else {
        return corrupt("a line that is none");
    }
    return base::Done{};
}

}  // namespace

Result<Layout> read_layout(base::Connection& connection, ServerRole role, std::string_view server) {
    Layout layout;
    // The version first: what changes while the rest is read is read again.
    const base::Rows cluster = TRY(connection.query(kCluster));
    if (cluster.empty()) {
        return Error{Errc::NotFound, "no cluster row in the directory"};
    }
    layout.version = cluster[0].int64(0);
    layout.policy.min_copies = static_cast<std::uint8_t>(cluster[0].int64(1));
    layout.policy.accept_degraded = cluster[0].boolean(2);
    layout.compression = cluster[0].text(3) == "zstd" ? Compression::Zstd : Compression::None;
    layout.servers = TRY(read_servers(connection, server));
    TRY(read_agents(connection, role, server, layout));
    if (role != ServerRole::Tracker) {
        const std::string owner = TRY(table_owner(connection, role, server));
        layout.table = TRY(read_table(connection, owner));
    }
    return layout;
}

Result<std::int64_t> read_directory_version(base::Connection& connection) {
    const base::Rows rows = TRY(connection.query(kVersion));
    if (rows.empty()) {
        return Error{Errc::NotFound, "no row in directory.version"};
    }
    return rows[0].int64(0);
}

std::string encode(const Layout& layout) {
    std::string text = fmt::format("{}\nversion\t{}\t{}\t{}\nself\t{}\n",
                                   kFirstLine,
                                   layout.version,
                                   layout.policy.min_copies,
                                   layout.policy.accept_degraded ? "degraded" : "strict",
                                   layout.agent.text());
    for (const auto& [id, name] : layout.agents) {
        text += fmt::format("agent\t{}\t{}\n", id.text(), name);
    }
    for (const LayoutServer& server : layout.servers) {
        text += fmt::format("server\t{}\t{}\t{}\t{}\n",
                            server.config.id.text(),
                            server.config.name,
                            escaped(server.config.failure_domain),
                            server.use == StorageServerUse::Draining ? "draining" : "active");
        for (const StoragePathConfig& path : server.config.paths) {
            text += fmt::format("path\t{}\t{}\n", path.name, escaped(path.root));
        }
    }
    if (layout.compression == Compression::Zstd) {
        text += "compression\tzstd\n";
    }
    text += fmt::format("own\t{}\n", layout.table.own.text());
    for (const StorageServerId& peer : layout.table.peers) {
        text += fmt::format("peer\t{}\n", peer.text());
    }
    return text + fmt::format("end\t{:08x}\n", base::crc32c(base::as_bytes(text)));
}

Result<Layout> decode_layout(std::string_view text) {
    constexpr std::size_t kEndLine = 13;  // "end", tab, eight digits, newline
    if (text.size() < kEndLine || text.size() > kLayoutSizeMax) {
        return corrupt("its size");
    }
    const std::string_view body = text.substr(0, text.size() - kEndLine);
    if (text.substr(body.size()) !=
        fmt::format("end\t{:08x}\n", base::crc32c(base::as_bytes(body)))) {
        return corrupt("its checksum");
    }
    std::vector<std::string_view> lines = split(body, '\n');
    if (lines.front() != kFirstLine) {
        return corrupt("another format");
    }
    Layout layout;
    for (std::size_t n = 1; n + 1 < lines.size(); ++n) {
        TRY(decode_line(split(lines[n], '\t'), layout));
    }
    return layout;
}

}  // namespace storage
