#include "storage/upkeep/sealed_segment.h"

#include <utility>

#include "base/fiber.h"
#include "storage/segment/format.h"
#include "storage/segment/name.h"
#include "storage/segment/reader.h"
#include "storage/tracking/segment_scan.h"

namespace storage {
namespace {

using base::Deadline;
using base::Errc;
using base::Error;
using base::Result;

Result<Bytes> read_range(StorageServerSet& servers,
                         const SegmentId& segment,
                         const SegmentCopy& copy,
                         std::pair<std::uint64_t, std::uint64_t> range,
                         Deadline deadline) {
    StorageServerClient* server = servers.find(copy.server);
    if (server == nullptr) {
        return Error{Errc::Unavailable, "storage server not configured"};
    }
    base::Completion<Bytes> done;
    server->read(segment_path({segment, copy.generation}),
                 range.first,
                 static_cast<std::uint32_t>(range.second),
                 deadline,
                 [done](Result<Bytes> bytes) { done.fulfil(std::move(bytes)); });
    return done.await(deadline);
}

Result<SealedSegment> read_copy_of(StorageServerSet& servers,
                                   const SegmentId& segment,
                                   std::uint64_t length,
                                   const SegmentCopy& copy,
                                   Deadline deadline) {
    SealedSegment sealed;
    sealed.header = TRY(read_header(servers, segment, copy, deadline)).header;
    if (length < format::kTrailerSize) {
        return Error{Errc::Corrupt, "too short for a seal"};
    }
    const Bytes trailer = TRY(read_range(
        servers, segment, copy, {length - format::kTrailerSize, format::kTrailerSize}, deadline));
    const std::uint64_t at = TRY(seal_offset(trailer));
    if (at >= length || length - at > format::kFrameSizeMax) {
        return Error{Errc::Corrupt, "the seal is elsewhere"};
    }
    const Bytes end = TRY(read_range(servers, segment, copy, {at, length - at}, deadline));
    const FrameView seal = TRY(decode_frame(sealed.header, at, end));
    sealed.seal = TRY(seal_of(seal));
    for (const IndexEntry& entry : sealed.seal.index) {
        if (entry.type != FrameType::Abort) {
            continue;
        }
        const Bytes bytes =
            TRY(read_range(servers, segment, copy, {entry.offset, entry.length}, deadline));
        const FrameView view = TRY(decode_frame(sealed.header, entry.offset, bytes));
        const AbortTarget target = TRY(abort_target(view));
        sealed.aborts.push_back({target, view.received_us, view.server});
    }
    return sealed;
}

}  // namespace

Result<SealedSegment> read_sealed(StorageServerSet& servers,
                                  const SegmentId& segment,
                                  std::uint64_t length,
                                  std::span<const ReplicaPlace> replicas,
                                  Deadline deadline) {
    Error worst{Errc::Unavailable, "no copy is reached"};
    bool out_of_reach = replicas.empty();
    for (std::size_t n = 0; n < replicas.size(); ++n) {
        const auto left = static_cast<std::int64_t>(replicas.size() - n);
        Result<SealedSegment> sealed = read_copy_of(servers,
                                                    segment,
                                                    length,
                                                    {replicas[n].store, replicas[n].generation},
                                                    Deadline::after(deadline.remaining() / left));
        if (sealed || sealed.error().code == Errc::Cancelled) {
            return sealed;
        }
        out_of_reach = out_of_reach || base::is_temporary(sealed.error().code);
        worst = {out_of_reach ? Errc::Unavailable : Errc::Corrupt, sealed.error().detail};
    }
    return worst;
}

}  // namespace storage
