#pragma once

// PostgresServer: a private PostgreSQL for tests, on a unix socket in a temporary directory, made
// by initdb, run by a user who is not root, stopped by its own pid, removed with all it wrote.
// fsync is off: tests of durability across power loss are not made with it.
//
// shared() is started at its first use and serves the whole test program; tests that stop a server
// make one of their own. Thread rule: one thread. Errors end the test with a message.

#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

namespace test_support {

class PostgresServer {
  public:
    PostgresServer();
    ~PostgresServer();
    PostgresServer(const PostgresServer&) = delete;
    PostgresServer& operator=(const PostgresServer&) = delete;

    [[nodiscard]] static PostgresServer& shared();

    /// A new database with a name of its own, copied from `from` (empty: the empty template).
    [[nodiscard]] std::string create_database(std::string_view from = {});
    void drop_database(std::string_view name);

    /// For libpq. `role`: postgres is the superuser; the others exist once migrations have run.
    [[nodiscard]] std::string conninfo(std::string_view database,
                                       std::string_view role = "postgres") const;

    enum class How { Fast, Immediate };

    /// Immediate: as a crash; the next start recovers.
    void stop(How how = How::Fast);
    void start();

    /// Hangs and wakes every process of the server (SIGSTOP, SIGCONT).
    void freeze();
    void thaw();

    [[nodiscard]] const std::string& directory() const noexcept { return directory_; }

  private:
    void signal_all(int signal) const;

    std::string directory_;
    pid_t pid_ = -1;
};

}  // namespace test_support
