#include <chrono>
#include <cstdio>

#include "base/clock.h"
#include "base/config.h"
#include "ops/commands/commands.h"
#include "ops/output.h"

namespace ops {

namespace {

// The work is the trackers'. A command writes down what is wanted, and shows how far they are.

base::Result<base::Deadline> deadline_of(const Arguments& arguments, const char* usual) {
    const std::string text = arguments.optional("--timeout").value_or(usual);
    const auto parsed = base::parse_duration(text);
    if (!parsed || parsed.value() <= base::Duration::zero()) {
        return base::Error{base::Errc::Invalid,
                           "--timeout takes a time such as 90s, 15m or 2h, not '" + text + "'"};
    }
    return base::Deadline::after(parsed.value());
}

// A line on standard error whenever it says something else than the one before.
class Progress {
  public:
    void show(std::string line) {
        if (line != shown_) {
            std::fprintf(stderr, "%s\n", line.c_str());
            shown_ = std::move(line);
        }
    }

  private:
    std::string shown_;
};

base::Status pause(base::Connection& connection) {
    (void)TRY(connection.query("SELECT pg_sleep(0.3)"));
    return base::Done{};
}

base::Result<std::int64_t> request(base::Connection& connection,
                                   const char* kind,
                                   const std::optional<std::string>& store) {
    if (store) {
        const base::Rows found = TRY(
            connection.query("SELECT 1 FROM directory.storage_server WHERE name = $1", {*store}));
        if (found.empty()) {
            return base::Error{base::Errc::NotFound, "there is no storage server " + *store};
        }
    }
    const base::Rows rows =
        TRY(connection.query("SELECT catalog.request_upkeep($1, $2)", {kind, store}));
    return rows[0].int64(0);
}

// Until a request is finished. Errc::Timeout: it goes on without us.
base::Status await_request(base::Connection& connection,
                           std::int64_t id,
                           const std::string& what_is_left,
                           base::Deadline deadline) {
    Progress progress;
    for (;;) {
        const base::Rows rows =
            TRY(connection.query("SELECT finished_at IS NOT NULL, catalog.request_left(id) "
                                 "FROM catalog.upkeep_request WHERE id = $1",
                                 {id}));
        if (rows.empty() || rows[0].boolean(0)) {
            return base::Done{};
        }
        progress.show(rows[0].string(1) + " " + what_is_left);
        if (deadline.passed()) {
            return base::Error{base::Errc::Timeout,
                               "not done in time: the trackers go on with it (" +
                                   rows[0].string(1) + " " + what_is_left + ")"};
        }
        (void)TRY(pause(connection));
    }
}

base::Status show_status(CommandContext& context, const Arguments&) {
    return print_rows(
        context,
        "SELECT storage_server::text, state, failure_domain, segments, messages, bytes, "
        "copies_owed, behind, suspect, lost, oldest_scrub FROM report.storage_status "
        "UNION ALL SELECT '(all)', NULL, NULL, coalesce(sum(segments), 0)::bigint, "
        "coalesce(sum(messages), 0)::bigint, coalesce(sum(bytes), 0)::bigint, "
        "coalesce(sum(copies_owed), 0)::bigint, coalesce(sum(behind), 0)::bigint, "
        "coalesce(sum(suspect), 0)::bigint, coalesce(sum(lost), 0)::bigint, min(oldest_scrub) "
        "FROM report.storage_status ORDER BY 2 NULLS LAST, 1",
        {},
        "no storage servers");
}

// `scrub` and `verify` differ in how closely a copy is looked at.
base::Status check_copies(CommandContext& context, const Arguments& arguments, const char* kind) {
    const base::Deadline deadline = TRY(deadline_of(arguments, "12h"));
    base::Connection* connection = TRY(context.db());
    const std::int64_t id = TRY(request(*connection, kind, arguments.optional("name")));
    if (arguments.has("--no-wait")) {
        say(context, "asked for; `roundtable storage status` shows what is found");
        return base::Done{};
    }
    (void)TRY(await_request(*connection, id, "copies to go", deadline));
    const base::Rows found = TRY(
        connection->query("SELECT checked, bad FROM catalog.upkeep_request WHERE id = $1", {id}));
    if (context.output == Output::Json) {
        return print_one(
            context, "SELECT * FROM report.upkeep_request WHERE id = $1", {id}, "it is gone");
    }
    const std::string checked = found[0].string(0);
    if (found[0].int64(1) == 0) {
        say(context, checked + " copies checked, all of them good");
    } else {
        say(context,
            checked + " copies checked, " + found[0].string(1) +
                " of them bad: they are read once more, and made anew "
                "(`roundtable storage status` shows how many are left)");
    }
    return base::Done{};
}

base::Status scrub(CommandContext& context, const Arguments& arguments) {
    return check_copies(context, arguments, "scrub");
}

base::Status verify(CommandContext& context, const Arguments& arguments) {
    return check_copies(context, arguments, "verify");
}

// Why copies are still owed, for a person who waited in vain.
base::Result<std::string> owed_reasons(base::Connection& connection) {
    const base::Rows rows = TRY(connection.query(
        "SELECT count(*) || ' to ' || storage_server || ' (' || coalesce(nullif(max(problem), ''), "
        "max(reason)) || ')' FROM report.copy_owed GROUP BY storage_server "
        "ORDER BY storage_server"));
    std::string text;
    for (const base::Row row : rows) {
        text += (text.empty() ? "" : ", ") + row.string(0);
    }
    return text;
}

base::Status repair(CommandContext& context, const Arguments& arguments) {
    const base::Deadline deadline = TRY(deadline_of(arguments, "10m"));
    base::Connection* connection = TRY(context.db());
    (void)TRY(connection->query("SELECT catalog.repair_now()"));
    Progress progress;
    while (!arguments.has("--no-wait")) {
        const base::Rows owed = TRY(connection->query("SELECT count(*) FROM catalog.copy_owed"));
        if (owed[0].int64(0) == 0) {
            say(context, "no copies are owed");
            return base::Done{};
        }
        progress.show(owed[0].string(0) + " copies owed");
        if (deadline.passed()) {
            return base::Error{base::Errc::Timeout,
                               "copies are still owed: " + TRY(owed_reasons(*connection))};
        }
        (void)TRY(pause(*connection));
    }
    say(context, "all copies that are owed are due now");
    return base::Done{};
}

base::Status add_storage(CommandContext& context, const Arguments& arguments) {
    const base::Status added = add_storage_server(context, arguments);
    if (!added && added.error().code == base::Errc::Exists) {
        return base::Error{base::Errc::Exists, "there is a storage server with that name already"};
    }
    (void)TRY(base::Status(added));
    say(context, "added storage server " + arguments.text("name"));
    return base::Done{};
}

// Why a storage server cannot be done without; what to do about it.
base::Status check_dispensable(base::Tx& tx, const std::string& name, std::int64_t id) {
    const base::Rows owners = TRY(tx.query(
        "SELECT string_agg(name, ', ' ORDER BY name), min(name) FROM directory.mail_server "
        "WHERE storage_server_id = $1 AND retired_at IS NULL",
        {id}));
    if (!owners[0].is_null(0)) {
        return base::Error{base::Errc::Refused,
                           name + " is the own storage server of " + owners[0].string(0) +
                               ": give each another one first (`roundtable server move " +
                               owners[0].string(1) + " STORAGE`)"};
    }
    const base::Rows domains =
        TRY(tx.query("SELECT count(DISTINCT v.failure_domain), max(c.min_copies) "
                     "FROM directory.cluster c LEFT JOIN directory.storage_server v "
                     "ON v.state = 'active' AND v.id <> $1",
                     {id}));
    if (domains[0].int64(0) < domains[0].int64(1)) {
        return base::Error{base::Errc::Refused,
                           "without " + name + " the storage servers are in " +
                               domains[0].string(0) + " failure domains, and a message needs " +
                               domains[0].string(1) +
                               ": add one first (`roundtable storage add NAME --path DIR`)"};
    }
    return base::Done{};
}

// It will not come back: what it held counts as lost from now on.
base::Status declare_lost(CommandContext& context,
                          base::Tx& tx,
                          const std::string& name,
                          std::int64_t id) {
    const base::Rows gone = TRY(tx.query(
        "SELECT count(*), coalesce(sum((SELECT count(*) FROM catalog.message m "
        "WHERE m.segment_id = s.id)), 0)::bigint FROM catalog.segment_replica r "
        "JOIN catalog.segment s ON s.id = r.segment_id AND s.superseded_at IS NULL "
        "WHERE r.storage_server_id = $1 AND NOT EXISTS (SELECT FROM catalog.segment_replica x "
        "JOIN directory.storage_server v ON v.id = x.storage_server_id AND v.state <> 'retired' "
        "WHERE x.segment_id = s.id AND x.storage_server_id <> $1 AND x.state <> 'lost')",
        {id}));
    (void)TRY(
        tx.query("UPDATE directory.storage_server SET state = 'retired' WHERE id = $1", {id}));
    if (gone[0].int64(0) > 0) {
        const std::string what = gone[0].string(0) + " segments with " + gone[0].string(1) +
                                 " messages had no copy elsewhere";
        (void)TRY(tx.query("SELECT directory.raise_event('alarm', 'segments_lost', $1, $2, NULL)",
                           {name, what}));
        say(context, what);
    }
    return base::Done{};
}

base::Status cancel_retirement(CommandContext& context, const std::string& name) {
    (void)TRY(change_one(context,
                         "UPDATE directory.storage_server SET state = 'active' "
                         "WHERE name = $1 AND state = 'draining'",
                         {name},
                         "no storage server " + name + " is being emptied"));
    say(context, name + " takes new segments again");
    return base::Done{};
}

base::Status retire(CommandContext& context, const Arguments& arguments) {
    const base::Deadline deadline = TRY(deadline_of(arguments, "12h"));
    const std::string name = arguments.text("name");
    if (arguments.has("--cancel")) {
        return cancel_retirement(context, name);
    }
    base::Connection* connection = TRY(context.db());
    std::int64_t request_id = 0;
    {
        base::Tx tx = TRY(connection->begin());
        const base::Rows found = TRY(tx.query(
            "SELECT id, state FROM directory.storage_server WHERE name = $1 FOR UPDATE", {name}));
        if (found.empty()) {
            return base::Error{base::Errc::NotFound, "there is no storage server " + name};
        }
        const std::int64_t id = found[0].int64(0);
        if (found[0].text(1) == "retired") {
            return base::Error{base::Errc::Exists, name + " is retired already"};
        }
        (void)TRY(check_dispensable(tx, name, id));
        if (arguments.has("--lost")) {
            (void)TRY(declare_lost(context, tx, name, id));
        } else {
            (void)TRY(tx.query(
                "UPDATE directory.storage_server SET state = 'draining' WHERE id = $1", {id}));
        }
        const base::Rows asked =
            TRY(tx.query("SELECT catalog.request_upkeep('retire', $1)", {name}));
        request_id = asked[0].int64(0);
        (void)TRY(tx.commit());
    }
    if (arguments.has("--no-wait")) {
        say(context, "the trackers copy what " + name + " holds, then it is retired");
        return base::Done{};
    }
    (void)TRY(await_request(
        *connection, request_id, "segments need a copy elsewhere, or are still open", deadline));
    const base::Rows state = TRY(
        connection->query("SELECT state FROM directory.storage_server WHERE name = $1", {name}));
    if (!state.empty() && state[0].text(0) != "retired") {
        return base::Error{base::Errc::Refused, "the retirement of " + name + " was cancelled"};
    }
    say(context, name + " is retired: nothing is read from it any more, and it may be taken away");
    return base::Done{};
}

}  // namespace

std::vector<Command> storage_commands() {
    const OptionSpec one{"name", OptionKind::OptionalPositional, "a storage server; else all"};
    const OptionSpec name{"name", OptionKind::Positional, "a storage server"};
    const OptionSpec no_wait{"--no-wait", OptionKind::Flag, "ask the trackers for it and return"};
    const OptionSpec timeout{
        "--timeout", OptionKind::Value, "wait so long at most (90s, 15m, 2h); exit 5 after that"};
    return {
        {"storage", "status", "show what each storage server holds and lacks", {}, show_status},
        {"storage",
         "scrub",
         "have every copy read whole now, and say what was found",
         {no_wait, timeout, one},
         scrub},
        {"storage",
         "verify",
         "have length and seal of every copy looked at now, without reading it whole",
         {no_wait, timeout, one},
         verify},
        {"storage",
         "repair",
         "make copies due that wait after a failure, and wait until none is owed",
         {no_wait, timeout},
         repair},
        {"storage",
         "add",
         "add a storage server, as `server add storage` does",
         {name,
          {"--path", OptionKind::Values, "a directory that reaches it; more for more paths"},
          {"--failure-domain", OptionKind::Value, "what fails together; else the server itself"},
          {"--for", OptionKind::Value, "only for the processes of this server"}},
         add_storage},
        {"storage",
         "retire",
         "empty a storage server onto the others, then do without it",
         {name,
          {"--lost", OptionKind::Flag, "it will not come back: all it held is lost at once"},
          {"--cancel", OptionKind::Flag, "use it again, while it is not retired"},
          no_wait,
          timeout},
         retire},
    };
}

}  // namespace ops
