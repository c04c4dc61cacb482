#pragma once

// What belongs to keys in the database and not to their states: when they are to be replaced by
// schedule, and what the servers of the parents answered when they were asked.
//
// Thread rule: as of base::Tx. Errors: those of the database; Invalid if a row makes no sense. The
// transaction is the caller's to commit.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/db.h"
#include "base/result.h"
#include "dns/dnssec/key_store.h"
#include "dns/dnssec/parent_view.h"

namespace dns::dnssec {

/// After how long the key of a domain is replaced, seconds; 0: never by itself.
[[nodiscard]] base::Result<std::int64_t> read_roll_every(base::Tx& tx, std::int64_t domain_id);

/// Signed domains whose keys are to be replaced by schedule at `now_s`, those of the oldest keys
/// first, at most `limit`.
[[nodiscard]] base::Result<std::vector<std::string>> read_due_rolls(base::Tx& tx,
                                                                    std::int64_t now_s,
                                                                    std::size_t limit);

/// Begins a roll of a domain by schedule: makes the new key, and an event. False: nothing is due
/// (any more), by what read_roll_every() and roll_due_s() say. Busy: as of store_keys().
[[nodiscard]] base::Result<bool> begin_due_roll(base::Tx& tx,
                                                std::string_view domain,
                                                std::string_view name_server,
                                                std::int64_t now_s);

/// What all servers of a domain's parent answered.
base::Status note_parent(base::Tx& tx,
                         std::int64_t domain_id,
                         std::string_view name_server,
                         const ParentView& view);

/// Why they were not all heard.
base::Status note_parent_problem(base::Tx& tx,
                                 std::int64_t domain_id,
                                 std::string_view name_server,
                                 std::string_view problem);

/// The last look at a domain's parent.
struct StoredParent {
    std::string name_server;
    std::optional<std::int64_t> looked_s;  ///< none: never with success
    std::int64_t servers = 0;
    std::vector<std::string> ds;  ///< as in ParentView
    std::int64_t ttl_s = 0;
    std::string warning;
    std::string problem;  ///< of a later look
    std::optional<std::int64_t> problem_s;
};

/// None: nobody has looked yet.
[[nodiscard]] base::Result<std::optional<StoredParent>> read_parent(base::Tx& tx,
                                                                    std::int64_t domain_id);

/// A key of the algorithm whose tag no key of the zone has.
[[nodiscard]] SigningKey new_key(const ZoneKeys& zone, Algorithm algorithm);

}  // namespace dns::dnssec
