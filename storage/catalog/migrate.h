#pragma once

// Migrations: brings a database to the schema that this program needs. Files schema/NNNN_name.sql,
// forward only, each applied in one transaction under an advisory lock, its SHA-256 kept in
// public.schema_migration and compared at every run.
//
// Thread rule: blocks, never on a loop thread. Errors: NotFound and Io (the folder), Invalid (a
// name or a number that does not fit; SQL that fails, with the server's message), Refused (a file
// was changed after it was applied, or the database is newer than this program), and those of db.h.

#include <cstdint>
#include <string>
#include <vector>

#include "base/db.h"
#include "base/result.h"

namespace storage {

/// One file.
struct Migration {
    int number = 0;        ///< from 1, without gaps
    std::string name;      ///< "0003_catalog.sql"
    std::string sql;       ///< whole file
    std::string checksum;  ///< SHA-256 in lower-case hexadecimal
};

/// The migrations of a folder, in order. Other files (README.md) are passed over.
[[nodiscard]] base::Result<std::vector<Migration>> load_migrations(const std::string& folder);

/// What a run of the migrations did.
struct MigrationReport {
    std::vector<std::string> applied;  ///< names, in order; empty: nothing was to do
    int version = 0;                   ///< of the database now
};

/// Applies what is missing. Stops at the first that fails: those before it stay applied.
[[nodiscard]] base::Result<MigrationReport> migrate(base::Connection& connection,
                                                    const std::vector<Migration>& migrations);

/// Whether a catalog that is there may go.
enum class OldCatalog : std::uint8_t {
    Keep,  ///< Exists if there is one
    Drop,
};

/// Makes the schemas catalog and report anew, empty, in one transaction, and asks the trackers to
/// fill the catalog from the storage servers (storage/journal/rebuilder.h). The directory stays as
/// it is; what it lacks is applied. `without`: names of storage servers that are lost. Errors: as
/// migrate(); Exists; Busy (agents held on to the old catalog: try again).
[[nodiscard]] base::Status remake_catalog(base::Connection& connection,
                                          const std::vector<Migration>& migrations,
                                          OldCatalog old_catalog,
                                          const std::vector<std::string>& without);

/// The same checks, but nothing is applied: `applied` holds what is missing.
[[nodiscard]] base::Result<MigrationReport> pending_migrations(
    base::Connection& connection, const std::vector<Migration>& migrations);

}  // namespace storage
