#include "storage/catalog/migrate.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <map>
#include <system_error>
#include <type_traits>
#include <utility>

#include <fmt/format.h>

#include "base/file.h"
#include "base/hash.h"

namespace storage {
namespace {

using base::Errc;
using base::Error;
using base::Result;
using base::Status;

constexpr int kRemakeTries = 10;
constexpr std::size_t kMigrationSizeMax = std::size_t{4} << 20U;
// Any fixed number will do; this one spells "rtschema".
constexpr std::int64_t kLockKey = 0x7274736368656d61;

bool is_migration_name(std::string_view name) {
    return name.size() > 9 && name.ends_with(".sql") && name[4] == '_' &&
           std::all_of(name.begin(), name.begin() + 4, [](char c) { return c >= '0' && c <= '9'; });
}

struct Applied {
    std::string name;
    std::string checksum;
};

Result<std::map<int, Applied>> read_applied(base::Connection& connection) {
    // A database without the table has had no migration.
    const base::Rows there =
        TRY(connection.query("SELECT to_regclass('public.schema_migration') IS NOT NULL"));
    std::map<int, Applied> applied;
    if (!there[0].boolean(0)) {
        return applied;
    }
    const base::Rows rows =
        TRY(connection.query("SELECT number, name, checksum FROM public.schema_migration"));
    for (const base::Row row : rows) {
        applied[static_cast<int>(row.int64(0))] = {row.string(1), row.string(2)};
    }
    return applied;
}

// What was applied must be what we have, and nothing that we do not know.
Status check_applied(const std::map<int, Applied>& applied,
                     const std::vector<Migration>& migrations) {
    for (const auto& [number, was] : applied) {
        if (static_cast<std::size_t>(number) > migrations.size()) {
            return Error{Errc::Refused,
                         fmt::format("the database has migration {}, which this program does not "
                                     "know: it is newer than the program",
                                     was.name)};
        }
        const Migration& ours = migrations[static_cast<std::size_t>(number) - 1];
        if (ours.checksum != was.checksum) {
            return Error{Errc::Refused,
                         fmt::format("{} was changed after it was applied (as {}): migrations only "
                                     "go forward, write a new one",
                                     ours.name,
                                     was.name)};
        }
    }
    return base::Done{};
}

Status apply(base::Tx& tx, const Migration& migration) {
    Result<base::Rows> done = tx.query(migration.sql);
    if (!done) {
        return Error{done.error().code, migration.name + ": " + done.error().detail};
    }
    return base::Done{};
}

Status record(base::Tx& tx, const Migration& migration) {
    static constexpr base::Statement kRecord{
        "storage_record_migration",
        "INSERT INTO public.schema_migration (number, name, checksum) VALUES ($1, $2, $3)"};
    (void)TRY(tx.query(kRecord, {migration.number, migration.name, migration.checksum}));
    return base::Done{};
}

Status apply(base::Connection& connection, const Migration& migration) {
    base::Tx tx = TRY(connection.begin());
    TRY(apply(tx, migration));
    TRY(record(tx, migration));
    return tx.commit();
}

// schema/README.md: these change nothing but the schemas catalog and report.
bool is_of_catalog(const Migration& migration) {
    return migration.name.find("directory") == std::string::npos &&
           migration.name.find("roles") == std::string::npos;
}

Status make_table(base::Connection& connection) {
    (void)TRY(
        connection.query("CREATE TABLE IF NOT EXISTS public.schema_migration ("
                         "number integer PRIMARY KEY, name text NOT NULL, "
                         "checksum text NOT NULL, "
                         "applied_at timestamptz NOT NULL DEFAULT now(), "
                         "applied_by text NOT NULL DEFAULT session_user)"));
    return base::Done{};
}

Status remake(base::Connection& connection,
              const std::vector<Migration>& migrations,
              OldCatalog old_catalog,
              const std::vector<std::string>& without) {
    TRY(make_table(connection));
    const std::map<int, Applied> applied = TRY(read_applied(connection));
    TRY(check_applied(applied, migrations));
    base::Tx tx = TRY(connection.begin());
    const base::Rows there = TRY(tx.query("SELECT to_regnamespace('catalog') IS NOT NULL"));
    if (there[0].boolean(0) && old_catalog == OldCatalog::Keep) {
        return Error{Errc::Exists, "there is a catalog"};
    }
    (void)TRY(tx.query("DROP SCHEMA IF EXISTS catalog, report CASCADE"));
    for (const Migration& migration : migrations) {
        const bool known = applied.contains(migration.number);
        if (is_of_catalog(migration) || !known) {
            TRY(apply(tx, migration));
        }
        if (!known) {
            TRY(record(tx, migration));
        }
    }
    (void)TRY(tx.query("SELECT catalog.request_rebuild($1::text[])", {without}));
    return tx.commit();
}

Result<MigrationReport> apply_missing(base::Connection& connection,
                                      const std::vector<Migration>& migrations) {
    TRY(make_table(connection));
    const std::map<int, Applied> applied = TRY(read_applied(connection));
    TRY(check_applied(applied, migrations));
    MigrationReport report;
    for (const Migration& migration : migrations) {
        if (!applied.contains(migration.number)) {
            TRY(apply(connection, migration));
            report.applied.push_back(migration.name);
        }
        report.version = migration.number;
    }
    return report;
}

// Runs `change` while no other program changes the schema.
template <typename Change>
auto alone(base::Connection& connection, Change change) -> std::invoke_result_t<Change&> {
    // Rewriting a large table, or waiting for another program's migrations, may take long.
    (void)TRY(connection.query("SET statement_timeout = 0"));
    (void)TRY(connection.query(fmt::format("SELECT pg_advisory_lock({})", kLockKey)));
    auto done = change();
    // The lock belongs to the session, which ends if this fails.
    Result<base::Rows> unlocked =
        connection.query(fmt::format("SELECT pg_advisory_unlock({})", kLockKey));
    if (!unlocked) {
        connection.close();
    }
    (void)connection.query("RESET statement_timeout");  // a session that keeps 0 is harmless
    return done;
}

}  // namespace

Result<std::vector<Migration>> load_migrations(const std::string& folder) {
    std::error_code failed;
    std::filesystem::directory_iterator entries(folder, failed);
    if (failed) {
        return base::errno_error("open " + folder, failed.value());
    }
    std::vector<std::string> names;
    for (const auto& entry : entries) {
        std::string name = entry.path().filename().string();
        if (is_migration_name(name)) {
            names.push_back(std::move(name));
        }
    }
    std::sort(names.begin(), names.end());
    std::vector<Migration> migrations;
    for (const std::string& name : names) {
        Migration migration;
        std::from_chars(name.data(), name.data() + 4, migration.number);
        if (migration.number != static_cast<int>(migrations.size()) + 1) {
            return Error{
                Errc::Invalid,
                fmt::format(
                    "{}/{}: number {:04} should come here", folder, name, migrations.size() + 1)};
        }
        migration.name = name;
        migration.sql = TRY(base::read_file(folder + "/" + name, kMigrationSizeMax));
        migration.checksum = base::to_hex(base::sha256(base::as_bytes(migration.sql)));
        migrations.push_back(std::move(migration));
    }
    if (migrations.empty()) {
        return Error{Errc::NotFound, folder + ": no migrations here"};
    }
    return migrations;
}

Result<MigrationReport> migrate(base::Connection& connection,
                                const std::vector<Migration>& migrations) {
    return alone(connection, [&] { return apply_missing(connection, migrations); });
}

Status remake_catalog(base::Connection& connection,
                      const std::vector<Migration>& migrations,
                      OldCatalog old_catalog,
                      const std::vector<std::string>& without) {
    return alone(connection, [&]() -> Status {
        for (int tries = 1;; ++tries) {
            Status made = remake(connection, migrations, old_catalog, without);
            // Agents and the drop wait for one another: one of them is told to try again.
            if (made || made.error().code != Errc::Busy || tries >= kRemakeTries) {
                return made;
            }
        }
    });
}

Result<MigrationReport> pending_migrations(base::Connection& connection,
                                           const std::vector<Migration>& migrations) {
    const std::map<int, Applied> applied = TRY(read_applied(connection));
    TRY(check_applied(applied, migrations));
    MigrationReport report;
    for (const Migration& migration : migrations) {
        if (applied.contains(migration.number)) {
            report.version = migration.number;
        } else {
            report.applied.push_back(migration.name);
        }
    }
    return report;
}

}  // namespace storage
