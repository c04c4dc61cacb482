#include "storage/journal/abort_scan.h"

#include <set>
#include <utility>

#include "base/fiber.h"
#include "storage/segment/name.h"
#include "storage/segment/reader.h"
#include "storage/tracking/segment_scan.h"

namespace storage {
namespace {

using base::Deadline;
using base::Errc;
using base::Error;
using base::Result;

constexpr auto kAnswerGrace = std::chrono::seconds(1);

// One of the client's calls, awaited.
template <typename T, typename Call>
Result<T> awaited(Deadline deadline, Call call) {
    base::Completion<T> done;
    call([done](Result<T> result) { done.fulfil(std::move(result)); });
    return done.await(Deadline::after(deadline.remaining() + kAnswerGrace));
}

bool is_abort(const IndexEntry& entry) {
    return entry.type == FrameType::Abort;
}

}  // namespace

Result<Seal> read_seal(StorageServerSet& servers,
                       const SegmentId& segment,
                       const SegmentCopy& copy,
                       Deadline deadline) {
    const std::string path = segment_path({segment, copy.generation});
    const auto client = [&]() -> Result<StorageServerClient*> {
        StorageServerClient* server = servers.find(copy.server);
        if (server == nullptr) {
            return Error{Errc::Unavailable, "storage server not configured"};
        }
        return server;
    };
    const auto read = [&](std::uint64_t offset, std::uint64_t size) -> Result<Bytes> {
        StorageServerClient* server = TRY(client());
        return awaited<Bytes>(deadline, [&](StorageServerClient::Done<Bytes> done) {
            server->read(path, offset, static_cast<std::uint32_t>(size), deadline, std::move(done));
        });
    };
    StorageServerClient* server = TRY(client());
    const FileInfo file =
        TRY(awaited<FileInfo>(deadline, [&](StorageServerClient::Done<FileInfo> done) {
            server->stat(path, deadline, std::move(done));
        }));
    if (file.size < format::kTrailerSize) {
        return Error{Errc::Corrupt, "no seal"};
    }
    const Bytes trailer = TRY(read(file.size - format::kTrailerSize, format::kTrailerSize));
    const std::uint64_t at = TRY(seal_offset(trailer));
    if (at >= file.size || file.size - at > format::kFrameSizeMax) {
        return Error{Errc::Corrupt, "no seal"};
    }
    const DecodedHeader header = TRY(read_header(servers, segment, copy, deadline));
    const Bytes bytes = TRY(read(at, file.size - at));
    const FrameView view = TRY(decode_frame(header.header, at, bytes));
    return seal_of(view);
}

Result<std::vector<mail::MessageId>> find_aborted(StorageServerSet& servers,
                                                  const SegmentPlaces& segment,
                                                  Deadline deadline) {
    std::set<mail::MessageId> aborted;
    for (const ReplicaPlace& place : segment.replicas) {
        const Result<Seal> seal =
            read_seal(servers, segment.id, {place.store, place.generation}, deadline);
        if (!seal && seal.error().code == Errc::Cancelled) {
            return seal.error();
        }
        if (!seal) {
            continue;
        }
        for (const IndexEntry& entry : seal.value().index) {
            if (is_abort(entry)) {
                aborted.insert(entry.id);
            }
        }
        return std::vector<mail::MessageId>(aborted.begin(), aborted.end());
    }
    bool any = segment.replicas.empty();
    for (const ReplicaPlace& place : segment.replicas) {
        const Result<CopyScan> scan =
            scan_copy(servers, segment.id, {place.store, place.generation}, {}, deadline);
        if (!scan && scan.error().code == Errc::Cancelled) {
            return scan.error();
        }
        any = any || scan || !base::is_temporary(scan.error().code);
        if (!scan) {
            continue;
        }
        for (const ScannedFrame& frame : scan.value().frames) {
            if (frame.abort) {
                aborted.insert(frame.abort->id);
            }
        }
    }
    if (!any) {
        return Error{Errc::Unavailable, "no copy of segment " + segment.id.text() + " answers"};
    }
    return std::vector<mail::MessageId>(aborted.begin(), aborted.end());
}

}  // namespace storage
