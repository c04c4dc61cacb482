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
//   Unavailable     no connection, or it was lost before anything could have taken effect
//   UnknownOutcome  lost after an autocommit statement or COMMIT was sent: it may have taken
//   effect.
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
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/fiber.h"
#include "base/result.h"
#include "base/uuid.h"
#include "base/worker_pool.h"

namespace base {

constexpr std::size_t kDbParamsMax = 1000;

using Bytes = std::vector<std::byte>;

/// One parameter of a statement ($1, $2...). Its SQL type is what the statement makes of it. The
/// array kinds are encoded as array literals; elements need no escaping by the caller.
class Param {
  public:
    using OptionalText = std::optional<std::string>;
    using Value = std::variant<std::nullptr_t,
                               bool,
                               std::int64_t,
                               double,
                               std::string,
                               Bytes,
                               std::vector<bool>,
                               std::vector<std::int64_t>,
                               std::vector<double>,
                               std::vector<std::string>,
                               std::vector<OptionalText>,
                               std::vector<Bytes>,
                               std::vector<Uuid>>;

    Param(std::nullptr_t) noexcept : value_(nullptr) {}  // NOLINT(google-explicit-constructor)

    Param(std::nullopt_t) noexcept : value_(nullptr) {}  // NOLINT(google-explicit-constructor)

    Param(const char* text) : value_(std::string(text)) {}  // NOLINT(google-explicit-constructor)

    Param(std::string_view text)
        : value_(std::string(text)) {}  // NOLINT(google-explicit-constructor)

    Param(std::string text) noexcept
        : value_(std::move(text)) {}  // NOLINT(google-explicit-constructor)

    Param(Bytes bytes) noexcept
        : value_(std::move(bytes)) {}  // NOLINT(google-explicit-constructor)

    Param(std::span<const std::byte> bytes)  // NOLINT(google-explicit-constructor)
        : value_(Bytes(bytes.begin(), bytes.end())) {}

    Param(const Uuid& id) : value_(id.to_text()) {}  // NOLINT(google-explicit-constructor)

    /// Any integer or bool, or double. An unsigned value beyond 2^63-1 becomes a text of digits.
    template <typename T>

    requires std::is_arithmetic_v<T> Param(T number) {  // NOLINT(google-explicit-constructor)
        if constexpr (std::is_same_v<T, bool>) {
            value_ = number;
        } else if constexpr (std::is_floating_point_v<T>) {
            value_ = static_cast<double>(number);
        } else if constexpr (std::is_unsigned_v<T> && sizeof(T) == sizeof(std::int64_t)) {
            if (number > static_cast<T>(INT64_MAX)) {
                value_ = std::to_string(number);
            } else {
                value_ = static_cast<std::int64_t>(number);
            }
        } else {
            value_ = static_cast<std::int64_t>(number);
        }
    }

    /// Null when empty.
    template <typename T>
    Param(const std::optional<T>& value)  // NOLINT(google-explicit-constructor)
        : value_(value ? Param(*value).value_ : Value(nullptr)) {}

    Param(std::vector<bool> v) : value_(std::move(v)) {}  // NOLINT(google-explicit-constructor)

    Param(std::vector<std::int64_t> v)
        : value_(std::move(v)) {}  // NOLINT(google-explicit-constructor)

    Param(std::vector<double> v) : value_(std::move(v)) {}  // NOLINT(google-explicit-constructor)

    Param(std::vector<std::string> v)
        : value_(std::move(v)) {}  // NOLINT(google-explicit-constructor)

    Param(std::vector<OptionalText> v)
        : value_(std::move(v)) {}  // NOLINT(google-explicit-constructor)

    Param(std::vector<Bytes> v) : value_(std::move(v)) {}  // NOLINT(google-explicit-constructor)

    Param(std::vector<Uuid> v) : value_(std::move(v)) {}  // NOLINT(google-explicit-constructor)

    [[nodiscard]] const Value& value() const noexcept { return value_; }

  private:
    Value value_;
};

using Params = std::vector<Param>;

/// A statement prepared on first use of each connection. `name` is unique in the program (by custom
/// "folder_what"); both texts live for ever (literals).
struct Statement {
    const char* name;
    const char* sql;
};

namespace detail {
struct DbRows;
struct DbConnection;
}  // namespace detail

/// One row, borrowed from its Rows. Columns count from 0. A null reads as 0, false or empty; ask
/// is_null where that matters. A column that does not hold what is asked for means that statement
/// and code disagree: the process ends with statement, column and value's type in the message.
class Row {
  public:
    [[nodiscard]] bool is_null(int column) const;
    /// As the server wrote it; valid as long as the Rows.
    [[nodiscard]] std::string_view text(int column) const;

    [[nodiscard]] std::string string(int column) const { return std::string(text(column)); }

    [[nodiscard]] std::int64_t int64(int column) const;
    [[nodiscard]] bool boolean(int column) const;
    [[nodiscard]] double real(int column) const;
    [[nodiscard]] Bytes bytes(int column) const;
    [[nodiscard]] Uuid uuid(int column) const;

    [[nodiscard]] std::optional<std::string> optional_string(int column) const;
    [[nodiscard]] std::optional<std::int64_t> optional_int64(int column) const;

    /// One-dimensional arrays; null elements read as 0 or empty.
    [[nodiscard]] std::vector<std::int64_t> int64_array(int column) const;
    [[nodiscard]] std::vector<std::string> string_array(int column) const;

  private:
    friend class Rows;

    Row(const detail::DbRows* result, int index) noexcept : result_(result), index_(index) {}

    const detail::DbRows* result_;
    int index_;
};

/// What a statement returned. A cheap handle to an immutable result; any thread.
class Rows {
  public:
    Rows() noexcept = default;

    explicit Rows(std::shared_ptr<const detail::DbRows> result) noexcept
        : result_(std::move(result)) {}

    [[nodiscard]] std::size_t size() const noexcept;

    [[nodiscard]] bool empty() const noexcept { return size() == 0; }

    [[nodiscard]] Row operator[](std::size_t index) const;
    /// Rows that INSERT, UPDATE or DELETE changed.
    [[nodiscard]] std::size_t affected() const noexcept;

    [[nodiscard]] int column_count() const noexcept;
    /// Valid as long as the Rows.
    [[nodiscard]] std::string_view column_name(int column) const;
    /// The number of a column; ends the process if there is none.
    [[nodiscard]] int column(const char* name) const;

    class Iterator {
      public:
        Iterator(const Rows* rows, std::size_t index) noexcept : rows_(rows), index_(index) {}

        Row operator*() const { return (*rows_)[index_]; }

        Iterator& operator++() noexcept {
            ++index_;
            return *this;
        }

        bool operator!=(const Iterator& other) const noexcept { return index_ != other.index_; }

      private:
        const Rows* rows_;
        std::size_t index_;
    };

    [[nodiscard]] Iterator begin() const noexcept { return {this, 0}; }

    [[nodiscard]] Iterator end() const noexcept { return {this, size()}; }

  private:
    std::shared_ptr<const detail::DbRows> result_;
};

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
    /// Connects. `conninfo` as libpq takes it (keywords or URI, several hosts allowed).
    /// Errc::Unavailable, Errc::Refused (password, pg_hba), Errc::Invalid (malformed conninfo).
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
    /// Closes; the next use opens anew.
    void close() noexcept;

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

struct DbPoolOptions {
    std::size_t connections = 4;
    std::size_t queue_max = 256;  ///< jobs waiting beside the running ones
    DbTimeouts timeouts;
};

/// Connections on threads of their own, and a bounded queue of jobs. A job gets a connection that
/// was open when it started; while the database is away jobs wait (until their deadline), and each
/// worker tries to connect with a back-off of 100 ms to 5 s.
class DbPool {
  public:
    DbPool(std::string conninfo, std::string application_name, const DbPoolOptions& options = {});
    /// Queued jobs are dropped (their waiters get Errc::Cancelled); waits for the running ones.
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

/// {"a","b"} as the server reads it. For those who build SQL text themselves.
[[nodiscard]] std::string array_literal(std::span<const std::string> elements);

}  // namespace base
