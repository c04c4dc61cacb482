#pragma once

// The lineage of a catalog: whether the primary that answers has all that was ever committed, and
// the jump over what it may lack (schema/README.md, "Lost commits").
//
// Thread rule: functions of a base::Connection; they block: on database workers only. Errors: those
// of base/db.h; Unavailable on a standby.

#include <cstdint>
#include <string>
#include <string_view>

#include "base/db.h"
#include "base/result.h"

namespace storage {

struct Lineage {
    std::string timeline;      ///< of the primary that UIDs were last allotted on
    std::int64_t jumps = 0;    ///< since the catalog was made
    std::int64_t newest = 0;   ///< the highest commit sequence that the catalog has
    bool is_promoted = false;  ///< this primary is another: nothing is allotted before the jump

    friend bool operator==(const Lineage&, const Lineage&) = default;
};

[[nodiscard]] base::Result<Lineage> read_lineage(base::Connection& connection);

/// Jumps if this primary was promoted, or lacks commit `seen` of `committer`, and nobody else has
/// jumped since. True if it did. Takes as long as an update of every mailbox.
[[nodiscard]] base::Result<bool> jump(base::Connection& connection,
                                      std::string_view committer,
                                      std::int64_t seen);

/// Whether a statement was refused until somebody calls jump() (RT003).
[[nodiscard]] bool wants_jump(const base::Error& error);

}  // namespace storage
