#pragma once

// CatchUp: brings the catalog up to what the segments hold. It claims segments that may have frames
// that are not catalogued, reads them from there on, on every replica that it reaches, and delivers
// what it finds by the same statement as the agents, as acknowledged mail.
//
// What it does to an open segment of somebody else is provisional: it never seals, never trusts a
// length from the catalog, and comes back until it finds a writer's seal or an operator has retired
// the mail server. Messages younger than `grace` are left to their own agent. An abort frame may
// lie in a later segment than the message that it cancels: so the aborts of all that was claimed
// are told to the catalog first, then messages are delivered, the oldest segment first. A frame
// that the catalog does not take, or whose envelope is unreadable, raises an alarm, and the mark
// stays before it; the others go on. When all that it found of a segment is dealt with it tells the
// catalog so, with how many storage servers may have more (catalog.require_read()).
//
// Thread rule: loop thread, from a fiber. Limits: CatchUpOptions.

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/db.h"
#include "base/result.h"
#include "storage/catalog/claims.h"
#include "storage/path/storage_server_set.h"
#include "storage/tracking/frame_merge.h"

namespace storage {

struct CatchUpOptions {
    std::string tracker;  ///< name; claims and commits bear it
    /// Longer than an agent takes from the durable frame to its delivery or its abort frame.
    std::chrono::milliseconds grace{15'000};
    std::chrono::milliseconds pause{2'000};  ///< before a segment is read again
    std::size_t claims_max = 8;
    std::size_t batch_max = 256;
    std::chrono::seconds lease{60};
    std::chrono::milliseconds read_deadline{20'000};  ///< for one copy
    std::chrono::milliseconds statement_deadline{20'000};
};

/// What happened since the start. Monotonic.
struct CatchUpCounters {
    std::uint64_t segments_read = 0;
    std::uint64_t delivered = 0;     ///< messages that the catalog lacked
    std::uint64_t dead_letters = 0;  ///< of their recipients
    std::uint64_t sealed_found = 0;
    std::uint64_t problems = 0;  ///< frames that could not be catalogued
};

/// See the top of this file.
class CatchUp {
  public:
    /// Both outlive it.
    CatchUp(StorageServerSet& servers, base::DbPool& pool, CatchUpOptions options);

    /// Names of agents, for the server column of messages.
    void set_agents(std::map<MailServerId, std::string> agents);

    /// Claims and works on what is due, once. Returns how many segments were worked on. Errors:
    /// those of the database; Cancelled.
    [[nodiscard]] base::Result<std::size_t> run_once();

    [[nodiscard]] const CatchUpCounters& counters() const noexcept { return counters_; }

  private:
    // What was found of one segment on the storage servers.
    struct Found {
        std::vector<SegmentCopy> newest;      // one for each server that has any
        std::vector<StorageServerId> unread;  // servers, or copies, that could not be read
        base::Instant began = base::monotonic_now();
        FrameMerge merge;
        std::optional<SegmentHeader> header;
        std::uint64_t first_frame = 0;
    };

    // How far a segment is dealt with, and whether that is all that was found.
    struct Dealt {
        std::uint64_t mark;
        bool complete;
    };

    // Returns what the catalog may be told of the reading.
    [[nodiscard]] base::Result<std::optional<SegmentSeen>> work_on(const ClaimedSegment& segment,
                                                                   Found found);
    [[nodiscard]] bool is_paused(const SegmentId& segment);
    [[nodiscard]] bool is_quiet(const SegmentId& segment, std::uint64_t end);
    [[nodiscard]] base::Status tell_aborts(const Found& found);
    [[nodiscard]] Found find(const ClaimedSegment& segment);
    [[nodiscard]] base::Result<Dealt> deliver_steps(const ClaimedSegment& segment,
                                                    const Found& found);
    void pause(const SegmentId& segment);
    enum class Taken : std::uint8_t { All, Some };
    [[nodiscard]] base::Result<Taken> deliver_batch(DeliveryBatch batch);
    [[nodiscard]] base::Result<Taken> deliver_alone(const DeliveryBatch& batch);
    [[nodiscard]] base::Status note_end(const ClaimedSegment& segment, const Found& found);
    [[nodiscard]] base::Status note_copies(const Found& found, SegmentNote& note);
    [[nodiscard]] Delivery delivery_of(const SegmentId& segment, const ScannedFrame& frame) const;
    void report_problem(const SegmentId& segment, const ScannedFrame& frame, std::string why);
    [[nodiscard]] base::Deadline statement() const;
    [[nodiscard]] std::string committer() const;

    StorageServerSet& servers_;
    base::DbPool& pool_;
    const CatchUpOptions options_;
    std::map<MailServerId, std::string> agents_;
    std::int64_t seen_ = 0;
    CatchUpCounters counters_;
    std::set<mail::MessageId> reported_;  // problems that an alarm was raised for
    std::map<SegmentId, base::Instant> not_before_;
    std::map<SegmentId, base::Instant> seal_seen_;

    struct SeenEnd {
        std::uint64_t end;
        base::Instant since;
    };

    std::map<SegmentId, SeenEnd> ends_;  // where segments ended when they were read last
};

}  // namespace storage
