#include "storage/upkeep/segment_sealer.h"

#include <utility>
#include <vector>

#include "base/log.h"
#include "storage/catalog/claims.h"
#include "storage/mirror/recovery.h"
#include "storage/segment/encoder.h"
#include "storage/tracking/segment_ledger.h"

namespace storage {
namespace {

using base::Deadline;
using base::Errc;
using base::Result;

}  // namespace

SegmentSealer::SegmentSealer(StorageServerSet& servers, base::DbPool& pool, SealOptions options)
    : servers_(servers), pool_(pool), options_(std::move(options)) {
}

Result<std::size_t> SegmentSealer::run_once() {
    const ClaimRequest request{options_.tracker, 1, options_.lease, options_.pause};
    const std::vector<SegmentId> claimed = TRY(pool_.run(
        [request](base::Connection& connection) { return claim_abandoned(connection, request); },
        Deadline::after(options_.statement_deadline)));
    std::size_t sealed = 0;
    for (const SegmentId& segment : claimed) {
        const Result<bool> done = seal(segment);
        if (!done && done.error().code == Errc::Cancelled) {
            return done.error();
        }
        sealed += done && done.value() ? 1U : 0U;
        TRY(pool_.run(
            [segment, tracker = options_.tracker](base::Connection& connection) {
                return release_segment(connection, segment, tracker);
            },
            Deadline::after(options_.statement_deadline)));
    }
    return sealed;
}

Result<bool> SegmentSealer::seal(const SegmentId& segment) {
    const Result<RecoveredSegment> recovered = recover_segment(servers_, segment, {});
    if (!recovered || !recovered.value().closed.sealed) {
        base::log::info(
            "storage",
            "segment_not_sealed",
            {{"segment", segment.text()},
             {"reason", recovered ? recovered.value().reason : recovered.error().detail}});
        return recovered ? Result<bool>(false) : Result<bool>(recovered.error());
    }
    const SegmentClosed& closed = recovered.value().closed;
    SegmentLedger ledger;
    ledger.note_closed(closed, encode_header(*closed.segment).value().size());
    const auto notes = std::make_shared<const std::vector<SegmentNote>>(ledger.plan({}).segments);
    const auto tell = [notes, segment](base::Connection& connection) -> base::Status {
        TRY(note_segments(connection, *notes));
        return conclude_abandoned(connection, segment);
    };
    TRY(pool_.run(tell, Deadline::after(options_.statement_deadline)));
    base::log::info("storage",
                    "abandoned_segment_sealed",
                    {{"segment", segment.text()}, {"writer", closed.segment->writer}});
    return true;
}

}  // namespace storage
