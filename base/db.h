#pragma once

// PostgreSQL: connections, prepared statements, transactions, a pool for fibers, notifications. The
// one door to libpqxx; no type of it is seen here.
//
// Errors, by what the server or the connection said:
//   Exists          unique_violation
//   Invalid         other constraint, malformed value, raise_exception, wrong SQL; detail has the
//                   server's message
//   Refused         insufficient_privilege
//   Timeout         statement_timeout, lock_timeout: nothing was changed
//   Busy            deadlock, serialization failure, too many connections: try again
//   Unavailable     no connection, or it was lost before anything could have taken effect; or no
//                   such schema, table or function: it is being made anew, or is still to come
//   UnknownOutcome  lost after an autocommit statement or COMMIT was sent: it may have effect.
//                   Whoever writes has an id of its own to look up, or a statement that may run
//                   twice
//   Cancelled       the pool ended first
//   Io              anything else the server said
// A broken connection is closed and opened anew by the next use (in a DbPool after a back-off).
//
// Thread rule: a Connection belongs to one thread at a time and blocks: never on a loop thread.
// DbPool::run is for fibers; DbPool::submit for any thread.
// Limits: kDbParamsMax parameters; text must be UTF-8 without NUL (Errc::Invalid).

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/db_param.h"
#include "base/db_rows.h"
#include "base/fiber.h"
#include "base/result.h"
#include "base/worker_pool.h"

namespace base {

/// A statement prepared on first use of each connection. `name` is unique in the program (by custom
/// "folder_what"); both texts live for ever (literals).
struct Statement {
    const char* name;
    const char* sql;
};

namespace detail {
struct DbConnection;
}  // namespace detail

/// A notice from LISTEN.
struct Notification {
    std::string channel;
    std::string payload;
};

class Tx;

/// Time bounds of a session; they can be changed in the connection string too, which wins.
struct DbTimeouts {
    Duration connect = std::chrono::seconds(5);     ///< for each host of the connection string
    Duration statement = std::chrono::seconds(30);  ///< by the server (statement_timeout)
    Duration transport = std::chrono::seconds(10);  ///< unacknowledged bytes (tcp_user_timeout)
    /// When even the server's own timeout does not come (it is hung or its machine is), the
    /// connection is cut this long after the statement's.
    Duration grace = std::chrono::seconds(5);
};

/// One connection. See the top for threads and errors.
class Connection {
  public:
    /// Connects. `conninfo` as libpq takes it (keywords or URI, several hosts allowed). What it
    /// says goes before what we set: `options` of its own replace ours, jit=off and
    /// statement_timeout. Errc::Unavailable, Errc::Refused (password, pg_hba), Errc::Invalid
    /// (malformed conninfo).
    [[nodiscard]] static Result<std::unique_ptr<Connection>> open(std::string conninfo,
                                                                  std::string application_name,
                                                                  const DbTimeouts& timeouts = {});
    ~Connection();
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    /// Autocommit, one round trip (two at the first use of a statement in a connection).
    [[nodiscard]] Result<Rows> query(const Statement& statement, const Params& params = {});
    /// The same for SQL that is not worth preparing. With no params several statements may be
    /// separated by ';' (one implicit transaction).
    [[nodiscard]] Result<Rows> query(std::string_view sql, const Params& params = {});

    /// BEGIN. One at a time per connection; no query() beside it.
    [[nodiscard]] Result<Tx> begin();

    /// Receives notifications of a channel, now and after each reopening.
    Status listen(const std::string& channel);
    /// What has come, or comes within `timeout`; empty after that. Errc::Unavailable when the
    /// connection is lost: notices may have been missed, read again what they were about.
    [[nodiscard]] Result<std::vector<Notification>> wait_notifications(Duration timeout);

    [[nodiscard]] bool is_open() const noexcept;
    /// False when closed or when the server has hung up in the meantime. No round trip.
    [[nodiscard]] bool is_alive() const noexcept;
    /// For poll() beside other things, before wait_notifications(0); -1 when closed.
    [[nodiscard]] int socket() const noexcept;
    /// Closes; the next use opens anew. A server that does not answer is not waited for longer than
    /// a few seconds.
    void close() noexcept;
    /// The program ends: a statement that still runs at that time, or is begun later, is cut off,
    /// as if the server had gone. Any thread, while the connection is there.
    void end_by(Instant last_at) noexcept;

  private:
    friend class Tx;

    explicit Connection(std::unique_ptr<detail::DbConnection> state) noexcept;

    std::unique_ptr<detail::DbConnection> state_;
};

/// A transaction: rolls back when destroyed before commit(). Lives shorter than its Connection.
/// After an error of a statement only the destructor is of use.
class Tx {
  public:
    Tx(Tx&& other) noexcept;
    Tx& operator=(Tx&&) = delete;
    Tx(const Tx&) = delete;
    Tx& operator=(const Tx&) = delete;
    ~Tx();

    [[nodiscard]] Result<Rows> query(const Statement& statement, const Params& params = {});
    [[nodiscard]] Result<Rows> query(std::string_view sql, const Params& params = {});
    /// Errc::UnknownOutcome if the answer was lost.
    Status commit();

  private:
    friend class Connection;

    explicit Tx(detail::DbConnection* connection) noexcept : connection_(connection) {}

    detail::DbConnection* connection_;  ///< null: ended or moved from
};

/// How large a pool is; each number is a bound.
struct DbPoolOptions {
    std::size_t connections = 4;
    std::size_t queue_max = 256;  ///< jobs waiting beside the running ones
    DbTimeouts timeouts;
};

/// What statements get that run when their pool ends.
inline constexpr Duration kDbEndGrace = std::chrono::seconds(3);

/// Connections on threads of their own, and a bounded queue of jobs. A job gets a connection that
/// was open when it started; while the database is away jobs wait (until their deadline), and each
/// worker tries to connect with a back-off of 100 ms to 5 s.
class DbPool {
  public:
    DbPool(std::string conninfo, std::string application_name, const DbPoolOptions& options = {});
    /// Queued jobs are dropped (their waiters get Errc::Cancelled); waits for the running ones,
    /// whose statements are cut off after kDbEndGrace: a lock or a hung server keeps no program.
    ~DbPool();
    DbPool(const DbPool&) = delete;
    DbPool& operator=(const DbPool&) = delete;

    /// Any thread. Errc::Busy when the queue is full. The job is not run once `deadline` has
    /// passed; then, and when the pool ends, `on_dropped` (may be empty) is called with why
    /// (Timeout if it waited behind others, Unavailable if the database was away, Cancelled).
    Status submit(std::function<void(Connection&)> job,
                  Deadline deadline,
                  std::function<void(Error)> on_dropped = {});

    /// Runs f(connection) on a worker; f returns T, Result<T> or void. From a fiber, or a plain
    /// thread that is no loop. f owns what it uses: after Errc::Timeout it may still be running, so
    /// a Timeout of a write is an unknown outcome.
    template <typename F>
    auto run(F f, Deadline deadline)
        -> Result<detail::ResultValue<std::invoke_result_t<F&, Connection&>>> {
        using Value = detail::ResultValue<std::invoke_result_t<F&, Connection&>>;
        Completion<Value> completion;
        auto job = std::make_shared<F>(std::move(f));
        Status queued = submit(
            [completion, job](Connection& connection) {
                completion.fulfil(detail::call_as_result(*job, connection));
            },
            deadline,
            [completion](Error error) { completion.fulfil(std::move(error)); });
        if (!queued) {
            return std::move(queued).take_error();
        }
        return completion.await(deadline);
    }

    /// run() for a single autocommit statement.
    [[nodiscard]] Result<Rows> query(const Statement& statement, Params params, Deadline deadline);

    /// False while no worker has a connection. For health and load reports.
    [[nodiscard]] bool is_available() const noexcept;
    [[nodiscard]] std::size_t queued() const;

  private:
    struct State;
    std::shared_ptr<State> state_;
};

/// A thread that LISTENs. Notices may be lost (reconnects) and merged: a caller takes them as "read
/// again", and reads everything again on on_connected. Correctness never depends on a notice.
class ChangeListener {
  public:
    struct Callbacks {
        /// A notice. On the listener's thread: must not block, usually posts to a loop.
        std::function<void(const std::string& channel, const std::string& payload)> on_change;
        /// Listening now, for the first time or again after a loss.
        std::function<void()> on_connected;
    };

    ChangeListener(std::string conninfo,
                   std::string application_name,
                   std::vector<std::string> channels,
                   Callbacks callbacks);
    /// Waits for the thread (at most about a second, while connecting the connect timeout).
    ~ChangeListener();
    ChangeListener(const ChangeListener&) = delete;
    ChangeListener& operator=(const ChangeListener&) = delete;

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace base
