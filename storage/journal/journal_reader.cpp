#include "storage/journal/journal_reader.h"

#include <utility>

#include "base/log.h"
#include "storage/catalog/rows.h"
#include "storage/mirror/recovery.h"
#include "storage/segment/compress.h"
#include "storage/segment/reader.h"

namespace storage {
namespace {

using base::Deadline;
using base::Errc;
using base::Error;
using base::Result;

constexpr auto kReadDeadline = std::chrono::seconds(60);

constexpr base::Statement kSegments{
    "storage_list_segments",
    "SELECT s.id, "
    "array_agg(v.store_id::text ORDER BY r.state, v.id) FILTER (WHERE v.id IS NOT NULL), "
    "array_agg(r.generation ORDER BY r.state, v.id) FILTER (WHERE v.id IS NOT NULL), "
    "array_agg(r.state ORDER BY r.state, v.id) FILTER (WHERE v.id IS NOT NULL), "
    "array_agg(r.durable_length ORDER BY r.state, v.id) FILTER (WHERE v.id IS NOT NULL) "
    "FROM (SELECT id FROM catalog.segment WHERE id > $1::uuid AND (NOT $2 OR writer = '/journal') "
    "ORDER BY id LIMIT 1000) AS s "
    "LEFT JOIN catalog.segment_replica r ON r.segment_id = s.id "
    "LEFT JOIN directory.storage_server v ON v.id = r.storage_server_id AND v.state <> 'retired' "
    "GROUP BY s.id ORDER BY s.id"};

}  // namespace

Result<std::vector<SegmentPlaces>> list_segments(base::Connection& connection,
                                                 WhichSegments which,
                                                 const SegmentId& after) {
    const base::Rows rows =
        TRY(connection.query(kSegments, {after.uuid(), which == WhichSegments::Journals}));
    std::vector<SegmentPlaces> segments;
    for (const base::Row row : rows) {
        segments.push_back({SegmentId(row.uuid(0)), TRY(replica_places(row, 1))});
    }
    return segments;
}

Result<std::vector<JournalText>> decode_journal_segment(std::span<const std::byte> file) {
    const Seal seal = TRY(verify_sealed(file));
    const DecodedHeader header = TRY(decode_header(file));
    std::vector<JournalText> frames;
    for (const IndexEntry& entry : seal.index) {
        if (entry.type != FrameType::Journal) {
            continue;
        }
        const FrameView view =
            TRY(decode_frame(header.header,
                             entry.offset,
                             file.subspan(static_cast<std::size_t>(entry.offset), entry.length)));
        const std::string text = TRY(message_octets(view));
        const JournalFrame frame = TRY(decode_journal(text));
        frames.push_back({frame.head, std::string(frame.body)});
    }
    return frames;
}

Result<std::vector<JournalText>> JournalReader::read(const SegmentPlaces& segment) {
    Error last{Errc::Corrupt, "no copy of journal segment " + segment.id.text() + " is good"};
    for (const ReplicaPlace& replica : segment.replicas) {
        if (replica.state == ReplicaState::Lost) {
            continue;
        }
        Result<Bytes> bytes = read_copy(servers_,
                                        segment.id,
                                        {replica.store, replica.generation},
                                        Deadline::after(kReadDeadline));
        Result<std::vector<JournalText>> frames = Error{Errc::Corrupt, ""};
        if (bytes) {
            const auto file = std::make_shared<const Bytes>(std::move(bytes).take_value());
            frames = workers_.run([file] { return decode_journal_segment(*file); },
                                  Deadline::after(kReadDeadline));
        } else {
            frames = bytes.error();
        }
        if (frames || frames.error().code == Errc::Cancelled) {
            return frames;
        }
        base::log::info("storage",
                        "journal_copy_unreadable",
                        {{"segment", segment.id.text()},
                         {"store", replica.store.text()},
                         {"error", frames.error()}});
        // One that may still turn out good counts for more than one that is bad.
        if (base::is_temporary(frames.error().code) || !base::is_temporary(last.code)) {
            last = frames.error();
        }
    }
    if (base::is_temporary(last.code)) {
        last.code = Errc::Unavailable;
    } else if (last.code != Errc::Unsupported) {
        last.code = Errc::Corrupt;
    }
    return last;
}

}  // namespace storage
