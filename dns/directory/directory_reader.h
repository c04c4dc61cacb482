#pragma once

// Reads the directory and the addresses from PostgreSQL, each in one snapshot of the database
// (REPEATABLE READ), so that a change that touches several tables is seen whole.
//
// Thread rule: blocks; on a worker of base::DbPool. Errors: those of base::Connection; Invalid if a
// row holds what the schema's checks should have kept out.

#include <cstdint>

#include "base/db.h"
#include "base/result.h"
#include "dns/account_view.h"
#include "dns/directory/directory.h"

namespace dns {

/// directory.version: rises with every change of configuration.
[[nodiscard]] base::Result<std::int64_t> read_directory_version(base::Connection& connection);

[[nodiscard]] base::Result<Directory> read_directory(base::Connection& connection);

/// Reads the domains whose addresses differ from those of `known` (may be null); shares the others.
[[nodiscard]] base::Result<AccountView> read_accounts(base::Connection& connection,
                                                      const AccountView* known);

}  // namespace dns
