#include "storage/upkeep/compactor.h"

#include <algorithm>
#include <utility>

#include "base/fiber.h"
#include "base/log.h"
#include "base/metrics.h"

namespace storage {
namespace {

using base::Deadline;
using base::Errc;
using base::Error;
using base::Result;
using base::Status;

constexpr std::size_t kPage = 1'000;  // live frames of one look-up
constexpr auto kRestMin = std::chrono::milliseconds(20);

bool has_journal(const Seal& seal) {
    return std::ranges::any_of(
        seal.index, [](const IndexEntry& entry) { return entry.type == FrameType::Journal; });
}

}  // namespace

Compactor::Compactor(StorageServerSet& servers,
                     base::DbPool& pool,
                     base::WorkerPool& workers,
                     CompactorOptions options)
    : servers_(servers),
      pool_(pool),
      workers_(workers),
      options_(std::move(options)),
      reader_(servers, [this](const Suspicion& suspicion) { suspect(suspicion); }) {
}

Deadline Compactor::statement() const {
    return Deadline::after(options_.statement_deadline);
}

// It is told, and forgotten: the next reader would tell it again.
void Compactor::suspect(const Suspicion& suspicion) {
    (void)pool_.submit(
        [suspicion](base::Connection& connection) {
            (void)suspect_replica(connection, suspicion.segment, suspicion.store, suspicion.reason);
        },
        statement());
}

Status Compactor::begin() {
    if (!begun_) {
        TRY(pool_.run(
            [tracker = options_.tracker](base::Connection& connection) {
                return release_upkeep(connection, tracker);
            },
            statement()));
        begun_ = true;
    }
    bytes_per_second_ = TRY(
        pool_.run([](base::Connection& connection) { return upkeep_bytes_per_second(connection); },
                  statement()));
    return base::Done{};
}

Result<std::size_t> Compactor::run_once() {
    TRY(begin());
    std::vector<CompactableSegment> claimed = TRY(pool_.run(
        [options = options_](base::Connection& connection) {
            return claim_compaction(
                connection, options.tracker, options.segments_max, options.lease);
        },
        statement()));
    const std::size_t count = claimed.size();
    std::vector<Source> sources = TRY(read_sources(std::move(claimed)));
    if (!sources.empty()) {
        std::vector<SegmentId> ids;
        for (const Source& source : sources) {
            ids.push_back(source.claimed.id);
        }
        const Status compacted = compact(std::move(sources));
        if (!compacted) {
            for (const SegmentId& id : ids) {
                TRY(put_off(id, compacted.error()));
            }
            return compacted.error();
        }
    }
    return count;
}

// Those that can be compacted now, all of one writer.
Result<std::vector<Compactor::Source>> Compactor::read_sources(
    std::vector<CompactableSegment> claimed) {
    std::vector<Source> sources;
    for (CompactableSegment& segment : claimed) {
        Result<SealedSegment> sealed = read_sealed(servers_,
                                                   segment.id,
                                                   segment.length,
                                                   segment.replicas,
                                                   Deadline::after(options_.read_deadline));
        if (!sealed) {
            TRY(put_off(segment.id, sealed.error()));
        } else if (has_journal(sealed.value().seal)) {
            TRY(put_off(segment.id, Error{Errc::Unsupported, "it has frames of a journal"}));
        } else if (!sources.empty() &&
                   sources[0].sealed.header.writer_id != sealed.value().header.writer_id) {
            // Of another server of that name: another time.
            TRY(put_off(segment.id, Error{Errc::Busy, "a server of the same name comes first"}));
        } else {
            sources.push_back({std::move(segment), std::move(sealed).take_value()});
        }
    }
    TRY(drop_spent_aborts(sources));
    return sources;
}

// See the top of compactor.h.
Status Compactor::drop_spent_aborts(std::vector<Source>& sources) {
    std::set<SegmentId> targets;
    for (const Source& source : sources) {
        for (const CarriedAbort& abort : source.sealed.aborts) {
            targets.insert(abort.target.segment);
        }
    }
    if (targets.empty()) {
        return base::Done{};
    }
    const std::vector<SegmentId> known = TRY(
        pool_.run([asked = std::vector<SegmentId>(targets.begin(), targets.end())](
                      base::Connection& connection) { return known_segments(connection, asked); },
                  statement()));
    for (Source& source : sources) {
        std::erase_if(source.sealed.aborts, [&](const CarriedAbort& abort) {
            return abort.target.segment == source.claimed.id ||
                   std::ranges::find(known, abort.target.segment) == known.end();
        });
    }
    return base::Done{};
}

Status Compactor::compact(std::vector<Source> sources) {
    Batch batch;
    const SegmentHeader writer = sources[0].sealed.header;
    for (const Source& source : sources) {
        const Status taken = take_live(source, batch);
        if (!taken && (batch.is_lost || taken.error().code == Errc::Cancelled)) {
            return taken;
        }
        if (!taken) {
            // What was read of it may go on; it stays.
            TRY(put_off(source.claimed.id, taken.error()));
            continue;
        }
        batch.moving.aborts.insert(
            batch.moving.aborts.end(), source.sealed.aborts.begin(), source.sealed.aborts.end());
        batch.moving.done.push_back(source.claimed.id);
    }
    return flush(writer, batch);
}

Status Compactor::take_live(const Source& source, Batch& batch) {
    std::uint64_t after = 0;
    for (;;) {
        const std::vector<LiveFrame> page = TRY(pool_.run(
            [id = source.claimed.id, after](base::Connection& connection) {
                return live_frames(connection, id, after, kPage);
            },
            statement()));
        for (const LiveFrame& frame : page) {
            TRY(take_frame(source, frame, batch));
            after = frame.location.offset;
        }
        if (page.size() < kPage) {
            return base::Done{};
        }
    }
}

Status Compactor::take_frame(const Source& source, const LiveFrame& frame, Batch& batch) {
    const auto read = TRY(reader_.read(frame.id,
                                       frame.location,
                                       source.claimed.replicas,
                                       Deadline::after(options_.read_deadline)));
    FrameInput input = TRY(workers_.run([read] { return frame_input(read->view); },
                                        Deadline::after(options_.read_deadline)));
    const std::uint64_t octets = octets_of(input);
    if (!batch.moving.frames.empty() && batch.octets + octets > kMovingMax) {
        TRY(flush(source.sealed.header, batch));
    }
    batch.octets += octets;
    batch.moving.frames.push_back(std::move(input));
    batch.moving.from.push_back(frame);
    return rest_after(frame.location.length);
}

// The bound on what is read: pauses as long as it should have taken, not too small to be kept.
Status Compactor::rest_after(std::uint64_t bytes) {
    rest_ += std::chrono::nanoseconds(static_cast<std::int64_t>(
        1e9 * static_cast<double>(bytes) / static_cast<double>(bytes_per_second_)));
    if (rest_ < kRestMin) {
        return base::Done{};
    }
    return base::sleep_until(Deadline::after(std::exchange(rest_, base::Duration(0))));
}

// After an error what was in the batch is not known to be anywhere else: the round is over.
Status Compactor::flush(const SegmentHeader& writer, Batch& batch) {
    batch.is_lost = true;
    const std::size_t messages = batch.moving.frames.size();
    const MovedFrames moved = TRY(move_frames({servers_,
                                               pool_,
                                               workers_,
                                               options_.tracker,
                                               options_.lease,
                                               options_.write_deadline,
                                               options_.statement_deadline},
                                              writer,
                                              std::move(batch.moving)));
    static base::Counter& compacted =
        base::counter("roundtable_compacted_segments_total", "Segments that compaction superseded");
    compacted.add(moved.superseded.size());
    counters_.superseded += moved.superseded.size();
    counters_.written += moved.into ? 1U : 0U;
    base::log::info("storage",
                    "compacted",
                    {{"segments", moved.superseded.size()},
                     {"messages", messages},
                     {"into", moved.into ? moved.into->text() : std::string("nothing")}});
    batch = Batch();
    return base::Done{};
}

Status Compactor::put_off(const SegmentId& segment, const Error& why) {
    ++counters_.put_off;
    base::log::warning(
        "storage", "compaction_put_off", {{"segment", segment.text()}, {"error", why}});
    if (why.code == Errc::Cancelled) {
        return why;  // the claim lapses, or is released by the next start
    }
    return pool_.run(
        [segment, options = options_](base::Connection& connection) {
            return put_off_upkeep(connection, segment, options.tracker, options.pause);
        },
        statement());
}

}  // namespace storage
