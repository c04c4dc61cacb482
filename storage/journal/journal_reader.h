#pragma once

// JournalReader: reads journal segments back from whichever copy is good.
//
// Thread rule: loop thread, from a fiber. Memory: one segment, and what is in it decompressed.

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/db.h"
#include "base/result.h"
#include "base/worker_pool.h"
#include "storage/catalog/catalog.h"
#include "storage/journal/journal_plan.h"
#include "storage/path/storage_server_set.h"

namespace storage {

/// A segment that the catalog knows, and where copies of it are.
struct SegmentPlaces {
    SegmentId id;
    std::vector<ReplicaPlace> replicas;
};

/// Pages of segments by id, after `after`: all of them, or journals only.
enum class WhichSegments : std::uint8_t { All, Journals };
[[nodiscard]] base::Result<std::vector<SegmentPlaces>> list_segments(base::Connection& connection,
                                                                     WhichSegments which,
                                                                     const SegmentId& after);

/// A frame with the text that it borrows from.
struct JournalText {
    JournalHead head;
    std::string body;
};

/// All frames of a sealed segment in memory, in offset order. Errors: Corrupt, Unsupported.
[[nodiscard]] base::Result<std::vector<JournalText>> decode_journal_segment(
    std::span<const std::byte> file);

/// See the top of this file.
class JournalReader {
  public:
    /// Both outlive it.
    JournalReader(StorageServerSet& servers, base::WorkerPool& workers) noexcept
        : servers_(servers), workers_(workers) {}

    /// Errors: Corrupt (every copy answered, none is good), Unavailable (a copy that may be good
    /// does not answer now), Unsupported, Cancelled.
    [[nodiscard]] base::Result<std::vector<JournalText>> read(const SegmentPlaces& segment);

  private:
    StorageServerSet& servers_;
    base::WorkerPool& workers_;
};

}  // namespace storage
