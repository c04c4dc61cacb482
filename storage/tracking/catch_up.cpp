#include "storage/tracking/catch_up.h"

#include <algorithm>
#include <utility>

#include "base/fiber.h"
#include "base/log.h"
#include "base/metrics.h"
#include "storage/mirror/recovery.h"
#include "storage/planted_bug.h"

namespace storage {
namespace {

using base::Deadline;
using base::Errc;
using base::Error;
using base::Result;
using base::Status;

constexpr auto kListDeadline = std::chrono::seconds(5);
constexpr std::size_t kRememberedMax = 1'000;
constexpr std::size_t kKeptFramesMax = 50'000;
// A segment with a frame that cannot be catalogued is not read again and again.
constexpr auto kProblemPause = std::chrono::seconds(20);

// The newest file on each server.
std::vector<SegmentCopy> newest_of(std::vector<SegmentCopy> copies) {
    std::map<StorageServerId, std::uint32_t> newest;
    for (const SegmentCopy& copy : copies) {
        std::uint32_t& generation = newest[copy.server];
        generation = std::max(generation, copy.generation);
    }
    std::vector<SegmentCopy> result;
    for (const auto& [server, generation] : newest) {
        result.push_back({server, generation});
    }
    return result;
}

}  // namespace

CatchUp::CatchUp(StorageServerSet& servers, base::DbPool& pool, CatchUpOptions options)
    : servers_(servers), pool_(pool), options_(std::move(options)) {
}

void CatchUp::set_agents(std::map<MailServerId, std::string> agents) {
    agents_ = std::move(agents);
}

Deadline CatchUp::statement() const {
    return Deadline::after(options_.statement_deadline);
}

Result<std::size_t> CatchUp::run_once() {
    const ClaimRequest request{
        options_.tracker, options_.claims_max, options_.lease, options_.pause};
    std::vector<ClaimedSegment> claimed = TRY(pool_.run(
        [request](base::Connection& connection) { return claim_segments(connection, request); },
        statement()));
    std::sort(claimed.begin(), claimed.end(), [](const auto& a, const auto& b) {
        return a.id < b.id;  // ids sort by time
    });
    // See the top of catch_up.h. What was found is kept as far as memory goes, else found again.
    std::vector<std::optional<Found>> kept(claimed.size());
    std::size_t frames = 0;
    for (std::size_t n = claimed.size(); n-- > 0;) {
        if (is_paused(claimed[n].id)) {
            continue;
        }
        Found found = find(claimed[n]);
        frames += found.merge.size();
        const Status told = tell_aborts(found);
        if (!told) {
            return told.error();  // the claims lapse by time
        }
        if (frames <= kKeptFramesMax) {
            kept[n] = std::move(found);
        }
    }
    for (std::size_t n = 0; n < claimed.size(); ++n) {
        const ClaimedSegment& segment = claimed[n];
        Result<std::optional<SegmentSeen>> worked = std::optional<SegmentSeen>();
        if (!is_paused(segment.id)) {
            ++counters_.segments_read;
            worked = work_on(segment, kept[n] ? std::move(*kept[n]) : find(segment));
        }
        kept[n].reset();
        if (!worked) {
            base::log::warning("storage",
                               "catch_up_failed",
                               {{"segment", segment.id.text()}, {"error", worked.error()}});
            if (worked.error().code == Errc::Cancelled) {
                return worked.error();
            }
        }
        TRY(pool_.run(
            [id = segment.id,
             tracker = options_.tracker,
             seen = worked ? worked.value() : std::nullopt](base::Connection& connection) {
                return release_segment(connection, id, tracker, seen);
            },
            statement()));
    }
    return claimed.size();
}

bool CatchUp::is_paused(const SegmentId& segment) {
    const auto until = not_before_.find(segment);
    if (until == not_before_.end()) {
        return false;
    }
    if (base::monotonic_now() < until->second) {
        return true;
    }
    not_before_.erase(until);
    return false;
}

// Whether nothing has been added for the grace. Ids tell the age of a message by a clock that may
// have been ahead for hours; by ours, what was there so long ago is old.
bool CatchUp::is_quiet(const SegmentId& segment, std::uint64_t end) {
    const base::Instant now = base::monotonic_now();
    const auto [known, is_new] = ends_.try_emplace(segment, SeenEnd{end, now});
    if (known->second.end != end) {
        known->second = {end, now};
    }
    const bool quiet = now - known->second.since >= options_.grace;
    if (ends_.size() > kRememberedMax) {
        ends_.erase(ends_.begin()->first == segment ? std::next(ends_.begin()) : ends_.begin());
    }
    return quiet;
}

void CatchUp::pause(const SegmentId& segment) {
    if (not_before_.size() < kRememberedMax) {
        not_before_[segment] = base::monotonic_now() + kProblemPause;
    }
}

Result<std::optional<SegmentSeen>> CatchUp::work_on(const ClaimedSegment& segment, Found found) {
    const auto [mark, complete] = TRY(deliver_steps(segment, found));
    // Nobody writes to it any more, and yet there is no way on: a copy that is away, or a gap.
    if (segment.state != SegmentState::Open && mark == segment.catalogued_to) {
        pause(segment.id);
    }
    const bool is_void = segment.state == SegmentState::Open && found.newest.empty() &&
                         found.unread.empty() && segment.catalogued_to == segment.first_frame;
    if (is_void) {
        (void)TRY(pool_.run(
            [id = segment.id](base::Connection& connection) { return forget_void(connection, id); },
            statement()));
        return std::optional<SegmentSeen>();
    }
    TRY(note_end(segment, found));
    if (!complete) {
        return std::optional<SegmentSeen>();
    }
    return std::optional(SegmentSeen{static_cast<std::int64_t>(found.unread.size()), found.began});
}

Status CatchUp::tell_aborts(const Found& found) {
    DeliveryBatch batch;
    batch.committer = committer();
    batch.aborted = found.merge.aborted();
    if (!batch.aborted.empty()) {
        (void)TRY(deliver_batch(std::move(batch)));
    }
    return base::Done{};
}

std::string CatchUp::committer() const {
    return "tracker " + options_.tracker;
}

CatchUp::Found CatchUp::find(const ClaimedSegment& segment) {
    const base::Instant began = base::monotonic_now();
    FoundCopies copies = find_copies(servers_, segment.id, Deadline::after(kListDeadline));
    Found found{newest_of(std::move(copies.copies)),
                std::move(copies.unread),
                began,
                FrameMerge(segment.catalogued_to),
                std::nullopt,
                0};
    ScanLimits limits;
    limits.from = segment.catalogued_to;
    for (const SegmentCopy& copy : found.newest) {
        Result<CopyScan> scan =
            scan_copy(servers_, segment.id, copy, limits, Deadline::after(options_.read_deadline));
        if (!scan) {
            found.unread.push_back(copy.server);
            base::log::info("storage",
                            "copy_unreadable",
                            {{"segment", segment.id.text()},
                             {"store", copy.server.text()},
                             {"error", scan.error()}});
            continue;
        }
        found.header = scan.value().header;
        found.first_frame = scan.value().first_frame;
        found.merge.add(std::move(scan).take_value());
        if (found.merge.is_whole()) {
            break;  // a sealed copy without a gap says all there is to say
        }
    }
    return found;
}

Delivery CatchUp::delivery_of(const SegmentId& segment, const ScannedFrame& frame) const {
    Delivery delivery;
    delivery.id = frame.entry.id;
    delivery.kind = frame.entry.kind;
    delivery.acknowledged = Acknowledged::Yes;
    delivery.location = {segment, frame.entry.offset, frame.entry.length};
    delivery.message_size = frame.message_size;
    delivery.summary_size = frame.summary_size;
    delivery.received_us = frame.received_us;
    const auto agent = agents_.find(frame.server);
    delivery.server = agent != agents_.end() ? agent->second : frame.server.text();
    delivery.sender = frame.envelope.sender;
    delivery.recipients = frame.envelope.recipients;
    delivery.attributes = frame.envelope.attributes;
    return delivery;
}

// What is left to its own agent for now makes it incomplete; what the catalog does not take does
// not: that is an alarm.
Result<CatchUp::Dealt> CatchUp::deliver_steps(const ClaimedSegment& segment, const Found& found) {
    const auto now_ms = static_cast<std::uint64_t>(base::wall_us() / 1'000);
    const bool quiet = is_quiet(segment.id, found.merge.end());
    const std::uint64_t before_ms =
        quiet ? UINT64_MAX
              : now_ms - std::min(now_ms, static_cast<std::uint64_t>(options_.grace.count()));
    const std::vector<FrameMerge::Step> steps = found.merge.steps(
        before_ms,
        segment.state == SegmentState::Open ? FrameMerge::SealStep::No : FrameMerge::SealStep::Yes);
    DeliveryBatch batch;
    batch.committer = committer();
    std::uint64_t mark = segment.catalogued_to;
    std::uint64_t reached = mark;
    bool stuck = false;  // a frame that cannot be catalogued: the mark stays before it
    for (std::size_t n = 0; n < steps.size(); ++n) {
        const FrameMerge::Step& step = steps[n];
        if (step.message != nullptr && !step.message->problem.empty()) {
            report_problem(segment.id, *step.message, step.message->problem);
            stuck = true;
        } else if (step.message != nullptr && !(is_planted("skip_catch_up") && n % 2 == 1)) {
            batch.deliveries.push_back(delivery_of(segment.id, *step.message));
        }
        if (step.contiguous && !stuck) {
            mark = step.to;
        }
        if (batch.deliveries.size() < options_.batch_max && n + 1 < steps.size()) {
            continue;
        }
        if (mark > segment.catalogued_to) {
            batch.covered = {{segment.id, segment.catalogued_to, mark}};
        }
        if (!batch.deliveries.empty() || !batch.covered.empty()) {
            stuck = TRY(deliver_batch(batch)) == Taken::Some || stuck;
        }
        if (stuck) {
            batch.covered.clear();
            mark = segment.catalogued_to;
        }
        reached = std::max(reached, mark);
        batch.deliveries.clear();
    }
    if (stuck) {
        pause(segment.id);
    }
    return Dealt{reached, quiet || stuck || reached >= found.merge.end()};
}

Result<CatchUp::Taken> CatchUp::deliver_batch(DeliveryBatch batch) {
    static base::Counter& caught_up =
        base::counter("roundtable_catch_up_messages_total", "Messages that a tracker catalogued");
    batch.seen = seen_;
    auto shared = std::make_shared<const DeliveryBatch>(std::move(batch));
    const Result<DeliveryReport> report =
        pool_.run([shared](base::Connection& connection) { return deliver(connection, *shared); },
                  statement());
    if (!report) {
        const Error& error = report.error();
        // Something in it that the catalog does not take: find out which, let the others pass.
        if (!base::is_temporary(error.code) &&
            (shared->deliveries.size() > 1 || !shared->covered.empty())) {
            return deliver_alone(*shared);
        }
        return error;
    }
    seen_ = std::max(seen_, report.value().commit_sequence);
    for (const std::vector<DeliveredTo>& placed : report.value().deliveries) {
        bool fresh = false;
        for (const DeliveredTo& to : placed) {
            fresh = fresh || to.outcome == DeliveryOutcome::Delivered ||
                    to.outcome == DeliveryOutcome::DeadLetter;
            counters_.dead_letters += to.outcome == DeliveryOutcome::DeadLetter ? 1 : 0;
        }
        counters_.delivered += fresh ? 1 : 0;
        caught_up.add(fresh ? 1 : 0);
    }
    return Taken::All;
}

// One message at a time, without moving the mark.
Result<CatchUp::Taken> CatchUp::deliver_alone(const DeliveryBatch& batch) {
    for (const Delivery& delivery : batch.deliveries) {
        DeliveryBatch one;
        one.committer = batch.committer;
        one.deliveries = {delivery};
        const Result<Taken> delivered = deliver_batch(std::move(one));
        if (!delivered && base::is_temporary(delivered.error().code)) {
            return delivered.error();
        }
        if (!delivered) {
            ScannedFrame frame;
            frame.entry.id = delivery.id;
            frame.entry.offset = delivery.location.offset;
            report_problem(delivery.location.segment, frame, delivered.error().detail);
        }
    }
    return Taken::Some;
}

void CatchUp::report_problem(const SegmentId& segment, const ScannedFrame& frame, std::string why) {
    ++counters_.problems;
    if (reported_.size() >= kRememberedMax || !reported_.insert(frame.entry.id).second) {
        return;
    }
    base::log::error("storage",
                     "frame_not_catalogued",
                     {{"segment", segment.text()},
                      {"offset", frame.entry.offset},
                      {"message", frame.entry.id.text()},
                      {"reason", why}});
    const Event event{
        Severity::Alarm,
        "frame_not_catalogued",
        options_.tracker,
        "message " + frame.entry.id.text() + " in segment " + segment.text() + ": " + why};
    // If this is lost, the log has it.
    (void)pool_.run(
        [event](base::Connection& connection) { return raise_event(connection, event); },
        statement());
}

// What can be said of the segment's end: its seal, or that its writer is gone for good. A writer
// that lives tells the catalog itself, after it has sealed the last copy: a seal is given that
// time.
Status CatchUp::note_end(const ClaimedSegment& segment, const Found& found) {
    if (!found.header || segment.state != SegmentState::Open) {
        return base::Done{};
    }
    SegmentNote note = note_of(*found.header, found.first_frame);
    note.replicas.clear();
    if (found.merge.seal()) {
        const auto [seen, is_new] = seal_seen_.try_emplace(segment.id, base::monotonic_now());
        if (base::monotonic_now() - seen->second < options_.grace) {
            if (seal_seen_.size() > kRememberedMax) {
                seal_seen_.erase(seal_seen_.begin());
            }
            return base::Done{};
        }
        seal_seen_.erase(seen);
        note.state = SegmentState::Sealed;
        note.length = found.merge.seal()->file_size;
        for (const SegmentCopy& copy : found.newest) {
            note.generation = std::max(note.generation, copy.generation);
        }
        TRY(note_copies(found, note));
        ++counters_.sealed_found;
    } else if (is_planted("tracker_seal")) {
        note.state = SegmentState::Sealed;
        note.length = std::max(found.merge.end(), segment.catalogued_to);
    } else if (segment.writer_retired && found.unread.empty()) {
        note.state = SegmentState::Retired;
        note.length = std::max(found.merge.end(), segment.catalogued_to);
    } else {
        return base::Done{};
    }
    auto notes = std::make_shared<const std::vector<SegmentNote>>(1, std::move(note));
    return pool_.run(
        [notes](base::Connection& connection) { return note_segments(connection, *notes); },
        statement());
}

// A copy is good if it ends in the seal that was found; if it does not, it is behind and owed.
Status CatchUp::note_copies(const Found& found, SegmentNote& note) {
    for (const StorageServerId& store : found.header->replicas) {
        if (std::find(found.unread.begin(), found.unread.end(), store) != found.unread.end()) {
            continue;
        }
        const auto copy =
            std::find_if(found.newest.begin(), found.newest.end(), [&](const SegmentCopy& each) {
                return each.server == store;
            });
        std::string wrong = "no file there";
        std::uint32_t generation = note.generation;
        if (copy != found.newest.end()) {
            const Status sealed = check_seal(servers_,
                                             note.id,
                                             *copy,
                                             *found.merge.seal(),
                                             Deadline::after(options_.read_deadline));
            if (!sealed && base::is_temporary(sealed.error().code)) {
                continue;  // not known
            }
            generation = copy->generation;
            wrong = sealed ? "" : "it does not end in the seal";
        }
        if (wrong.empty()) {
            note.replicas.push_back({store, generation, ReplicaState::Active, note.length, {}});
        } else {
            note.replicas.push_back({store, generation, ReplicaState::Behind, 0, wrong});
            note.owed.push_back({store, wrong});
        }
    }
    return base::Done{};
}

}  // namespace storage
