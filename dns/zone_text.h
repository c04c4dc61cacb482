#pragma once

// Master files (RFC 1035 5): zone text to records and back, and what differs between two lists of
// records. The text is cut into entries here, bounded; each entry's data is read by ldns_door.
//
// What is read: entries over several lines in parentheses, comments, quotes, escapes, a blank owner
// for the last one, TTL and class in either order, TTLs with units (1h30m, as BIND writes them),
// $ORIGIN, $TTL (RFC 2308 4), any type (RFC 3597 5), the output of `dig AXFR` (the SOA again at
// its end). Refused: $INCLUDE (a file of whoever reads) and $GENERATE (not of the standard: write
// the records), classes but IN, records outside the zone.
//
// Pure. Thread rule: any thread. Limits: kMasterFileMax, kRecordTextMax an entry,
// kRecordsPerZoneMax records. Errors: Invalid or TooLarge; the detail begins with "line N: ".

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "dns/name.h"
#include "dns/zone.h"

namespace dns {

/// The SOA record of a file. `fields.contact` is a name, as in the record.
struct MasterSoa {
    SoaFields fields;
    std::uint32_t serial = 0;

    bool operator==(const MasterSoa&) const = default;
};

/// A file that was read. Owners are relative to the apex and lower case, data is canonical: names
/// absolute, in the form that record_data_text() gives, or that of RFC 3597 where reading that back
/// would not give the same octets.
struct MasterFile {
    Name apex;
    std::optional<MasterSoa> soa;
    std::vector<RecordRow> records;  ///< without the SOA, in the file's order
};

/// Without `apex` it is the owner of the SOA, and names before an $ORIGIN must be absolute.
[[nodiscard]] base::Result<MasterFile> read_master_file(std::string_view text,
                                                        const std::optional<Name>& apex);

/// The zone as a master file that any name server reads: absolute names, canonical order, the SOA
/// first, each record a line.
[[nodiscard]] base::Result<std::string> write_master_file(const Zone& zone, std::uint32_t serial);

/// One record as a line of a master file, without its end.
[[nodiscard]] std::string record_line(const RecordRow& row);

/// "1h30m" -> 5400; also plain seconds. Errc::Invalid: no such time, or above 2^31-1 (RFC 2181 8).
[[nodiscard]] base::Result<std::uint32_t> parse_ttl(std::string_view text);

/// The owner of a record as the directory keeps it: "@" or relative to `apex`, without a final dot.
/// `name` must be within it.
[[nodiscard]] std::string relative_owner(const Name& name, const Name& apex);

/// The canonical text of record data, see MasterFile.
[[nodiscard]] base::Result<std::string> canonical_text(std::uint16_t type, std::string_view data);

/// RNAME as a mail address (RFC 1035 8). Errc::Invalid when it cannot be one.
[[nodiscard]] base::Result<std::string> contact_address(std::string_view name);

/// What makes the second of two lists from the first: places in them.
struct RecordDifference {
    std::vector<std::size_t> removed;  ///< of `before`
    std::vector<std::size_t> added;    ///< of `after`

    [[nodiscard]] bool empty() const noexcept { return removed.empty() && added.empty(); }
};

/// Records are the same when owner, type, TTL and wire form are. One whose data cannot be read is
/// the same as another of the same text. Both in the order of owners (canonical), then types.
[[nodiscard]] RecordDifference record_difference(std::span<const RecordRow> before,
                                                 std::span<const RecordRow> after,
                                                 const Name& apex);

}  // namespace dns
