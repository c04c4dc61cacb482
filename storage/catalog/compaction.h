#pragma once

// What trackers ask of the catalog when they end retentions, compact segments and remove files. The
// SQL, and why it loses nothing, is in schema/0011_retention.sql.
//
// Thread rule: functions of a base::Connection; they block: on database workers only. Errors: those
// of base/db.h.

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/db.h"
#include "base/result.h"
#include "mail/message_id.h"
#include "storage/catalog/catalog.h"
#include "storage/segment/ids.h"

namespace storage {

/// What one purge did.
struct Purged {
    std::uint64_t rows = 0;        ///< retentions that ended
    std::uint64_t messages = 0;    ///< that are dead since then
    std::uint64_t dead_bytes = 0;  ///< of their frames
};

/// Ends retentions that are over, at most so many.
[[nodiscard]] base::Result<Purged> purge_retained(base::Connection& connection, std::size_t most);

/// Removes quarantined messages that are past their retention, at most so many; returns how many.
[[nodiscard]] base::Result<std::size_t> purge_quarantine(base::Connection& connection,
                                                         std::size_t most);

/// Counts dead octets of segments that were not counted yet; returns how many it counted.
[[nodiscard]] base::Result<std::size_t> survey_segments(base::Connection& connection,
                                                        std::size_t most);

/// Deletes the delivery rows of messages that no file has held for a week; returns how many.
[[nodiscard]] base::Result<std::size_t> purge_forgotten(base::Connection& connection,
                                                        std::size_t most);

/// A segment that is due for compaction.
struct CompactableSegment {
    SegmentId id;
    std::string writer;
    std::uint64_t length = 0;
    std::uint64_t dead_bytes = 0;
    std::vector<ReplicaPlace> replicas;
};

/// Segments of one writer, at most `most`, claimed for `lease`. None while files may not be
/// removed.
[[nodiscard]] base::Result<std::vector<CompactableSegment>> claim_compaction(
    base::Connection& connection,
    std::string_view tracker,
    std::size_t most,
    std::chrono::seconds lease);

/// A sealed segment of which no copy is good and some are owed.
struct HopelessSegment {
    SegmentId id;
    std::string writer;
    bool catalogued = false;  ///< to its end
};

/// Those whose repair was tried in vain, at most `most`, claimed for `lease`.
[[nodiscard]] base::Result<std::vector<HopelessSegment>> claim_hopeless(
    base::Connection& connection,
    std::string_view tracker,
    std::size_t most,
    std::chrono::seconds lease);

/// How many of these messages the catalog has never heard of: neither delivered nor refused.
[[nodiscard]] base::Result<std::size_t> count_unknown(base::Connection& connection,
                                                      std::span<const mail::MessageId> ids);

/// A claimed journal segment that is lost: it is superseded, and if it counted, a checkpoint is
/// asked for.
[[nodiscard]] base::Status abandon_journal(base::Connection& connection, const SegmentId& segment);

/// What one tracker may read in a second for compaction.
[[nodiscard]] base::Result<std::uint64_t> upkeep_bytes_per_second(base::Connection& connection);

/// Claims of an earlier run of this tracker, which nobody works on.
[[nodiscard]] base::Status release_upkeep(base::Connection& connection, std::string_view tracker);

/// It failed: nobody tries again before `pause` has passed, unless an operator asks.
[[nodiscard]] base::Status put_off_upkeep(base::Connection& connection,
                                          const SegmentId& segment,
                                          std::string_view tracker,
                                          std::chrono::seconds pause);

/// A frame that some mailbox shows or that can be restored.
struct LiveFrame {
    mail::MessageId id;
    FrameLocation location;

    friend bool operator==(const LiveFrame&, const LiveFrame&) = default;
};

/// Live frames of a segment behind offset `after`, in offset order, at most `most`.
[[nodiscard]] base::Result<std::vector<LiveFrame>> live_frames(base::Connection& connection,
                                                               const SegmentId& segment,
                                                               std::uint64_t after,
                                                               std::size_t most);

/// Which of these segments the catalog still has: superseded ones too, as long as a file may exist.
[[nodiscard]] base::Result<std::vector<SegmentId>> known_segments(
    base::Connection& connection, std::span<const SegmentId> segments);

/// What a compaction did, to be made true in the catalog.
struct Compaction {
    std::string tracker;
    std::chrono::seconds lease{0};       ///< for which it keeps what it still claims
    std::optional<SegmentNote> written;  ///< none: nothing was left of the segments
    std::vector<LiveFrame> from;
    std::vector<FrameLocation> to;  ///< in `written`, one for each of `from`
    std::uint64_t abort_bytes = 0;
    std::vector<SegmentId> abort_targets;
    std::vector<SegmentId> done;  ///< to be superseded
};

/// In one transaction. Returns those of `done` that are superseded now. Refused: claims were lost,
/// or files may not be removed now; nothing was changed.
[[nodiscard]] base::Result<std::vector<SegmentId>> finish_compaction(base::Connection& connection,
                                                                     const Compaction& compaction);

/// Superseded segments whose files may go, claimed for `lease`.
[[nodiscard]] base::Result<std::vector<SegmentId>> claim_removal(base::Connection& connection,
                                                                 std::string_view tracker,
                                                                 std::size_t most,
                                                                 std::chrono::seconds lease);

/// What begin_removal() found.
enum class RemovalStep : std::uint8_t {
    Clear,  ///< nothing points to it any more: remove its files
    More,   ///< call again
    Live,   ///< not to be removed
};

/// Takes dead places of the segment out of the catalog, at most `most` at once. Timeout: deliveries
/// under way did not end in time; later.
[[nodiscard]] base::Result<RemovalStep> begin_removal(base::Connection& connection,
                                                      const SegmentId& segment,
                                                      std::size_t most);

/// `stores` have no file of it. True: the segment is forgotten. False: some other store may.
[[nodiscard]] base::Result<bool> finish_removal(base::Connection& connection,
                                                const SegmentId& segment,
                                                std::span<const StorageServerId> stores);

/// False while the catalog may know less than the files.
[[nodiscard]] base::Result<bool> may_remove_files(base::Connection& connection);

/// What the catalog says of a segment and its copy on one storage server.
struct FileVerdict {
    SegmentId id;
    bool sealed = false;
    std::uint64_t length = 0;
    std::uint32_t generation = 0;  ///< of the copy there; 0: none is known
    bool active = false;
    bool settled = false;  ///< unchanged for superseded_grace
};

/// Of those of `segments` that the catalog knows.
[[nodiscard]] base::Result<std::vector<FileVerdict>> judge_files(
    base::Connection& connection,
    const StorageServerId& store,
    std::span<const SegmentId> segments);

/// Numbers for metrics.
struct SpaceState {
    std::uint64_t retained = 0;
    std::uint64_t dead_bytes = 0;
    std::uint64_t superseded = 0;
    bool may_remove_files = false;
};

[[nodiscard]] base::Result<SpaceState> space_state(base::Connection& connection);

}  // namespace storage
