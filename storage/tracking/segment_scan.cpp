#include "storage/tracking/segment_scan.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "base/fiber.h"
#include "storage/segment/format.h"
#include "storage/segment/name.h"
#include "storage/segment/reader.h"

namespace storage {
namespace {

using base::Deadline;
using base::Errc;
using base::Error;
using base::Result;

constexpr std::uint32_t kWindow = 1U << 20U;

Result<Bytes> read_some(StorageServerSet& servers,
                        const SegmentId& segment,
                        const SegmentCopy& copy,
                        std::pair<std::uint64_t, std::uint32_t> range,
                        Deadline deadline) {
    StorageServerClient* server = servers.find(copy.server);
    if (server == nullptr) {
        return Error{Errc::Unavailable, "storage server not configured"};
    }
    base::Completion<Bytes> done;
    server->read_some(segment_path({segment, copy.generation}),
                      range.first,
                      range.second,
                      deadline,
                      [done](Result<Bytes> bytes) { done.fulfil(std::move(bytes)); });
    return done.await(deadline);
}

ScannedFrame scanned(const FrameView& view) {
    ScannedFrame frame;
    frame.entry = {view.type, view.kind, view.offset, view.length, view.id};
    frame.received_us = static_cast<std::int64_t>(view.received_us);
    frame.server = view.server;
    if (view.type == FrameType::Message) {
        frame.message_size = view.octets;
        frame.summary_size = static_cast<std::uint32_t>(view.summary.size());
        Result<mail::Envelope> envelope = mail::decode_envelope(view.envelope);
        if (envelope) {
            frame.envelope = std::move(envelope).take_value();
        } else {
            frame.problem = envelope.error().detail;
        }
    } else if (view.type == FrameType::Abort) {
        const Result<AbortTarget> target = abort_target(view);
        if (target) {
            frame.abort = target.value();
        }
    }
    return frame;
}

// Takes what one window gives. Returns how many bytes the next one needs; 0: the end.
std::uint64_t take_window(Replay& replay,
                          const Bytes& bytes,
                          Replay::AtEnd at_end,
                          CopyScan& scan) {
    const std::uint64_t begin = replay.position();
    while (true) {
        const auto used = static_cast<std::size_t>(replay.position() - begin);
        if (used > bytes.size()) {
            return kWindow;  // a bad frame reached beyond the window
        }
        const Replay::Event event = replay.next(std::span(bytes).subspan(used), at_end);
        if (const auto* more = std::get_if<Replay::NeedMore>(&event)) {
            return std::max<std::uint64_t>(more->bytes, 1);
        }
        if (std::holds_alternative<Replay::End>(event)) {
            return 0;
        }
        if (const auto* gap = std::get_if<Gap>(&event)) {
            scan.gaps.push_back(*gap);
            continue;
        }
        const auto& view = std::get<FrameView>(event);
        if (view.type == FrameType::Seal) {
            Result<Seal> seal = seal_of(view);
            if (seal) {
                scan.seal = std::move(seal).take_value();
            }
        } else {
            scan.frames.push_back(scanned(view));
        }
    }
}

}  // namespace

Result<DecodedHeader> read_header(StorageServerSet& servers,
                                  const SegmentId& segment,
                                  const SegmentCopy& copy,
                                  Deadline deadline) {
    const Bytes bytes =
        TRY(read_some(servers, segment, copy, {0, format::kHeaderSizeMax}, deadline));
    DecodedHeader header = TRY(decode_header(bytes));
    if (header.header.segment != segment) {
        return Error{Errc::Corrupt, "the file is another segment's"};
    }
    return header;
}

Result<CopyScan> scan_copy(StorageServerSet& servers,
                           const SegmentId& segment,
                           const SegmentCopy& copy,
                           const ScanLimits& limits,
                           Deadline deadline) {
    DecodedHeader decoded = TRY(read_header(servers, segment, copy, deadline));
    CopyScan scan;
    scan.first_frame = decoded.size;
    const std::uint64_t from = std::max<std::uint64_t>(limits.from, decoded.size);
    Replay replay(decoded.header, from);
    scan.header = std::move(decoded.header);
    std::uint64_t need = kWindow;
    while (need != 0 && replay.position() - from < limits.bytes_max) {
        const auto size = static_cast<std::uint32_t>(
            std::min<std::uint64_t>(std::max<std::uint64_t>(need, kWindow), format::kFrameSizeMax));
        const Result<Bytes> bytes =
            read_some(servers, segment, copy, {replay.position(), size}, deadline);
        if (!bytes) {
            if (scan.frames.empty()) {
                return bytes.error();
            }
            break;
        }
        const bool at_end = bytes.value().size() < size;
        need = take_window(
            replay, bytes.value(), at_end ? Replay::AtEnd::Yes : Replay::AtEnd::No, scan);
        if (at_end) {
            break;
        }
    }
    scan.end = std::max(from, replay.durable_size());
    return scan;
}

base::Status check_seal(StorageServerSet& servers,
                        const SegmentId& segment,
                        const SegmentCopy& copy,
                        const Seal& seal,
                        Deadline deadline) {
    const Bytes trailer =
        TRY(read_some(servers,
                      segment,
                      copy,
                      {seal.file_size - format::kTrailerSize, format::kTrailerSize},
                      deadline));
    if (TRY(seal_offset(trailer)) != seal.data_size) {
        return Error{Errc::Corrupt, "another seal"};
    }
    return base::Done{};
}

}  // namespace storage
