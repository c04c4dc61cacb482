#pragma once

// Discovery: finds segments that the catalog does not know (they were opened while it was away) by
// listing the storage roots, and tells the catalog of them, so that they are caught up. A segment
// that was written whole is one only if a copy verifies, and is told as sealed; any other is told
// as open, and catch-up finds its seal.
//
// Thread rule: loop thread, from a fiber. Limits: kFilesMax names are held, and one whole segment.

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/db.h"
#include "base/result.h"
#include "base/worker_pool.h"
#include "storage/catalog/catalog.h"
#include "storage/mirror/recovery.h"
#include "storage/path/storage_server_set.h"

namespace storage {

/// How much of the roots is listed.
enum class DiscoveryDepth : std::uint8_t {
    Recent,  ///< folders of yesterday and today (UTC): where new segments are
    All,
};

/// See the top of this file.
class Discovery {
  public:
    static constexpr std::size_t kFilesMax = 1'000'000;

    /// Both outlive it.
    Discovery(StorageServerSet& servers, base::DbPool& pool) noexcept
        : servers_(servers), pool_(pool) {}

    /// Returns how many were new to the catalog. Storage servers that do not answer, or that the
    /// directory does not have (yet), are passed over: ask again. Errors: those of the database;
    /// Cancelled.
    [[nodiscard]] base::Result<std::size_t> run_once(DiscoveryDepth depth);

    /// The catalog is another than it was: it may not know any more what it knew.
    void forget() { known_.clear(); }

    /// Storage servers that the last run_once() could not list, or not to the end.
    [[nodiscard]] const std::vector<StorageServerId>& unlisted() const noexcept {
        return unlisted_;
    }

  private:
    /// Files by segment.
    struct Names;

    [[nodiscard]] base::Status list_server(const StorageServerId& server,
                                           DiscoveryDepth depth,
                                           Names& names);
    [[nodiscard]] base::Status list_day(const StorageServerId& server,
                                        const std::string& day,
                                        Names& names);
    [[nodiscard]] base::Result<std::set<StorageServerId>> directory_stores();
    [[nodiscard]] base::Result<std::size_t> tell(const Names& names);
    [[nodiscard]] base::Result<DecodedHeader> header_of(const SegmentId& segment,
                                                        const std::vector<SegmentCopy>& copies);
    [[nodiscard]] base::Result<std::optional<SegmentNote>> note_of_whole(
        const DecodedHeader& header, const std::vector<SegmentCopy>& copies);
    [[nodiscard]] base::Result<Seal> read_whole(const SegmentId& segment, const SegmentCopy& copy);

    StorageServerSet& servers_;
    base::DbPool& pool_;
    base::WorkerPool worker_{"discover", 1, 16};  // checksums take their time: not on the loop
    std::vector<StorageServerId> unlisted_;
    std::set<SegmentId> known_;  // not asked for again, until all folders are listed
};

}  // namespace storage
