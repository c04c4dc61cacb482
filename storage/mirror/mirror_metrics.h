#pragma once

// MirrorMetrics: shows how an agent's mirror does on its admin port. storage/README.md lists what
// is shown. The writer counts for itself; update() takes its numbers over.
//
// Thread rule: one thread at a time. One in a process: the series bear no name of an agent.

#include "base/metrics.h"
#include "storage/mirror/mirror_writer.h"
#include "storage/path/running_total.h"

namespace storage {

/// See the top of this file.
class MirrorMetrics {
  public:
    MirrorMetrics();

    /// Call it about once a second.
    void update(const MirrorFitness& fitness, const MirrorCounters& counted);

  private:
    base::Gauge& fit_;
    base::Gauge& stores_;
    base::Gauge& stores_healthy_;
    base::Gauge& domains_healthy_;
    base::Gauge& min_copies_;
    base::Gauge& queue_frames_;
    base::Gauge& queue_bytes_;
    RunningTotal stored_;
    RunningTotal failed_;
    RunningTotal refused_;
    RunningTotal rewritten_;
    RunningTotal degraded_;
    RunningTotal batches_;
    RunningTotal batches_short_;
    RunningTotal bytes_;
    RunningTotal opened_;
    RunningTotal sealed_;
    RunningTotal unsealed_;
    RunningTotal replicas_behind_;
    RunningTotal lease_breaks_;
};

}  // namespace storage
