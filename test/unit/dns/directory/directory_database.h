#pragma once

// A database with our schema for the tests of the name server, which does not see the migration
// runner: the numbered files are run in order.

#include <algorithm>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/db.h"
#include "base/file.h"
#include "test/support/postgres.h"

namespace dns_test {

class DirectoryDatabase {
  public:
    DirectoryDatabase()
        : name_(test_support::PostgresServer::shared().create_database(schema_template())),
          admin_(open("postgres")) {}

    ~DirectoryDatabase() {
        admin_.reset();
        test_support::PostgresServer::shared().drop_database(name_);
    }

    DirectoryDatabase(const DirectoryDatabase&) = delete;
    DirectoryDatabase& operator=(const DirectoryDatabase&) = delete;

    [[nodiscard]] std::string conninfo(std::string_view role = "roundtable_dnsd") const {
        return test_support::PostgresServer::shared().conninfo(name_, role);
    }

    [[nodiscard]] std::unique_ptr<base::Connection> open(std::string_view role) const {
        return connect(conninfo(role));
    }

    /// Runs SQL as the superuser; throws what the server says.
    base::Rows sql(std::string_view text, const base::Params& params = {}) {
        auto rows = admin_->query(text, params);
        if (!rows) {
            throw std::runtime_error(rows.error().detail);
        }
        return std::move(rows).take_value();
    }

    /// Servers mail1..mailN and access1, access2, a name server, and mail.test served by all.
    void fill(int mail_servers = 3) {
        sql("INSERT INTO directory.name_server (name, host_name, address) "
            "VALUES ('ns1', 'ns1.hosts.test', '192.0.2.53')");
        sql("INSERT INTO directory.storage_server (name, failure_domain) "
            "SELECT 'store' || i, 'd' || i FROM generate_series(1, $1) i",
            {mail_servers});
        sql("INSERT INTO directory.mail_server "
            "(name, host_name, address, load_port, storage_server_id, capacity) "
            "SELECT 'mail' || i, 'mail' || i || '.hosts.test', ('192.0.2.' || i)::inet, 4000 + i, "
            "s.id, i FROM generate_series(1, $1) i "
            "JOIN directory.storage_server s ON s.name = 'store' || i ORDER BY i",
            {mail_servers});
        sql("INSERT INTO directory.access_server (name, host_name, address, address6) VALUES "
            "('access1', 'access1.hosts.test', '192.0.2.11', '2001:db8::11'), "
            "('access2', 'access2.hosts.test', '192.0.2.12', NULL)");
        sql("INSERT INTO directory.domain (name, policy, contact) VALUES "
            "('hosts.test', 'load', NULL), ('mail.test', 'roundtable', 'admin@mail.test')");
        sql("INSERT INTO directory.record (domain_id, owner, type, ttl, rdata) "
            "SELECT id, 'www', 'A', 120, '192.0.2.80' FROM directory.domain "
            "WHERE name = 'mail.test'");
        sql("INSERT INTO directory.mail_exchange (domain_id, mail_server_id, preference) "
            "SELECT d.id, m.id, 10 * m.id FROM directory.domain d, directory.mail_server m "
            "WHERE d.name = 'mail.test'");
        sql("INSERT INTO directory.access_exchange (domain_id, access_server_id) "
            "SELECT d.id, a.id FROM directory.domain d, directory.access_server a "
            "WHERE d.name = 'mail.test'");
    }

    /// Away: no session gets in, and those of the daemon's role are ended. sql() goes on.
    enum class Reach { Away, Back };

    void set_reach(Reach reach) const {
        const bool away = reach == Reach::Away;
        const auto other =
            connect(test_support::PostgresServer::shared().conninfo("postgres", "postgres"));
        run(*other, "ALTER DATABASE " + name_ + " ALLOW_CONNECTIONS " + (away ? "false" : "true"));
        if (away) {
            run(*other,
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '" + name_ +
                    "' AND usename = 'roundtable_dnsd'");
        }
    }

    /// An account with one address in mail.test.
    void add_account(const std::string& local_part) {
        sql("WITH a AS (INSERT INTO directory.account (login, domain_id) "
            "SELECT $1 || '@mail.test', id FROM directory.domain WHERE name = 'mail.test' "
            "RETURNING id, domain_id) "
            "INSERT INTO directory.address (domain_id, local_part, account_id) "
            "SELECT domain_id, $1, id FROM a",
            {local_part});
    }

  private:
    static std::unique_ptr<base::Connection> connect(const std::string& conninfo) {
        auto connection = base::Connection::open(conninfo, "test");
        if (!connection) {
            throw std::runtime_error(connection.error().detail);
        }
        return std::move(connection).take_value();
    }

    // Made once in the test program.
    static const std::string& schema_template() {
        static const std::string name = [] {
            auto& server = test_support::PostgresServer::shared();
            std::string made = server.create_database();
            const auto connection = connect(server.conninfo(made));
            std::vector<std::string> files;
            for (const auto& entry : std::filesystem::directory_iterator(SOURCE_DIR "/schema")) {
                if (entry.path().extension() == ".sql") {
                    files.push_back(entry.path());
                }
            }
            std::sort(files.begin(), files.end());
            run(*connection, "CREATE TABLE public.schema_migration (number integer)");
            for (const std::string& file : files) {
                run(*connection, base::read_file(file, 1 << 20).take_value());
            }
            return made;
        }();
        return name;
    }

    static void run(base::Connection& connection, const std::string& sql) {
        const auto done = connection.query(sql);
        if (!done) {
            throw std::runtime_error(done.error().detail);
        }
    }

    std::string name_;
    std::unique_ptr<base::Connection> admin_;
};

}  // namespace dns_test
