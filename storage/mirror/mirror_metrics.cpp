#include "storage/mirror/mirror_metrics.h"

#include <string_view>

namespace storage {

namespace {

base::Gauge& gauge(std::string_view name, std::string_view help) {
    return base::gauge(name, help, {{"folder", "storage"}});
}

RunningTotal total(std::string_view name, std::string_view help) {
    return RunningTotal(base::counter(name, help, {{"folder", "storage"}}));
}

RunningTotal frames(std::string_view outcome) {
    return RunningTotal(base::counter("roundtable_mirror_frames_total",
                                      "Frames handed to the mirror, by what became of them",
                                      {{"folder", "storage"}, {"outcome", outcome}}));
}

RunningTotal segments(std::string_view event) {
    return RunningTotal(base::counter("roundtable_mirror_segments_total",
                                      "Segments opened, sealed, and given up without a seal",
                                      {{"folder", "storage"}, {"event", event}}));
}

}  // namespace

MirrorMetrics::MirrorMetrics()
    : fit_(gauge("roundtable_mirror_fit", "1: a message would be accepted now")),
      stores_(gauge("roundtable_mirror_stores", "Storage servers that the directory has")),
      stores_healthy_(
          gauge("roundtable_mirror_stores_healthy", "Storage servers that take new segments now")),
      domains_healthy_(gauge("roundtable_mirror_domains_healthy",
                             "Distinct failure domains of the healthy storage servers")),
      min_copies_(gauge("roundtable_mirror_min_copies",
                        "Distinct failure domains that an accepted message is in")),
      queue_frames_(gauge("roundtable_mirror_queue_frames", "Frames that wait to be written")),
      queue_bytes_(gauge("roundtable_mirror_queue_bytes", "Octets that wait to be written")),
      stored_(frames("stored")),
      failed_(frames("failed")),
      refused_(frames("refused")),
      rewritten_(frames("rewritten")),
      degraded_(frames("degraded")),
      batches_(total("roundtable_mirror_batches_total", "Batches of frames written")),
      batches_short_(total("roundtable_mirror_batches_short_total",
                           "Batches that reached fewer than min_copies failure domains")),
      bytes_(total("roundtable_mirror_bytes_total", "Octets of frames, each counted once")),
      opened_(segments("opened")),
      sealed_(segments("sealed")),
      unsealed_(segments("unsealed")),
      replicas_behind_(total("roundtable_mirror_replicas_behind_total",
                             "Replicas that failed or were late, and got no more")),
      lease_breaks_(total("roundtable_mirror_lease_breaks_total",
                          "Pauses of the process that were longer than its lease")) {
}

void MirrorMetrics::update(const MirrorFitness& fitness, const MirrorCounters& counted) {
    fit_.set(fitness.fit ? 1 : 0);
    stores_.set(static_cast<double>(fitness.stores_configured));
    stores_healthy_.set(static_cast<double>(fitness.stores_healthy));
    domains_healthy_.set(static_cast<double>(fitness.domains_healthy));
    min_copies_.set(fitness.min_copies);
    queue_frames_.set(static_cast<double>(counted.queue_frames));
    queue_bytes_.set(static_cast<double>(counted.queue_bytes));
    stored_.follow(counted.frames_stored);
    failed_.follow(counted.frames_failed);
    refused_.follow(counted.frames_refused);
    rewritten_.follow(counted.frames_rewritten);
    degraded_.follow(counted.frames_degraded);
    batches_.follow(counted.batches);
    batches_short_.follow(counted.batches_short);
    bytes_.follow(counted.bytes);
    opened_.follow(counted.segments_opened);
    sealed_.follow(counted.segments_sealed);
    unsealed_.follow(counted.segments_unsealed);
    replicas_behind_.follow(counted.replicas_behind);
    lease_breaks_.follow(counted.lease_breaks);
}

}  // namespace storage
