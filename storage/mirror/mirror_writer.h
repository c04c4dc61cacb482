#pragma once

// MirrorWriter: makes messages durable on several storage servers before anyone says 250. It owns
// one open segment, writes what has queued while the last batch was being written as the next batch
// (group commit): the same bytes at the same offset of every replica, one fdatasync each.
//
// A submission is answered once, on the submitter's loop:
//   Stored        the frame is durable in min_copies distinct failure domains (or the cluster
//                 accepts degraded service: Stored::degraded);
//   Unavailable   it is not, and its deadline does not allow another try: answer 451. A frame may
//                 survive all the same; it is then delivered under its own message id;
//   Busy          the queue is full: answer 451 (nothing was written);
//   TooLarge, Invalid  of the frame itself (nothing was written);
//   Cancelled     the writer is shutting down (nothing was written, or as Unavailable).
//
// A replica that fails or passes the batch's deadline is behind from its durable offset on: the
// segment is sealed on the healthy replicas and a new one opened on the then healthy set. A batch
// that reached fewer than min_copies failure domains is written again there, under the same message
// ids. After a pause longer than the lease (monotonic clock) nothing more is written to the open
// segment, and nothing acknowledged before a new one holds it.
//
// Owner: the message tracking agent. Thread rule: created, started and destroyed on `loop`'s
// thread; submit, submit_abort, set_table, renew_segment, set_policy, fitness and counters from any
// thread.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/loop.h"
#include "base/result.h"
#include "storage/mirror/agent_state.h"
#include "storage/mirror/placement.h"
#include "storage/path/storage_server_set.h"
#include "storage/segment/frame.h"

namespace storage {

/// Bounds and times of a writer. The defaults are for production.
struct MirrorOptions {
    std::string writer_name;  ///< of the mail server, as the directory has it
    MailServerId writer_id;
    std::chrono::milliseconds batch_deadline{2'000};
    std::chrono::milliseconds lease{10'000};
    std::uint64_t segment_size_max = 64ULL << 20U;  ///< rotate at
    std::chrono::milliseconds segment_age_max{3'600'000};
    std::size_t batch_frames_max = 1'024;
    std::uint64_t batch_bytes_max = 8ULL << 20U;  ///< a larger frame is a batch of its own
    std::size_t queue_frames_max = 8'192;
    std::uint64_t queue_bytes_max = 128ULL << 20U;
};

/// A frame is durable. `owed` are the table's copies that are missing.
struct Stored {
    FrameLocation location;
    std::shared_ptr<const SegmentHeader> segment;  ///< immutable; for the catalog's segment row
    std::vector<StorageServerId> durable;
    std::vector<OwedCopy> owed;
    bool degraded = false;  ///< fewer than min_copies domains, by accept_degraded
};

using StoredDone = std::function<void(base::Result<Stored>)>;

enum class ReplicaEnd : std::uint8_t { Sealed, Behind };

/// How a replica of a segment ended.
struct ReplicaOutcome {
    StorageServerId server;
    ReplicaEnd end = ReplicaEnd::Sealed;
    std::uint64_t durable_size = 0;  ///< all before it is known to be on its disk
    std::string detail;              ///< why behind
    std::uint32_t generation = 1;    ///< of its file; copies of one segment may differ in it

    friend bool operator==(const ReplicaOutcome&, const ReplicaOutcome&) = default;
};

/// A segment of this agent got its seal, or was given up without one (then `seal` says nothing, and
/// recovery will seal it). Reported once per segment and attempt.
struct SegmentClosed {
    std::shared_ptr<const SegmentHeader> segment;
    std::uint32_t generation = 1;  ///< the highest of the files that carry the seal
    bool sealed = false;
    Seal seal;
    std::vector<ReplicaOutcome> replicas;
};

/// For the load report and for doctor.
struct MirrorFitness {
    bool fit = false;  ///< a message would be accepted now
    std::string reason = "starting";
    std::size_t stores_configured = 0;
    std::size_t stores_healthy = 0;
    std::size_t domains_healthy = 0;
    std::uint8_t min_copies = 0;
    bool degraded = false;
};

/// What happened since the start. Monotonic, but for the queue.
struct MirrorCounters {
    std::uint64_t frames_stored = 0;
    std::uint64_t frames_failed = 0;   ///< answered Unavailable
    std::uint64_t frames_refused = 0;  ///< answered Busy
    std::uint64_t frames_rewritten = 0;
    std::uint64_t frames_degraded = 0;
    std::uint64_t batches = 0;
    std::uint64_t batches_short = 0;  ///< reached fewer than min_copies domains
    std::uint64_t bytes = 0;          ///< of frames, each counted once
    std::uint64_t segments_opened = 0;
    std::uint64_t segments_sealed = 0;
    std::uint64_t segments_unsealed = 0;  ///< given up without a seal; recovery's work
    std::uint64_t replicas_behind = 0;
    std::uint64_t lease_breaks = 0;
    std::uint64_t queue_frames = 0;
    std::uint64_t queue_bytes = 0;
};

/// See the top of this file.
class MirrorWriter {
  public:
    /// `servers` and `state` outlive the writer. `state` is this agent's: its lock is held.
    MirrorWriter(base::Loop& loop,
                 StorageServerSet& servers,
                 AgentState& state,
                 MirrorOptions options);
    ~MirrorWriter();
    MirrorWriter(const MirrorWriter&) = delete;
    MirrorWriter& operator=(const MirrorWriter&) = delete;

    /// Starts writing. Submissions before it wait.
    void start();

    void set_table(MirrorTable table);
    /// What is submitted from now on goes into a segment that is not yet open.
    void renew_segment();
    void set_policy(CopyPolicy policy);

    /// Called on the writer's loop. Set before start().
    void set_on_segment_closed(std::function<void(const SegmentClosed&)> on_closed);

    /// Any thread. `on_done` runs on the loop of `reply_to`; if that loop is gone, nobody is told.
    void submit(FrameInput frame,
                base::Deadline deadline,
                base::Poster reply_to,
                StoredDone on_done);

    /// Writes the abort frame that cancels what was stored at `location` under `id`; durable like a
    /// message when it answers Stored (of the abort frame itself).
    void submit_abort(mail::MessageId id,
                      FrameLocation location,
                      base::Deadline deadline,
                      base::Poster reply_to,
                      StoredDone on_done);

    /// From a fiber of any loop: submit and wait. Timeout only if the answer itself is late.
    [[nodiscard]] base::Result<Stored> store(FrameInput frame, base::Deadline deadline);
    [[nodiscard]] base::Result<Stored> abort(mail::MessageId id,
                                             FrameLocation location,
                                             base::Deadline deadline);

    [[nodiscard]] MirrorFitness fitness() const;
    [[nodiscard]] MirrorCounters counters() const;

    /// Loop thread, from a fiber: takes no more, writes what is queued, seals. What the deadline
    /// cuts off is left to recovery.
    void shutdown(base::Deadline deadline);

  private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace storage
