#pragma once

// Reads the addresses from PostgreSQL: all of them once, and after that what the feed (schema 0031)
// says has changed. Each reading sees one snapshot of the database (REPEATABLE READ).
//
// A reading of everything comes in pieces of kRowsPerFetch in the order of the view, and shares
// with the view that is known what is still the same: beside that one it needs memory for what
// differs alone, and for the numbers of disabled accounts.
//
// Thread rule: blocks, minutes for ten million addresses; on a worker of base::DbPool. Errors:
// those of base::Connection; Invalid if a row holds what the schema should have kept out.

#include <memory>
#include <optional>

#include "base/db.h"
#include "base/result.h"
#include "dns/account_view.h"

namespace dns {

inline constexpr int kRowsPerFetch = 20'000;

/// An update of more domains and addresses than this is not handed out, only what came of it.
inline constexpr std::size_t kUpdateMax = 100'000;

/// What came of a reading.
struct AccountsRead {
    std::shared_ptr<const AccountView> view;  ///< the known one if nothing has changed
    /// What led to it from the known one; none: everything was read, or very much has changed.
    std::optional<AccountUpdate> update;
    bool whole = false;  ///< everything was read
};

/// Reads what is not known yet. `known` may be null.
[[nodiscard]] base::Result<AccountsRead> read_accounts(base::Connection& connection,
                                                       std::shared_ptr<const AccountView> known);

}  // namespace dns
