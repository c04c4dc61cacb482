#include "storage/mirror/whole_segment.h"

#include <algorithm>
#include <utility>

#include "base/fiber.h"
#include "base/random.h"
#include "base/uuid.h"
#include "storage/mirror/recovery.h"
#include "storage/segment/encoder.h"

namespace storage {
namespace {

using base::Deadline;
using base::Errc;
using base::Error;
using base::Result;
using base::Status;

constexpr int kAttempts = 3;  // with other servers, when some fail

// The file and what is in it.
struct Image {
    Bytes bytes;
    std::uint64_t first_frame = 0;
    std::vector<FrameLocation> locations;
    Seal seal;
};

Status check(const WholeSegment& segment) {
    if (segment.frames.empty() && segment.aborts.empty()) {
        return Error{Errc::Invalid, "whole segment: no frame"};
    }
    std::uint64_t size = 0;
    for (const FrameInput& frame : segment.frames) {
        size += frame.envelope.size() + frame.summary.size() + frame.message.size();
    }
    if (size > kWholeSegmentMax && segment.frames.size() > 1) {
        return Error{Errc::TooLarge, "whole segment: too much for one"};
    }
    return base::Done{};
}

Result<Image> encode(const SegmentHeader& header, const WholeSegment& segment) {
    SegmentEncoder encoder = TRY(SegmentEncoder::create(header));
    Image image;
    encoder.begin(image.bytes);
    image.first_frame = encoder.size();
    for (const FrameInput& frame : segment.frames) {
        image.locations.push_back(TRY(encoder.append(frame, image.bytes)));
    }
    for (const CarriedAbort& abort : segment.aborts) {
        image.locations.push_back(
            TRY(encoder.append_abort(abort.target, abort.at_us, abort.server, image.bytes)));
    }
    image.seal = encoder.seal(image.bytes);
    return image;
}

// What placement sees. `failed`: servers that did not take a copy a moment ago, and why.
std::vector<PlacementCandidate> candidates(const StorageServerSet& servers,
                                           const std::vector<OwedCopy>& failed) {
    std::vector<PlacementCandidate> all;
    for (const StorageServerClient* server : servers.all()) {
        StoreHealth health = server->health();
        PlacementCandidate candidate{server->config().id,
                                     server->config().failure_domain,
                                     health.is_healthy(),
                                     std::move(health.reason)};
        if (servers.is_draining(candidate.id)) {
            candidate.healthy = false;
            candidate.reason = "draining";
        }
        const auto failure = std::ranges::find(failed, candidate.id, &OwedCopy::server);
        if (failure != failed.end()) {
            candidate.healthy = false;
            candidate.reason = failure->detail;
        }
        all.push_back(std::move(candidate));
    }
    return all;
}

// One server after the other, each with its share of the time: one that hangs does not take it all.
void write_copies(StorageServerSet& servers,
                  const SegmentId& id,
                  const std::vector<StorageServerId>& replicas,
                  const std::shared_ptr<const Bytes>& bytes,
                  Deadline deadline,
                  std::vector<StorageServerId>& durable,
                  std::vector<OwedCopy>& failed) {
    for (std::size_t n = 0; n < replicas.size(); ++n) {
        const auto left = static_cast<std::int64_t>(replicas.size() - n);
        const Status written = write_copy(
            servers, id, {replicas[n], 1}, bytes, Deadline::after(deadline.remaining() / left));
        if (written) {
            durable.push_back(replicas[n]);
        } else {
            const OwedReason reason =
                written.error().code == Errc::Timeout ? OwedReason::Late : OwedReason::Failed;
            failed.push_back(OwedCopy{replicas[n], reason, written.error().detail});
        }
    }
}

bool is_wanted(const MirrorTable& table, const StorageServerId& server) {
    return server == table.own || std::ranges::find(table.peers, server) != table.peers.end();
}

SegmentNote note_for(const WrittenSegment& written) {
    SegmentNote note = note_of(*written.header, written.first_frame);
    note.state = SegmentState::Sealed;
    note.length = written.seal.file_size;
    note.replicas.clear();
    for (const StorageServerId& store : written.durable) {
        note.replicas.push_back({store, 1, ReplicaState::Active, note.length, {}});
    }
    for (const OwedCopy& owed : written.owed) {
        std::string reason(owed_reason_name(owed.reason));
        reason += owed.detail.empty() ? "" : ": " + owed.detail;
        note.owed.push_back({owed.server, std::move(reason)});
    }
    return note;
}

// One attempt, under an id of its own. Unavailable with new entries in `failed`: try again.
Result<WrittenSegment> try_write(StorageServerSet& servers,
                                 base::WorkerPool& workers,
                                 const CopyPolicy& policy,
                                 const std::shared_ptr<const WholeSegment>& segment,
                                 Deadline deadline,
                                 std::vector<OwedCopy>& failed) {
    const std::vector<PlacementCandidate> ring = candidates(servers, failed);
    const Placement placement = TRY(place(segment->table, ring, policy));
    SegmentHeader header;
    header.segment = SegmentId(base::Uuid::time_ordered());
    header.writer = segment->writer;
    header.writer_id = segment->writer_id;
    header.boot_epoch = format::kWholeBootEpoch;
    header.replicas = placement.replicas;
    header.min_copies = placement.copies_needed;
    header.created_us = static_cast<std::uint64_t>(base::wall_us());
    base::random_fill(header.salt);
    WrittenSegment written;
    written.header = std::make_shared<const SegmentHeader>(std::move(header));
    Image image = TRY(
        workers.run([segment, to = written.header] { return encode(*to, *segment); }, deadline));
    const SegmentId& id = written.header->segment;
    const auto bytes = std::make_shared<const Bytes>(std::move(image.bytes));
    write_copies(servers, id, placement.replicas, bytes, deadline, written.durable, failed);
    if (count_domains(written.durable, ring) < placement.copies_needed) {
        // What was written stays: a tracker may have seen a whole copy already, and told of it.
        return base::fiber_cancelled()
                   ? Error{Errc::Cancelled, "whole segment: cancelled"}
                   : Error{Errc::Unavailable, "whole segment: too few copies became durable"};
    }
    written.first_frame = image.first_frame;
    written.seal = std::move(image.seal);
    written.locations = std::move(image.locations);
    written.owed = placement.owed;
    for (const OwedCopy& failure : failed) {
        const bool said = std::ranges::find(written.owed, failure.server, &OwedCopy::server) !=
                          written.owed.end();
        if (!said && is_wanted(segment->table, failure.server)) {
            written.owed.push_back(failure);
        }
    }
    written.note = note_for(written);
    return written;
}

}  // namespace

Result<WrittenSegment> write_whole_segment(StorageServerSet& servers,
                                           base::WorkerPool& workers,
                                           const CopyPolicy& policy,
                                           WholeSegment segment,
                                           Deadline deadline) {
    TRY(check(segment));
    const auto shared = std::make_shared<const WholeSegment>(std::move(segment));
    std::vector<OwedCopy> failed;
    for (int attempt = 1;; ++attempt) {
        const std::size_t failed_before = failed.size();
        // A first attempt that hangs leaves time for the others.
        const auto share = deadline.remaining() / (kAttempts - attempt + 1);
        Result<WrittenSegment> written =
            try_write(servers, workers, policy, shared, Deadline::after(share), failed);
        if (written || written.error().code != Errc::Unavailable || attempt == kAttempts ||
            failed.size() == failed_before || deadline.passed()) {
            return written;
        }
    }
}

}  // namespace storage
