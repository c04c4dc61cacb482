#pragma once

// OpenSegment: one segment while its writer has it open: the encoder and the file on each replica.
// It does as it is told; when to open, rotate or give up is MirrorWriter's.
//
// A replica that failed or was late once is behind for good: nothing more is written to it.
// Thread rule: from a fiber of the servers' loop; calls that say so wait. The set outlives it.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "storage/mirror/mirror_writer.h"
#include "storage/mirror/placement.h"
#include "storage/path/storage_server_set.h"
#include "storage/segment/encoder.h"

namespace storage {

/// See the top of this file.
class OpenSegment {
  public:
    /// One copy.
    struct Replica {
        StorageServerId server;
        FileHandle file{};
        bool behind = false;
        OwedReason reason = OwedReason::Failed;  ///< if behind
        std::uint64_t durable_size = 0;
        std::string detail;  ///< if behind
    };

    /// `encoder` is new; its header names the servers of `placement`. Touches no file.
    OpenSegment(StorageServerSet& servers, SegmentEncoder encoder, Placement placement);

    /// Waits. Creates the file on every replica. On an error at least one has failed, see
    /// replicas(); then discard().
    [[nodiscard]] base::Status create_files(base::Deadline deadline);

    /// Removes the files that were created, without waiting for it. Nothing was acknowledged in
    /// them.
    void discard();

    [[nodiscard]] SegmentEncoder& encoder() noexcept { return encoder_; }

    /// Waits. Writes the bytes that the encoder appended at `offset` to every replica that is not
    /// behind, in parallel, and syncs each. Returns the servers on which they are durable now.
    [[nodiscard]] std::vector<StorageServerId> write(std::uint64_t offset,
                                                     std::shared_ptr<const Bytes> bytes,
                                                     base::Deadline deadline);

    /// Waits. Seals on the replicas that are not behind, and closes all files. Of a segment that
    /// got no seal anywhere, SegmentClosed::sealed is false.
    [[nodiscard]] SegmentClosed seal(base::Deadline deadline);

    /// Closes the files without a word to them: the segment may not be ours any more.
    [[nodiscard]] SegmentClosed give_up(const std::string& reason);

    [[nodiscard]] const std::shared_ptr<const SegmentHeader>& header() const noexcept {
        return header_;
    }

    [[nodiscard]] const Placement& placement() const noexcept { return placement_; }

    [[nodiscard]] const std::vector<Replica>& replicas() const noexcept { return replicas_; }

    [[nodiscard]] bool has_behind() const noexcept;

    [[nodiscard]] base::Instant opened_at() const noexcept { return opened_at_; }

  private:
    void set_behind(Replica& replica, const base::Error& error);
    void close_files();
    [[nodiscard]] SegmentClosed outcome() const;

    StorageServerSet& servers_;
    SegmentEncoder encoder_;
    std::shared_ptr<const SegmentHeader> header_;
    Placement placement_;
    std::vector<Replica> replicas_;
    base::Instant opened_at_;
    bool sealed_ = false;  // what is written now is the seal, which its own digest does not cover
};

}  // namespace storage
