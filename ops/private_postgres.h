#pragma once

// PrivatePostgres: the embedded PostgreSQL of `roundtable up`: a cluster of its own below the state
// directory, reached only by a unix socket in a directory of mode 0700, never as root.
//
// Owner: `up`. Thread rule: one thread; prepare() and start() block (start-up only).
// Errors: Errc::NotFound no PostgreSQL server is installed; Errc::Io initdb or the start failed,
// with the log file to read; Errc::TooLarge the socket's path is longer than the system allows.

#include <string>

#include "base/process.h"
#include "base/result.h"

namespace ops {

class PrivatePostgres {
  public:
    struct Options {
        std::string data_directory;
        std::string socket_directory;
        std::string log_file;
        std::string user;  ///< the system user it runs as; empty: ours (which must not be root)
    };

    [[nodiscard]] static base::Result<PrivatePostgres> create(Options options);

    /// Makes the cluster on the first call; later ones find it.
    base::Status prepare();

    /// The server's command. Started by the supervisor; stop signal is SIGINT ("fast").
    [[nodiscard]] base::ProcessOptions server() const;

    /// True when the server says in its pid file that it takes connections.
    [[nodiscard]] bool is_ready() const;

    /// Connection string for a role, to the database `database`.
    [[nodiscard]] std::string conninfo(const std::string& role, const std::string& database) const;

    /// The superuser of the cluster.
    [[nodiscard]] static std::string owner_role() { return "roundtable"; }

  private:
    PrivatePostgres(Options options, std::string programs);

    Options options_;
    std::string programs_;  ///< directory of initdb and postgres
};

}  // namespace ops
