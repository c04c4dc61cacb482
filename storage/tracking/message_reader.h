#pragma once

// MessageReader: summaries and messages by id: caches, the places of messages from the catalog, and
// CopyReader below. The agent's reading half.
//
// Thread rule: loop thread, from fibers. Limits: MessageReaderOptions; kFanOut reads of one call
// run side by side, kLocateMax ids are asked for in one statement.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/db.h"
#include "base/loop.h"
#include "base/result.h"
#include "mail/message_id.h"
#include "mail/summary.h"
#include "storage/catalog/catalog.h"
#include "storage/tracking/copy_reader.h"
#include "storage/tracking/lru_cache.h"

namespace storage {

struct MessageReaderOptions {
    std::uint64_t summary_cache_bytes = 64ULL << 20U;
    std::uint64_t message_cache_bytes = 64ULL << 20U;
    std::size_t places_max = 200'000;
};

/// See the top of this file. Errors as TrackingAgent's reads.
class MessageReader {
  public:
    using SummaryPtr = std::shared_ptr<const mail::Summary>;
    using MessagePtr = std::shared_ptr<const std::string>;
    static constexpr std::size_t kFanOut = 8;
    static constexpr std::size_t kLocateMax = 1'000;

    /// All outlive the reader.
    MessageReader(base::Loop& loop,
                  base::DbPool& catalog,
                  CopyReader& copies,
                  const MessageReaderOptions& options);

    [[nodiscard]] std::vector<base::Result<SummaryPtr>> summaries(
        const std::vector<mail::MessageId>& ids, base::Deadline deadline);

    [[nodiscard]] base::Result<MessagePtr> message(const mail::MessageId& id,
                                                   base::Deadline deadline);

    /// Fills the cache of places.
    base::Status locate(const std::vector<mail::MessageId>& ids, base::Deadline deadline);

    /// A message of ours whose place we know before anybody asks.
    void remember(const mail::MessageId& id,
                  const FrameLocation& location,
                  std::vector<ReplicaPlace> replicas);

    /// The catalog knows better now (a segment was closed, a copy is suspect).
    void forget_segment(const SegmentId& segment);

  private:
    using Replicas = std::shared_ptr<const std::vector<ReplicaPlace>>;

    struct Place {
        FrameLocation location;
        Replicas replicas;
    };

    using Frame = std::shared_ptr<const ReadFrame>;

    [[nodiscard]] base::Result<Place> place_of(const mail::MessageId& id);
    [[nodiscard]] base::Result<Frame> read(const mail::MessageId& id, base::Deadline deadline);
    [[nodiscard]] base::Result<SummaryPtr> summary(const mail::MessageId& id,
                                                   base::Deadline deadline);
    [[nodiscard]] base::Status look_up_again(const mail::MessageId& id,
                                             const Place& place,
                                             base::Deadline deadline);
    void keep(const MessagePlace& place);
    void keep(const mail::MessageId& id, const FrameLocation& location, Replicas replicas);

    base::Loop& loop_;
    base::DbPool& catalog_;
    CopyReader& copies_;
    LruCache<mail::MessageId, SummaryPtr> summaries_;
    LruCache<mail::MessageId, MessagePtr> messages_;
    LruCache<mail::MessageId, Place> places_;
    // Replica sets are shared by the places of a segment.
    LruCache<SegmentId, Replicas> segments_;
    std::uint64_t forgotten_ = 0;  // counts forget_segment(): a suspicion came up
};

}  // namespace storage
