#include "storage/tracking/segment_ledger.h"

#include <algorithm>
#include <string>
#include <utility>

namespace storage {

// An open segment is told with its first message.
bool SegmentLedger::Entry::is_due() const {
    return (closed && is_news()) || (told_version > 0 && coverage.mark() > told_mark);
}

SegmentLedger::Entry& SegmentLedger::entry(const std::shared_ptr<const SegmentHeader>& header,
                                           std::uint64_t first_frame) {
    const auto [at, is_new] = segments_.try_emplace(header->segment);
    if (is_new) {
        at->second.note = note_of(*header, first_frame);
        at->second.coverage = Coverage(first_frame);
        at->second.told_mark = first_frame;
    }
    // The oldest that is done with, else the oldest, but never the one that was asked for.
    while (segments_.size() > kSegmentsMax) {
        auto victim = std::find_if(segments_.begin(), segments_.end(), [](const auto& each) {
            return each.second.closed && !each.second.is_due();
        });
        if (victim == segments_.end()) {
            victim = segments_.begin();
        }
        if (victim == at) {
            victim = std::next(victim) == segments_.end() ? segments_.begin() : std::next(victim);
        }
        segments_.erase(victim);
    }
    return at->second;
}

void SegmentLedger::note_stored(const Stored& stored, std::uint64_t first_frame) {
    Entry& known = entry(stored.segment, first_frame);
    if (!known.note.owed.empty() || stored.owed.empty()) {
        return;
    }
    for (const OwedCopy& owed : stored.owed) {
        std::string reason(owed_reason_name(owed.reason));
        if (!owed.detail.empty()) {
            reason += ": " + owed.detail;
        }
        known.note.owed.push_back({owed.server, std::move(reason)});
    }
    ++known.version;
}

void SegmentLedger::note_closed(const SegmentClosed& closed, std::uint64_t first_frame) {
    Entry& known = entry(closed.segment, first_frame);
    known.closed = true;
    ++known.version;
    known.note.generation = closed.generation;
    if (closed.sealed) {
        known.note.state = SegmentState::Sealed;
        known.note.length = closed.seal.file_size;
        known.coverage.add(closed.seal.data_size, closed.seal.file_size);
    }
    for (const ReplicaOutcome& outcome : closed.replicas) {
        const bool good = outcome.end == ReplicaEnd::Sealed;
        // It may be said again, by each attempt of recovery; the last word counts.
        std::erase_if(known.note.owed,
                      [&](const OwedNote& owed) { return owed.store == outcome.server; });
        ReplicaNote note{outcome.server,
                         good ? outcome.generation : closed.segment->generation,
                         good ? ReplicaState::Active : ReplicaState::Behind,
                         outcome.durable_size,
                         outcome.detail};
        // Without a seal nothing is owed yet: recovery writes the copies whole, or says which not.
        if (!good && closed.sealed) {
            known.note.owed.push_back({outcome.server, "behind: " + outcome.detail});
        }
        const auto at = std::find_if(
            known.note.replicas.begin(), known.note.replicas.end(), [&](const ReplicaNote& r) {
                return r.store == outcome.server;
            });
        if (at != known.note.replicas.end()) {
            *at = std::move(note);
        } else {
            known.note.replicas.push_back(std::move(note));
        }
    }
}

SegmentLedger::Plan SegmentLedger::plan(std::span<const FrameLocation> frames) const {
    std::map<SegmentId, Coverage> after;
    for (const FrameLocation& frame : frames) {
        const auto at = segments_.find(frame.segment);
        if (at != segments_.end()) {
            after.try_emplace(frame.segment, at->second.coverage)
                .first->second.add(frame.offset, frame.offset + frame.length);
        }
    }
    Plan plan;
    for (const auto& [id, known] : segments_) {
        const auto planned = after.find(id);
        const bool touched = planned != after.end();
        if (!touched && !known.is_due()) {
            continue;
        }
        if (known.is_news()) {
            plan.segments.push_back(known.note);
            plan.versions[id] = known.version;
        }
        const std::uint64_t mark = touched ? planned->second.mark() : known.coverage.mark();
        if (mark > known.told_mark) {
            plan.covered.push_back({id, known.told_mark, mark});
        }
    }
    return plan;
}

void SegmentLedger::settle(const Plan& plan, std::span<const FrameLocation> frames) {
    for (const auto& [id, version] : plan.versions) {
        const auto at = segments_.find(id);
        if (at != segments_.end()) {
            at->second.told_version = version;
        }
    }
    for (const FrameLocation& frame : frames) {
        const auto at = segments_.find(frame.segment);
        if (at != segments_.end()) {
            at->second.coverage.add(frame.offset, frame.offset + frame.length);
        }
    }
    // The statement stops before a frame that it refuses: so does our own mark.
    for (const CoveredStretch& stretch : plan.covered) {
        const auto at = segments_.find(stretch.segment);
        if (at != segments_.end()) {
            at->second.told_mark = std::min(stretch.to, at->second.coverage.mark());
        }
    }
}

bool SegmentLedger::is_due() const {
    return std::any_of(
        segments_.begin(), segments_.end(), [](const auto& each) { return each.second.is_due(); });
}

void SegmentLedger::forget_told() {
    for (auto& [id, known] : segments_) {
        known.told_version = 0;
    }
}

}  // namespace storage
