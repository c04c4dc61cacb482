#include "storage/upkeep/moved_frames.h"

#include <memory>
#include <set>
#include <utility>

#include "storage/segment/compress.h"
#include "storage/segment/format.h"
#include "storage/upkeep/writer_table.h"

namespace storage {

using base::Deadline;
using base::Result;

std::uint64_t octets_of(const FrameInput& frame) noexcept {
    return frame.envelope.size() + frame.summary.size() + frame.message.size();
}

Result<FrameInput> frame_input(const FrameView& view) {
    FrameInput frame;
    frame.type = view.type;
    frame.id = view.id;
    frame.kind = view.kind;
    frame.compression = view.compression;
    frame.received_us = view.received_us;
    frame.server = view.server;
    frame.envelope = std::string(view.envelope);
    frame.summary = std::string(view.summary);
    frame.message = TRY(message_octets(view));
    return frame;
}

Result<MovedFrames> move_frames(const MoveTools& tools,
                                const SegmentHeader& writer,
                                MovingFrames moving) {
    Compaction compaction;
    compaction.tracker = tools.tracker;
    compaction.lease = tools.lease;
    compaction.from = std::move(moving.from);
    compaction.done = std::move(moving.done);
    if (!moving.frames.empty() || !moving.aborts.empty()) {
        WriterTable where = TRY(tools.pool.run(
            [name = writer.writer, id = writer.writer_id](base::Connection& connection) {
                return table_of_writer(connection, name, id);
            },
            Deadline::after(tools.statement_deadline)));
        std::set<SegmentId> targets;
        for (const CarriedAbort& abort : moving.aborts) {
            targets.insert(abort.target.segment);
        }
        compaction.abort_targets.assign(targets.begin(), targets.end());
        WrittenSegment written = TRY(write_whole_segment(tools.servers,
                                                         tools.workers,
                                                         where.policy,
                                                         {writer.writer,
                                                          writer.writer_id,
                                                          std::move(moving.frames),
                                                          std::move(moving.aborts),
                                                          std::move(where.table)},
                                                         Deadline::after(tools.write_deadline)));
        compaction.to.assign(
            written.locations.begin(),
            written.locations.begin() + static_cast<std::ptrdiff_t>(compaction.from.size()));
        for (std::size_t n = compaction.from.size(); n < written.locations.size(); ++n) {
            compaction.abort_bytes += written.locations[n].length + format::kIndexEntrySize;
        }
        compaction.written = std::move(written.note);
    }
    const auto shared = std::make_shared<const Compaction>(std::move(compaction));
    MovedFrames moved;
    moved.superseded = TRY(tools.pool.run(
        [shared](base::Connection& connection) { return finish_compaction(connection, *shared); },
        Deadline::after(tools.statement_deadline)));
    if (shared->written) {
        moved.into = shared->written->id;
    }
    return moved;
}

}  // namespace storage
