#pragma once

// Tracker: the message tracking agent on its own, for what was missed. Any number run. It catches
// the catalog up from segments, finds segments that the catalog does not know, keeps partitions
// made, makes the copies that are owed, reads copies whole so that bad ones are found, ends
// retentions, compacts segments and removes files that nothing needs; it journals mailboxes and the
// directory, and rebuilds a lost catalog.
//
// Owner: the daemon. Thread rule: create(), start() and the destructor on `loop`'s thread; stop()
// on any; health() on any.

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "base/loop.h"
#include "base/result.h"
#include "storage/tracking/catch_up.h"
#include "storage/upkeep/copy_planner.h"
#include "storage/upkeep/repairer.h"
#include "storage/upkeep/scrubber.h"
#include "storage/upkeep/segment_sealer.h"

namespace storage {

struct TrackerOptions {
    std::string name;
    std::string database;
    std::string state_dir;
    std::string helper_program;               ///< empty: beside this program
    std::chrono::milliseconds grace{15'000};  ///< messages younger than this are their agent's
    std::chrono::milliseconds catch_up_pause{2'000};
    std::chrono::milliseconds recent_pause{10'000};   ///< between listings of the newest folders
    std::chrono::milliseconds full_pause{3'600'000};  ///< between listings of all folders
    std::chrono::milliseconds housekeeping_pause{3'600'000};
    std::chrono::milliseconds retention_pause{10'000};  ///< between purges of what was expunged
    std::chrono::milliseconds compact_pause{10'000};    ///< between looks for segments to compact
    std::chrono::milliseconds salvage_pause{5'000};     ///< between looks for hopeless segments
    std::chrono::milliseconds journal_pause{10'000};    ///< between deltas of the journal
    std::chrono::milliseconds rebuild_pause{2'000};     ///< before it is seen that one is wanted
    std::chrono::milliseconds layout_poll{5'000};
    std::chrono::milliseconds upkeep_pause{1'000};      ///< between rounds of repair and scrub
    std::chrono::milliseconds attribute_cache{60'000};  ///< of the mounts: a bad copy is read twice
    std::size_t connections = 4;
};

/// For doctor and /healthz.
struct TrackerHealth {
    bool database_available = false;
    std::int64_t since_round_ms = 0;  ///< since catch-up last went once through what was due
    std::uint64_t copies_owed = 0;
    std::uint64_t segments_open = 0;
    std::uint64_t segments_behind = 0;
    bool journal_known = false;       ///< the next has been asked for
    std::int64_t journal_lag_ms = 0;  ///< a rebuild would bring mailboxes back as of so long ago
};

/// See the top of this file.
class Tracker {
  public:
    /// Blocks, as TrackingAgent::create. Errors: NotFound (no helper program), Unavailable (neither
    /// directory nor copy of it), Invalid, Io.
    [[nodiscard]] static base::Result<std::unique_ptr<Tracker>> create(base::Loop& loop,
                                                                       TrackerOptions options);
    ~Tracker();
    Tracker(const Tracker&) = delete;
    Tracker& operator=(const Tracker&) = delete;

    void start();

    /// Ends its fibers soon; the loop's end would too.
    void stop();

    [[nodiscard]] TrackerHealth health() const;
    /// Loop thread.
    [[nodiscard]] const CatchUpCounters& counters() const;
    [[nodiscard]] const RepairCounters& repair_counters() const;
    [[nodiscard]] const ScrubCounters& scrub_counters() const;

  private:
    struct State;

    explicit Tracker(std::unique_ptr<State> state);

    std::unique_ptr<State> state_;
};

}  // namespace storage
