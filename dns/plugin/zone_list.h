#pragma once

// ReplyPieces: a reply that is made piece by piece, so that neither a large zone nor a long list of
// zones is ever in memory as text, and other connections have their turn between two pieces.
//
// What a piece is made from is shared with the snapshot that it was begun on: the list is of one
// moment, however long it takes. Thread rule: one thread at a time. Steered names have their
// canonical answer, as secondaries get it (DESIGN section 6).

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "dns/plugin/zone_ids.h"
#include "dns/plugin/zone_records.h"

namespace dns::plugin {

/// See the top of this file.
class ReplyPieces {
  public:
    ReplyPieces() = default;
    virtual ~ReplyPieces() = default;
    ReplyPieces(const ReplyPieces&) = delete;
    ReplyPieces& operator=(const ReplyPieces&) = delete;

    /// Appends the next piece. False: that was the last one.
    virtual bool next(std::string& out) = 0;
};

/// A record as PowerDNS reads it; `separator` before it if it is not the first. Records that are
/// not for PowerDNS are left out.
void append_record(std::string& out, const ZoneRecord& record, std::int64_t zone_id, bool& first);

/// What PowerDNS wants to know of a zone.
struct ZoneInfo {
    Name apex;
    std::int64_t id = kNoZoneId;
    std::uint32_t serial = 0;
    std::uint32_t notified = 0;
};

void append_zone_info(std::string& out, const ZoneInfo& info);

/// The whole zone of an index.
[[nodiscard]] std::unique_ptr<ReplyPieces> list_zone(const Snapshot& snapshot,
                                                     std::uint32_t zone,
                                                     std::int64_t zone_id);

/// Zones one after another.
[[nodiscard]] std::unique_ptr<ReplyPieces> list_zones(std::vector<ZoneInfo> zones);

}  // namespace dns::plugin
