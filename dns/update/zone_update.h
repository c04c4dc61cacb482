#pragma once

// apply_update(): what an update makes of a zone (RFC 2136 3.2 and 3.4), without a database: the
// records before, the request and the rights in; an RCODE and the changes out. All or nothing.
//
// Decided here, where RFC 2136 leaves it open or a zone of ours is not as others:
//   - a record that is added to a set takes its set along to its own TTL (RFC 2181 5.2);
//   - adding a record that is there and expires adds it anew: it lives longer;
//   - "delete all RRsets of a name" leaves SOA and NS of the apex and what is made or steered
//   there;
//   - a steered RRset exists for prerequisites, but none with certain data does.
// An update of CNAME beside other data is dropped without a word, as RFC 2136 3.4.2.2 says.
//
// Pure; any thread.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "dns/directory/directory.h"
#include "dns/update/update_message.h"
#include "dns/update/update_rights.h"
#include "dns/zone.h"

namespace dns::update {

/// A zone as an update meets it.
struct UpdatedZone {
    ZoneSource source;          ///< of zone_source(): first what operators wrote, then `made`
    std::size_t own = 0;        ///< how many of the source's records operators wrote
    std::vector<bool> expires;  ///< of each of these: it goes by itself
    std::uint32_t serial = 0;   ///< published
};

/// A record as the database knows it.
struct RecordKey {
    std::string owner;
    std::string type;
    std::string data;

    bool operator==(const RecordKey&) const = default;
};

/// A set whose TTL changes.
struct SetTtl {
    std::string owner;
    std::string type;
    std::uint32_t ttl = 0;

    bool operator==(const SetTtl&) const = default;
};

/// What is to be written. `added` may hold records that are there, see above.
struct UpdateChanges {
    std::vector<RecordKey> removed;
    std::vector<SetTtl> retimed;
    std::vector<RecordRow> added;

    [[nodiscard]] bool empty() const noexcept {
        return removed.empty() && retimed.empty() && added.empty();
    }
};

/// NoError with the changes, which may be none; else none are to be made.
struct UpdateOutcome {
    Rcode rcode = Rcode::NoError;
    std::string reason;  ///< of another rcode, for the log
    UpdateChanges changes;
};

/// `zone.source` must be one that build_zone() takes.
[[nodiscard]] UpdateOutcome apply_update(const UpdatedZone& zone,
                                         const UpdateRights& rights,
                                         const UpdateRequest& request);

/// The operators' records after the changes.
[[nodiscard]] std::vector<DirectoryRecord> changed_records(std::vector<DirectoryRecord> records,
                                                           const UpdateChanges& changes);

}  // namespace dns::update
