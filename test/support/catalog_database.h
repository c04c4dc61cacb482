#pragma once

// A database with our schema, for tests of folders that see storage/. Migrated once in a test
// program, copied for each test.

#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

#include "base/db.h"
#include "storage/catalog/migrate.h"
#include "test/support/postgres.h"

namespace test_support {

/// What went wrong, for a message; empty if nothing did.
template <typename T>
std::string why(const base::Result<T>& result) {
    return result ? std::string() : result.error().detail;
}

/// Name of a database with all migrations on PostgresServer::shared().
inline const std::string& migrated_database() {
    static const std::string name = [] {
        PostgresServer& server = PostgresServer::shared();
        std::string made = server.create_database();
        auto migrations = storage::load_migrations(SOURCE_DIR "/schema");
        auto connection = base::Connection::open(server.conninfo(made), "test");
        if (!migrations || !connection) {
            throw std::runtime_error("no migrations or no connection");
        }
        auto done = storage::migrate(*connection.value(), migrations.value());
        if (!done) {
            throw std::runtime_error(done.error().detail);
        }
        return made;
    }();
    return name;
}

/// The one database of a test program, emptied for each test: a copy of it for each would take a
/// second. Ids of rows go on rising.
class CatalogDatabase {
  public:
    CatalogDatabase() : connection_(open("postgres")) { make_empty(); }

    CatalogDatabase(const CatalogDatabase&) = delete;
    CatalogDatabase& operator=(const CatalogDatabase&) = delete;

    /// As after the migrations.
    void make_empty() {
        sql(R"(DO $$
            DECLARE
                each record;
            BEGIN
                SET LOCAL session_replication_role = replica;
                FOR each IN SELECT schemaname, tablename FROM pg_tables
                             WHERE schemaname IN ('directory', 'catalog')
                               AND tablename NOT IN
                                   ('cluster', 'version', 'lineage', 'account_feed',
                                    'zone_feed') LOOP
                    EXECUTE format('DELETE FROM %I.%I', each.schemaname, each.tablename);
                END LOOP;
                DELETE FROM directory.cluster;
                INSERT INTO directory.cluster DEFAULT VALUES;
                INSERT INTO directory.transfer_catalog DEFAULT VALUES;
                UPDATE catalog.lineage SET timeline = catalog.timeline(), floor = 0, jumps = 0;
            END
        $$)");
    }

    [[nodiscard]] std::string conninfo(std::string_view role = "postgres") const {
        return PostgresServer::shared().conninfo(migrated_database(), role);
    }

    [[nodiscard]] std::unique_ptr<base::Connection> open(std::string_view role) const {
        auto connection = base::Connection::open(conninfo(role), "test");
        if (!connection) {
            throw std::runtime_error(connection.error().detail);
        }
        return std::move(connection).take_value();
    }

    /// As the superuser.
    [[nodiscard]] base::Connection& admin() { return *connection_; }

    /// Runs SQL as the superuser; throws what the server says.
    base::Rows sql(std::string_view text, const base::Params& params = {}) {
        auto rows = connection_->query(text, params);
        if (!rows) {
            throw std::runtime_error(rows.error().detail);
        }
        return std::move(rows).take_value();
    }

    /// The first column of the first row.
    std::string value(std::string_view text, const base::Params& params = {}) {
        const base::Rows rows = sql(text, params);
        return rows.empty() ? std::string() : rows[0].string(0);
    }

  private:
    std::unique_ptr<base::Connection> connection_;
};

}  // namespace test_support
