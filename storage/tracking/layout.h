#pragma once

// Layout: what the directory says about storage, as one server sees it: storage servers and the
// paths by which it reaches them, the mirroring table, how many copies are wanted, who is who. It
// is kept in a local file too, so that a server can start while the directory is away.
//
// Thread rule: values; read_layout() blocks on a database worker; the file functions block. Limits:
// kStorageServersMax, kLayoutSizeMax.

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/db.h"
#include "base/result.h"
#include "storage/mirror/placement.h"
#include "storage/path/storage_server_client.h"
#include "storage/segment/frame.h"
#include "storage/segment/ids.h"

namespace storage {

inline constexpr std::size_t kStorageServersMax = 256;
inline constexpr std::size_t kLayoutSizeMax = 4U << 20U;

/// Which table of the directory has a server's row. A tracker has none: it only reads.
enum class ServerRole : std::uint8_t { Mail, Access, Tracker };

enum class StorageServerUse : std::uint8_t {
    Active,
    Draining,  ///< still read, takes no new segment
};

/// A storage server and how it may be used.
struct LayoutServer {
    StorageServerConfig config;
    StorageServerUse use = StorageServerUse::Active;

    friend bool operator==(const LayoutServer&, const LayoutServer&) = default;
};

/// See the top of this file.
struct Layout {
    std::int64_t version = 0;  ///< directory.version when it was read
    MailServerId agent;        ///< nil for a tracker
    std::vector<LayoutServer>
        servers;        ///< in ring order (by their row's id), retired ones left out
    MirrorTable table;  ///< nil own: none
    CopyPolicy policy;
    Compression compression = Compression::None;  ///< of messages in new segments
    std::map<MailServerId, std::string> agents;   ///< names of mail and access servers
    std::vector<MailServerId> retired;            ///< those of them that are declared gone for good

    friend bool operator==(const Layout&, const Layout&) = default;
};

/// As `server` (its name in the directory) sees it. An access server has no storage server of its
/// own: it takes over the table of a mail server, chosen by its place in the order of access
/// servers, so that all of them spread what clients append. Errors: NotFound (no such server; or an
/// access server, and there is no mail server), and those of db.h.
[[nodiscard]] base::Result<Layout> read_layout(base::Connection& connection,
                                               ServerRole role,
                                               std::string_view server);

/// directory.version, for polls.
[[nodiscard]] base::Result<std::int64_t> read_directory_version(base::Connection& connection);

/// Text with a checksum. Not the retired servers: nobody retires them without the directory.
[[nodiscard]] std::string encode(const Layout& layout);

/// Errors: Corrupt.
[[nodiscard]] base::Result<Layout> decode_layout(std::string_view text);

}  // namespace storage
