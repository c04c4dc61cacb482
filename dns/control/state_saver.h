#pragma once

// StateSaver: writes what a start without the database needs, whenever it has changed: the
// directory with the published serials, trims, health, signatures (snapshot_files.h).
//
// What changed in the directory is written at once, so that a name server that is killed and cannot
// reach the database knows it; a large one at most a tenth of the time. What failed to be written
// is written with the next.
//
// Owner: NameServer; destroyed before what it is made with. Thread rule: loop thread only; files
// are written by a thread of its own.

#include <memory>
#include <optional>

#include "base/fiber.h"
#include "base/loop.h"
#include "base/result.h"
#include "base/worker_pool.h"
#include "dns/control/health_keeper.h"
#include "dns/control/snapshot_files.h"
#include "dns/control/steering_pool.h"

namespace dns {

/// See the top of this file.
class StateSaver {
  public:
    StateSaver(SnapshotFiles files, SteeringPool& mail, SteeringPool& access, HealthKeeper& health);

    /// Starts its fiber, which ends with the loop. `trims`: as they are in the file.
    base::Status start(base::Loop& loop, SavedTrims trims);

    /// What was published. The directory: null if it is as it was; so, too, the signatures. Serials
    /// are those of its domains, by their places.
    void take(std::shared_ptr<const Directory> directory,
              Snapshot::PerZone<std::uint32_t> serials,
              std::shared_ptr<const SignatureCaches> signatures);

    /// In a fiber, or after the loop's end on its thread.
    void save();

  private:
    struct Unsaved {
        std::shared_ptr<const Directory> directory;         // null: saved
        Snapshot::PerZone<std::uint32_t> serials;           // of the directory
        std::optional<SavedTrims> trims;                    // none: saved
        std::optional<SavedPoolHealth> health;              // none: saved
        std::shared_ptr<const SignatureCaches> signatures;  // null: saved

        [[nodiscard]] bool empty() const;
        void take_back(const Unsaved& failed);
    };

    static base::Status write(const SnapshotFiles& files, const Unsaved& unsaved);
    void run();

    const SnapshotFiles files_;
    SteeringPool& mail_;
    SteeringPool& access_;
    HealthKeeper& health_;
    Snapshot::PerZone<std::uint32_t> serials_;  // published
    Unsaved unsaved_;
    SavedTrims saved_trims_;
    base::FiberEvent news_;
    base::WorkerPool worker_;  // the only one that writes these files
};

}  // namespace dns
