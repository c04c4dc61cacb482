#pragma once

// Committer: takes frames that are durable to the catalog. One connection; while a statement runs,
// what comes in queues, and the next statement takes all of it (group commit).
//
// commit() decides what DESIGN.md promise 2 asks for: Catalogued; or a definite refusal, before
// anybody said 250; or, when the catalog does not answer in time, is away, or its answer is lost,
// ToBeCatalogued: from then on the message counts as acknowledged and is never refused. The
// committer goes on trying by itself as long as it has room; what it drops a tracker catches up,
// and all that follows in the same segment, so that UIDs follow the segment's order.
//
// An error of the database is never taken for a refusal: only the answer "refused" is one. While
// the catalog is away nobody waits for it: the first to find out pays, the others are told at once.
//
// Owner: the agent. The pool must have one connection, used by nobody else. Thread rule: any
// thread; commit() from a fiber of any loop or a plain thread. Limits: CommitterOptions.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/db.h"
#include "base/result.h"
#include "storage/catalog/catalog.h"
#include "storage/mirror/mirror_writer.h"

namespace storage {

/// catalog.require_read() counts with it.
inline constexpr std::chrono::seconds kSignPeriod{2};

struct CommitterOptions {
    std::string name;             ///< of the committer: one for each agent
    std::size_t batch_max = 256;  ///< messages in one statement
    std::size_t queue_max = 8'192;
    /// Frames of a segment that may still grow were left to trackers, and the catalog is back: the
    /// rest of that segment is left, too, for its order; a new one is not. On the pool's worker;
    /// must not block. May be empty.
    std::function<void()> on_left = {};
    std::string writer = {};  ///< of the segments: the server
    std::uint64_t boot_epoch = 0;
};

/// How the catalog took a message.
struct CommitAnswer {
    enum class Outcome : std::uint8_t { Catalogued, ToBeCatalogued, Refused };

    Outcome outcome = Outcome::ToBeCatalogued;
    std::vector<DeliveredTo> recipients;  ///< of Catalogued and Refused, as in the delivery
};

/// What happened since the start.
struct CommitterCounters {
    std::uint64_t catalogued = 0;  ///< messages, late ones included
    std::uint64_t refused = 0;
    std::uint64_t late = 0;     ///< answered ToBeCatalogued
    std::uint64_t dropped = 0;  ///< left to a tracker
    std::uint64_t batches = 0;
    std::uint64_t failures = 0;  ///< statements that failed
    std::uint64_t jumps = 0;     ///< lost commits noticed
};

/// See the top of this file.
class Committer {
  public:
    Committer(base::DbPool& pool, CommitterOptions options);
    /// Stops; what is queued is left to a tracker. The pool's running job is waited for by the
    /// pool.
    ~Committer();
    Committer(const Committer&) = delete;
    Committer& operator=(const Committer&) = delete;

    /// `stored` is where the frame is; `first_frame` where the first frame of its segment begins.
    /// The delivery's location and acknowledged are filled in. Never fails: see the top.
    [[nodiscard]] CommitAnswer commit(Delivery delivery,
                                      const Stored& stored,
                                      std::uint64_t first_frame,
                                      base::Deadline deadline);

    /// A refused message whose abort frame is durable at `abort`.
    void note_aborted(const mail::MessageId& id,
                      const FrameLocation& refused,
                      const Stored& abort,
                      std::uint64_t first_frame);

    /// A segment was sealed or given up.
    void note_closed(const SegmentClosed& closed, std::uint64_t first_frame);

    /// Tells the catalog that all is in it that was acknowledged, as soon as it is: note_alive().
    /// To be called every kSignPeriod. Never waits.
    void sign_of_life();

    /// True if the queue has no room and the catalog is not away: the caller should not take more.
    [[nodiscard]] bool is_full() const;
    [[nodiscard]] bool is_away() const;
    [[nodiscard]] std::size_t waiting() const;
    [[nodiscard]] CommitterCounters counters() const;

    /// Waits until the queue is empty and nothing runs. From a fiber. Timeout.
    base::Status drain(base::Deadline deadline);

  private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace storage
