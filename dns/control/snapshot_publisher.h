#pragma once

// SnapshotPublisher: builds snapshots on a worker thread and puts them in force, one after another.
// A request that comes while one is built waits; a later one takes its place, so that a burst of
// changes costs two builds. Serials move in the same step (serial_keeper.h), so that no snapshot
// shows new content under an old serial or the reverse. Signatures that come to their end are made
// anew by a publication of its own.
//
// Owner: NameServer; destroy it before the holder and the loop. It may go while the loop runs on: a
// build that is in force then is not told. Thread rule: loop thread only; the
// callback comes there, too, and must not destroy the publisher.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/loop.h"
#include "base/result.h"
#include "base/worker_pool.h"
#include "dns/control/serial_keeper.h"
#include "dns/snapshot_builder.h"
#include "dns/snapshot_holder.h"

namespace dns {

/// What is to be published.
struct PublishRequest {
    BuildInput input;  ///< rights and time are the publisher's to fill in
    steering::Urgency urgency = steering::Urgency::AtOnce;
};

/// What became of a request. The snapshot itself is in force.
struct Published {
    base::Status outcome = base::Done{};  ///< else the old snapshot stays in force
    std::vector<RefusedDomain> refused;
    std::vector<SerialMove> moved;               ///< serials that this one moved
    Snapshot::PerZone<std::uint32_t> serials;    ///< of all zones: of last_good's domains
    std::shared_ptr<const Directory> last_good;  ///< as it is served
    std::size_t domains = 0;
    std::size_t memory = 0;         ///< octets
    transfer::SharedView transfer;  ///< what secondaries may fetch
    std::string transfer_problem;   ///< why the configuration of transfers is not in force
    std::size_t zones_signed = 0;
    std::shared_ptr<const SignatureCaches> signatures;  ///< all of them; null: as they were
};

/// See the top of this file.
class SnapshotPublisher {
  public:
    using OnPublished = std::function<void(const Published&)>;

    SnapshotPublisher(base::Loop& loop, SnapshotHolder& holder, OnPublished on_published);
    /// Gives up the build that is under way, unless it is in force already, and waits for its end.
    ~SnapshotPublisher();
    SnapshotPublisher(const SnapshotPublisher&) = delete;
    SnapshotPublisher& operator=(const SnapshotPublisher&) = delete;

    /// Before the first request: signatures of an earlier life.
    void restore(SignatureCaches caches);

    void request(PublishRequest request);

    /// The program ends: the build that is under way is given up, and none is begun any more.
    void stop() noexcept;

    /// Frees something large on the worker, behind the build that is under way. Whoever else has it
    /// should have let go of it.
    void release(std::shared_ptr<const void> object);

  private:
    struct Work;

    void start();
    void finish(const Published& published);
    void publish_again();
    void resign_in_time();

    base::Loop& loop_;
    OnPublished on_published_;
    std::shared_ptr<Work> work_;  // shared with the build that is under way
    std::optional<PublishRequest> pending_;
    std::optional<PublishRequest> last_;  // for serials that are owed
    bool building_ = false;
    base::Timer owed_;
    base::Timer resign_;
    std::shared_ptr<SnapshotPublisher*> self_;  // what a posted end of a build finds us by
    base::WorkerPool worker_;                   // goes first
};

}  // namespace dns
