#include "base/db.h"

#include <algorithm>
#include <exception>
#include <map>
#include <set>
#include <utility>

#include <poll.h>
#include <pqxx/pqxx>

#include "base/check.h"
#include "base/db_detail.h"
#include "base/log.h"

namespace base {

namespace {

using std::chrono::duration_cast;

// How long BEGIN, ROLLBACK and PREPARE may take beside the grace.
constexpr Duration kControlTime = std::chrono::seconds(5);
// How long a server may take to hear that a connection ends.
constexpr Duration kCloseTime = std::chrono::seconds(2);

// Our defaults come first: libpq lets a later setting of the same name win. No statement of ours is
// worth compiling, and the costs by which PostgreSQL would think so mean nothing where a function
// turns sequential scans off: then each delivery was compiled anew, in 80 ms of processor time.
std::string with_defaults(const std::string& conninfo,
                          const std::string& application,
                          const DbTimeouts& timeouts) {
    const auto seconds = [](Duration d) {
        return std::to_string(
            std::max<std::int64_t>(2, std::chrono::ceil<std::chrono::seconds>(d).count()));
    };
    const std::string statement_ms =
        std::to_string(duration_cast<std::chrono::milliseconds>(timeouts.statement).count());
    const std::string transport_ms =
        std::to_string(duration_cast<std::chrono::milliseconds>(timeouts.transport).count());
    const bool is_uri =
        conninfo.starts_with("postgresql://") || conninfo.starts_with("postgres://");
    if (!is_uri) {
        std::string name;
        for (const char c : application) {
            if (c == '\'' || c == '\\') {
                name += '\\';
            }
            name += c;
        }
        return "application_name='" + name + "' connect_timeout=" + seconds(timeouts.connect) +
               " options='-c jit=off -c statement_timeout=" + statement_ms +
               "' tcp_user_timeout=" + transport_ms +
               " keepalives_idle=10 keepalives_interval=5 keepalives_count=3"
               " target_session_attrs=primary " +
               conninfo;
    }
    std::string uri = conninfo;
    const auto add = [&uri](const std::string& name, const std::string& value) {
        if (uri.find("?" + name + "=") == std::string::npos &&
            uri.find("&" + name + "=") == std::string::npos) {
            uri += (uri.find('?') == std::string::npos ? "?" : "&") + name + "=" + value;
        }
    };
    add("application_name", application);
    add("connect_timeout", seconds(timeouts.connect));
    add("options", "-c%20jit%3Doff%20-c%20statement_timeout%3D" + statement_ms);
    add("tcp_user_timeout", transport_ms);
    add("keepalives_idle", "10");
    add("keepalives_interval", "5");
    add("keepalives_count", "3");
    add("target_session_attrs", "primary");
    return uri;
}

// The server's message for people: without the severity in front and the lines on where it was.
std::string tidy_message(std::string_view message) {
    if (message.starts_with("ERROR:")) {
        message.remove_prefix(6);
        message.remove_prefix(std::min(message.find_first_not_of(' '), message.size()));
    }
    message = message.substr(0, message.find("\nCONTEXT:"));
    while (message.ends_with('\n')) {
        message.remove_suffix(1);
    }
    std::string line(message);
    std::replace_if(
        line.begin(), line.end(), [](char c) { return c == '\n' || c == '\t'; }, ' ');
    return line;
}

// A row that a constraint forbids is told by the server, value by value: it may hold secrets, and
// is no news to who wrote it. The constraint's name stays.
std::string_view without_row(std::string_view state, std::string_view message) {
    const bool has_row = state == "23514" || state == "23502" || state == "23000";
    return has_row ? message.substr(0, message.find('\n')) : message;
}

// Before a session there is no SQLSTATE, only libpq's text. Unsure is temporary.
Error connect_error(std::string_view message) {
    const auto says = [message](std::string_view part) {
        return message.find(part) != std::string_view::npos;
    };
    Errc code = Errc::Unavailable;
    if (says("authentication failed") || says("pg_hba.conf") || says("permission denied for") ||
        says("no password supplied")) {
        code = Errc::Refused;
    } else if (says("too many clients") || says("connection slots are reserved")) {
        code = Errc::Busy;
    } else if (says("invalid connection option") || says("missing \"=\"") || says("invalid URI") ||
               says("invalid integer value") || says("unterminated quoted string")) {
        code = Errc::Invalid;
    }
    return Error{code, "connect to database: " + tidy_message(message)};
}

enum class After : std::uint8_t { Keep, Close, Lost };

struct Verdict {
    Errc code = Errc::Io;
    After after = After::Keep;
};

Verdict judge_state(std::string_view state, std::string_view message) {
    const auto is = [state](std::string_view prefix) { return state.starts_with(prefix); };
    if (state == "23505") {
        return {Errc::Exists};
    }
    if (state == "42501") {
        return {Errc::Refused};
    }
    if (state == "57014" || state == "55P03") {
        return {Errc::Timeout};
    }
    if (is("40") || state == "53300") {
        return {Errc::Busy};
    }
    if (state == "26000" ||
        (state == "0A000" && message.find("cached plan") != std::string_view::npos)) {
        // A migration changed what a prepared statement returns: a fresh session prepares anew.
        return {Errc::Busy, After::Close};
    }
    if (state == "25006") {
        return {Errc::Unavailable, After::Close};  // this server is no primary (any more)
    }
    if (state == "3F000" || state == "42P01" || state == "42883") {
        // No such schema, table or function: it is being made anew, or its migration is still to
        // come. Nothing is wrong with what was asked.
        return {Errc::Unavailable};
    }
    if (is("57P") || is("08")) {
        return {Errc::Unavailable, After::Lost};
    }
    if (is("22") || is("23") || is("42") || is("P0") || is("0A") || is("2B") || is("21")) {
        return {Errc::Invalid};
    }
    return {Errc::Io};
}

// The class of an exception that came without SQLSTATE.
std::string_view known_state(const pqxx::sql_error& caught) noexcept {
    if (!caught.sqlstate().empty()) {
        return caught.sqlstate();
    }
    const auto is = [&caught]<typename T>(const T*) {
        return dynamic_cast<const T*>(&caught) != nullptr;
    };
    if (is(static_cast<const pqxx::integrity_constraint_violation*>(nullptr))) {
        return "23000";
    }
    if (is(static_cast<const pqxx::data_exception*>(nullptr))) {
        return "22000";
    }
    if (is(static_cast<const pqxx::undefined_table*>(nullptr))) {
        return "42P01";
    }
    if (is(static_cast<const pqxx::undefined_function*>(nullptr))) {
        return "42883";
    }
    if (is(static_cast<const pqxx::syntax_error*>(nullptr))) {
        return "42000";
    }
    if (is(static_cast<const pqxx::plpgsql_error*>(nullptr))) {
        return "P0000";
    }
    if (is(static_cast<const pqxx::feature_not_supported*>(nullptr))) {
        return "0A000";
    }
    if (is(static_cast<const pqxx::invalid_sql_statement_name*>(nullptr))) {
        return "26000";
    }
    return {};
}

}  // namespace

namespace detail {

struct DbConnection {
    // The server's notices would go to stderr as they are.
    class Notices final : public pqxx::errorhandler {
      public:
        using errorhandler::errorhandler;

        bool operator()(const char text[]) noexcept override {
            log::debug("base", "database-notice", {{"text", tidy_message(text)}});
            return false;
        }
    };

    class Receiver final : public pqxx::notification_receiver {
      public:
        Receiver(pqxx::connection& link, const std::string& channel_name, DbConnection& owner)
            : notification_receiver(link, channel_name), owner_(&owner) {}

        void operator()(const std::string& payload, int) override {
            owner_->notifications.push_back(Notification{channel(), payload});
        }

      private:
        DbConnection* owner_;
    };

    // What a lost connection means for the statement that was under way.
    enum class IfLost : std::uint8_t { NothingHappened, Unknown };

    std::string conninfo;
    DbTimeouts timeouts;
    DbWatch watch;
    std::unique_ptr<pqxx::connection> link;
    std::set<std::string, std::less<>> prepared;
    std::set<std::string> channels;
    std::unique_ptr<Notices> notices;                  // goes before link
    std::vector<std::unique_ptr<Receiver>> receivers;  // go before link
    std::vector<Notification> notifications;
    bool in_transaction = false;
    bool transaction_failed = false;

    ~DbConnection() { close(); }

    void close() noexcept {
        watch.begin(monotonic_now() + kCloseTime);
        receivers.clear();  // each says UNLISTEN, and waits for a server that may be hung
        watch.end();
        watch.set_socket(-1);
        notices.reset();
        link.reset();
        prepared.clear();
    }

    [[nodiscard]] bool is_open() const noexcept { return link != nullptr && link->is_open(); }

    // Has the server hung up? What it said before (a shutdown message) may still be unread.
    [[nodiscard]] bool is_alive() const noexcept {
        if (!is_open()) {
            return false;
        }
        pollfd probe{link->sock(), POLLRDHUP, 0};
        return ::poll(&probe, 1, 0) == 0;
    }

    Status open() {
        close();
        try {
            link = std::make_unique<pqxx::connection>(conninfo);
            if (!link->is_open()) {
                close();
                return Error{Errc::Unavailable, "connect to database: no connection"};
            }
            watch.set_socket(link->sock());
            notices = std::make_unique<Notices>(*link);
            for (const std::string& channel : channels) {
                receivers.push_back(std::make_unique<Receiver>(*link, channel, *this));
            }
            return Done{};
        } catch (const std::exception& caught) {
            close();
            return connect_error(caught.what());
        }
    }

    Status ensure_open() {
        if (is_alive()) {
            return Done{};
        }
        return open();
    }

    Error lost(IfLost if_lost, std::string_view message) {
        close();
        return Error{if_lost == IfLost::Unknown ? Errc::UnknownOutcome : Errc::Unavailable,
                     "database connection lost: " + tidy_message(message)};
    }

    // The one place that turns what pqxx throws into our words. Some of its classes forget the
    // SQLSTATE, so those are named.
    Error judge(IfLost if_lost) noexcept {
        try {
            throw;
        } catch (const pqxx::insufficient_privilege& caught) {
            return Error{Errc::Refused, tidy_message(caught.what())};
        } catch (const pqxx::unique_violation& caught) {
            return Error{Errc::Exists, tidy_message(caught.what())};
        } catch (const pqxx::sql_error& caught) {
            const std::string_view state = known_state(caught);
            const Verdict verdict = judge_state(state, caught.what());
            if (verdict.after == After::Lost || !is_open()) {
                return lost(if_lost, caught.what());
            }
            if (verdict.after == After::Close) {
                close();
            }
            return Error{verdict.code, tidy_message(without_row(state, caught.what()))};
        } catch (const pqxx::statement_completion_unknown& caught) {
            return lost(IfLost::Unknown, caught.what());
        } catch (const pqxx::transaction_rollback& caught) {
            return Error{Errc::Busy, tidy_message(caught.what())};
        } catch (const pqxx::too_many_connections& caught) {
            close();
            return Error{Errc::Busy, tidy_message(caught.what())};
        } catch (const pqxx::failure& caught) {  // broken_connection and what has no SQLSTATE
            return lost(if_lost, caught.what());
        } catch (const std::exception& caught) {  // misuse of the library, memory
            close();
            return Error{Errc::Io, std::string("database library: ") + caught.what()};
        }
    }

    template <typename Action>
    auto guarded(IfLost if_lost, Duration limit, Action action)
        -> Result<std::invoke_result_t<Action&>> {
        watch.begin(monotonic_now() + limit + timeouts.grace);
        try {
            auto value = action();
            watch.end();
            return value;
        } catch (...) {  // the door: judge() names each kind
            watch.end();
            return judge(if_lost);
        }
    }

    static Rows flatten(pqxx::result result, std::string statement) {
        auto rows = std::make_shared<DbRows>();
        auto owner = std::make_shared<const pqxx::result>(std::move(result));
        rows->statement = std::move(statement);
        rows->affected = owner->affected_rows();
        for (pqxx::row_size_type i = 0; i < owner->columns(); ++i) {
            rows->columns.emplace_back(owner->column_name(i));
        }
        rows->cells.reserve(owner->size() * rows->columns.size());
        for (const pqxx::row& row : *owner) {
            for (const pqxx::field& field : row) {
                rows->cells.push_back(field.is_null()
                                          ? std::string_view()
                                          : std::string_view(field.c_str(), field.size()));
            }
        }
        rows->owner = std::move(owner);
        return Rows(std::move(rows));
    }

    Result<Done> prepare(const Statement& statement) {
        if (prepared.contains(std::string_view(statement.name))) {
            return Done{};
        }
        TRY(guarded(IfLost::NothingHappened, kControlTime, [&] {
            link->prepare(statement.name, statement.sql);
            link->prepare_now(statement.name);
            return Done{};
        }));
        prepared.emplace(statement.name);
        return Done{};
    }

    Result<Rows> execute(const Statement& statement, const Params& params, IfLost if_lost) {
        const EncodedParams encoded = TRY(EncodedParams::create(params));
        TRY(prepare(statement));
        return guarded(if_lost, timeouts.statement, [&] {
            pqxx::nontransaction session(*link);
            return flatten(
                session.exec_prepared(statement.name,
                                      pqxx::prepare::make_dynamic_params(encoded.pointers())),
                statement.name);
        });
    }

    Result<Rows> execute(std::string_view sql, const Params& params, IfLost if_lost) {
        const EncodedParams encoded = TRY(EncodedParams::create(params));
        if (sql.find('\0') != std::string_view::npos) {
            return Error{Errc::Invalid, "a statement holds a NUL"};
        }
        return guarded(if_lost, timeouts.statement, [&] {
            pqxx::nontransaction session(*link);
            const std::string text(sql);
            return flatten(params.empty()
                               ? session.exec(text)
                               : session.exec_params(
                                     text, pqxx::prepare::make_dynamic_params(encoded.pointers())),
                           text.substr(0, 80));
        });
    }

    // BEGIN and the like.
    Status control(const char* sql, IfLost if_lost, Duration limit) {
        return guarded(if_lost, limit, [&] {
            pqxx::nontransaction session(*link);
            (void)session.exec(sql);
            return Done{};
        });
    }
};

}  // namespace detail

using IfLost = detail::DbConnection::IfLost;

Connection::Connection(std::unique_ptr<detail::DbConnection> state) noexcept
    : state_(std::move(state)) {
}

Connection::~Connection() = default;

Result<std::unique_ptr<Connection>> Connection::open(std::string conninfo,
                                                     std::string application_name,
                                                     const DbTimeouts& timeouts) {
    auto state = std::make_unique<detail::DbConnection>();
    state->conninfo = with_defaults(conninfo, application_name, timeouts);
    state->timeouts = timeouts;
    TRY(state->open());
    return std::unique_ptr<Connection>(new Connection(std::move(state)));
}

Result<Rows> Connection::query(const Statement& statement, const Params& params) {
    CHECK(!state_->in_transaction);
    TRY(state_->ensure_open());
    return state_->execute(statement, params, IfLost::Unknown);
}

Result<Rows> Connection::query(std::string_view sql, const Params& params) {
    CHECK(!state_->in_transaction);
    TRY(state_->ensure_open());
    return state_->execute(sql, params, IfLost::Unknown);
}

Result<Tx> Connection::begin() {
    CHECK(!state_->in_transaction);
    TRY(state_->ensure_open());
    TRY(state_->control("BEGIN", IfLost::NothingHappened, kControlTime));
    state_->in_transaction = true;
    state_->transaction_failed = false;
    return Tx(state_.get());
}

Status Connection::listen(const std::string& channel) {
    TRY(state_->ensure_open());
    if (!state_->channels.insert(channel).second) {
        return Done{};
    }
    return state_->guarded(IfLost::NothingHappened, kControlTime, [&] {
        state_->receivers.push_back(
            std::make_unique<detail::DbConnection::Receiver>(*state_->link, channel, *state_));
        return Done{};
    });
}

Result<std::vector<Notification>> Connection::wait_notifications(Duration timeout) {
    if (!is_open()) {
        return Error{Errc::Unavailable, "no database connection"};
    }
    TRY(state_->guarded(IfLost::NothingHappened, timeout + kControlTime, [&] {
        const auto us = std::max<std::int64_t>(
            0, std::chrono::ceil<std::chrono::microseconds>(timeout).count());
        if (state_->notifications.empty() && us > 0) {
            return state_->link->await_notification(us / 1'000'000, us % 1'000'000);
        }
        return state_->link->get_notifs();
    }));
    if (!state_->is_alive()) {
        return state_->lost(IfLost::NothingHappened, "server hung up");
    }
    return std::exchange(state_->notifications, {});
}

bool Connection::is_open() const noexcept {
    return state_->is_open();
}

bool Connection::is_alive() const noexcept {
    return state_->is_alive();
}

int Connection::socket() const noexcept {
    return state_->is_open() ? state_->link->sock() : -1;
}

void Connection::end_by(Instant last_at) noexcept {
    state_->watch.end_by(last_at);
}

void Connection::close() noexcept {
    state_->close();
}

Tx::Tx(Tx&& other) noexcept : connection_(std::exchange(other.connection_, nullptr)) {
}

Tx::~Tx() {
    if (connection_ == nullptr) {
        return;
    }
    connection_->in_transaction = false;
    if (connection_->is_open()) {
        Status status = connection_->control("ROLLBACK", IfLost::NothingHappened, kControlTime);
        if (!status) {
            connection_->close();  // the server rolls back when the session ends
        }
    }
}

Result<Rows> Tx::query(const Statement& statement, const Params& params) {
    if (!connection_->is_open()) {
        return Error{Errc::Unavailable, "the transaction's connection was lost"};
    }
    auto rows = connection_->execute(statement, params, IfLost::NothingHappened);
    connection_->transaction_failed |= !rows;
    return rows;
}

Result<Rows> Tx::query(std::string_view sql, const Params& params) {
    if (!connection_->is_open()) {
        return Error{Errc::Unavailable, "the transaction's connection was lost"};
    }
    auto rows = connection_->execute(sql, params, IfLost::NothingHappened);
    connection_->transaction_failed |= !rows;
    return rows;
}

Status Tx::commit() {
    if (!connection_->is_open()) {
        return Error{Errc::Unavailable, "the transaction's connection was lost"};
    }
    if (connection_->transaction_failed) {
        // The server would answer COMMIT with a ROLLBACK and no error.
        return Error{Errc::Invalid, "a statement of the transaction had failed"};
    }
    Status status =
        connection_->control("COMMIT", IfLost::Unknown, connection_->timeouts.statement);
    std::exchange(connection_, nullptr)->in_transaction = false;
    return status;
}

}  // namespace base
