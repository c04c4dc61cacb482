#pragma once

// CopyReader: reads one frame from whichever storage server has a good copy. Copies that the
// catalog calls active on storage servers that are healthy come first; each attempt gets a part of
// the time that is left, so that a slow server does not use up the turn of the others. What is
// returned has passed the frame's checksums and tag.
//
// A copy that is missing, short or bad is told to `on_suspicion`, and the next one is tried.
// Thread rule: loop thread, from fibers. Limits: kReadBytesMax octets in flight in all, then reads
// wait; kHeadersMax segment headers are kept.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/fiber.h"
#include "base/result.h"
#include "storage/catalog/catalog.h"
#include "storage/path/storage_server_set.h"
#include "storage/segment/frame.h"
#include "storage/tracking/lru_cache.h"

namespace storage {

/// A frame and the octets that its view borrows.
struct ReadFrame {
    Bytes bytes;
    FrameView view;
};

/// A copy from which something wrong was read.
struct Suspicion {
    SegmentId segment;
    StorageServerId store;
    std::string reason;
};

/// See the top of this file.
class CopyReader {
  public:
    static constexpr std::uint64_t kReadBytesMax = 256ULL << 20U;
    static constexpr std::size_t kHeadersMax = 4'096;

    /// `servers` outlive the reader.
    CopyReader(StorageServerSet& servers, std::function<void(const Suspicion&)> on_suspicion);

    /// Errors: Unavailable (none could be read in time, or none that is reached may hold it),
    /// Corrupt (every copy was read, and is bad), Cancelled.
    [[nodiscard]] base::Result<std::shared_ptr<const ReadFrame>> read(
        const mail::MessageId& id,
        const FrameLocation& location,
        std::span<const ReplicaPlace> replicas,
        base::Deadline deadline);

  private:
    using Header = std::shared_ptr<const SegmentHeader>;

    [[nodiscard]] std::vector<ReplicaPlace> in_order(const FrameLocation& location,
                                                     std::span<const ReplicaPlace> replicas) const;
    [[nodiscard]] base::Result<std::shared_ptr<const ReadFrame>> read_copy(
        const ReplicaPlace& copy,
        const mail::MessageId& id,
        const FrameLocation& location,
        base::Deadline deadline);
    [[nodiscard]] base::Result<Header> header_of(const ReplicaPlace& copy,
                                                 const SegmentId& segment,
                                                 base::Deadline deadline);
    [[nodiscard]] base::Status acquire(std::uint64_t bytes, base::Deadline deadline);
    void release(std::uint64_t bytes);
    void suspect(const ReplicaPlace& copy, const SegmentId& segment, const std::string& why);

    StorageServerSet& servers_;
    std::function<void(const Suspicion&)> on_suspicion_;
    LruCache<SegmentId, Header> headers_{kHeadersMax};
    std::uint64_t bytes_in_flight_ = 0;
    base::WaitQueue room_;
};

}  // namespace storage
