// Overrides of the steering: a row of directory.mx_override each, which name servers take up within
// a second. They are ended, not deleted: the history has them all.

#include "ops/commands/commands.h"
#include "ops/output.h"

namespace ops {

namespace {

// Which servers an override is of.
struct Target {
    std::string pool;
    std::optional<std::string> server;
    std::optional<std::string> pattern;
};

std::string words_of(const Target& target) {
    return target.server
               ? *target.server
               : (target.pattern ? *target.pattern : "all servers of the pool " + target.pool);
}

// Null for all domains. Errc::NotFound.
base::Result<base::Param> domain_id(CommandContext& context, const Arguments& arguments) {
    const auto domain = arguments.optional("--domain");
    if (!domain) {
        return base::Param(nullptr);
    }
    base::Connection* connection = TRY(context.db());
    const base::Rows rows = TRY(connection->query("SELECT id FROM directory.domain WHERE name = $1",
                                                  {normal_name(*domain)}));
    if (rows.empty()) {
        return base::Error{base::Errc::NotFound, "there is no domain " + *domain};
    }
    return base::Param(rows[0].int64(0));
}

// The pool that --pool names, or in which there is such a server; a mail server comes first. A
// pattern that fits nobody is a slip of the hand.
base::Result<Target> target_of(CommandContext& context, const Arguments& arguments) {
    Target target{arguments.optional("--pool").value_or(""), std::nullopt, std::nullopt};
    if (!target.pool.empty() && target.pool != "mail" && target.pool != "access") {
        return base::Error{base::Errc::Invalid,
                           "--pool takes mail or access, not '" + target.pool + "'"};
    }
    const auto word = arguments.optional("server");
    if (!word) {
        target.pool = target.pool.empty() ? "mail" : target.pool;
        return target;
    }
    base::Connection* connection = TRY(context.db());
    const base::Rows pools = TRY(connection->query(
        "SELECT x.pool FROM (SELECT 'mail' AS pool, name FROM directory.mail_server "
        "UNION ALL SELECT 'access', name FROM directory.access_server) x "
        "WHERE x.name LIKE translate($1, '*?', '%_') AND ($2 = '' OR x.pool = $2) "
        "ORDER BY x.pool DESC",
        {*word, target.pool}));
    if (pools.empty()) {
        return base::Error{base::Errc::NotFound,
                           "there is no " + (target.pool.empty() ? "mail or access" : target.pool) +
                               " server " + *word + "; see `roundtable server list`"};
    }
    target.pool = pools[0].string(0);
    const bool is_pattern = word->find_first_of("*?") != std::string::npos;
    (is_pattern ? target.pattern : target.server) = *word;
    return target;
}

base::Status add_override(CommandContext& context,
                          const Arguments& arguments,
                          const std::string& action) {
    const double value = TRY(arguments.real("value", 0));
    const auto expires = TRY(expiry_seconds(arguments));
    const base::Param domain = TRY(domain_id(context, arguments));
    const Target target = TRY(target_of(context, arguments));
    base::Connection* connection = TRY(context.db());
    const base::Rows added = TRY(connection->query(
        "INSERT INTO directory.mx_override "
        "(pool, action, server, pattern, domain_id, value, author, reason, expires_at) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, now() + make_interval(secs => $9)) RETURNING id",
        {target.pool,
         action,
         target.server,
         target.pattern,
         domain,
         arguments.has("value") ? base::Param(value) : base::Param(nullptr),
         current_author(),
         arguments.text("--reason"),
         expires}));
    const std::string ends = target.server || target.pattern
                                 ? words_of(target)
                                 : "--id " + std::to_string(added[0].int64(0));
    say(context,
        action + " of " + words_of(target) + " is in force; `roundtable mx clear " + ends +
            "` ends it");
    return base::Done{};
}

base::Status clear_overrides(CommandContext& context, const Arguments& arguments) {
    const auto word = arguments.optional("server");
    const std::int64_t id = TRY(arguments.integer("--id", 1, INT64_MAX, 0));
    if (word.has_value() == (id != 0)) {
        return base::Error{base::Errc::Invalid,
                           "name a server or pattern, or one override by --id; see `roundtable mx "
                           "overrides`"};
    }
    const base::Param domain = TRY(domain_id(context, arguments));
    const std::string whose = word ? *word : "number " + std::to_string(id);
    (void)TRY(change_one(context,
                         "UPDATE directory.mx_override SET removed_at = now(), removed_by = $3 "
                         "WHERE ($1::text IS NULL OR server = $1 OR pattern = $1) "
                         "AND ($2::bigint = 0 OR id = $2) "
                         "AND ($4::bigint IS NULL OR domain_id = $4) AND removed_at IS NULL "
                         "AND (expires_at IS NULL OR expires_at > now())",
                         {word, id, current_author(), domain},
                         "no override of " + whose + " is in force"));
    say(context, "cleared the overrides of " + whose);
    return base::Done{};
}

base::Status list_overrides(CommandContext& context, const Arguments&) {
    return print_rows(
        context,
        "SELECT o.id, o.pool, coalesce(o.server, o.pattern, '(all)') AS server, o.action, o.value, "
        "d.name AS domain, o.author, o.reason, o.created_at::timestamptz(0) AS since, "
        "o.expires_at::timestamptz(0) AS expires, o.quiet_at::timestamptz(0) AS quiet "
        "FROM directory.mx_override o "
        "LEFT JOIN directory.domain d ON d.id = o.domain_id "
        "WHERE o.removed_at IS NULL AND (o.expires_at IS NULL OR o.expires_at > now()) "
        "ORDER BY o.id",
        {},
        "no overrides are in force");
}

// Overrides and changes of priorities in one list, newest first: who or what did what.
base::Status show_history(CommandContext& context, const Arguments& arguments) {
    const std::int64_t limit = TRY(arguments.integer("--limit", 1, 10000, 50));
    return print_rows(
        context,
        "WITH o AS (SELECT o.*, coalesce(o.server, o.pattern, 'all of ' || o.pool)::text AS whom, "
        "d.name::text AS domain FROM directory.mx_override o "
        "LEFT JOIN directory.domain d ON d.id = o.domain_id) "
        "SELECT * FROM ("
        "SELECT o.created_at::timestamptz(0) AS at, o.whom AS server, o.domain, "
        "o.action || coalesce(' ' || o.value::text, '') AS change, "
        "o.author, o.reason AS cause FROM o "
        "UNION ALL SELECT o.removed_at::timestamptz(0), o.whom, o.domain, "
        "'end of ' || o.action, o.removed_by, o.reason FROM o WHERE o.removed_at IS NOT NULL "
        "UNION ALL SELECT o.expires_at::timestamptz(0), o.whom, o.domain, "
        "'expiry of ' || o.action, o.author, o.reason FROM o "
        "WHERE o.expires_at <= coalesce(o.removed_at, now()) "
        "UNION ALL SELECT o.quiet_at::timestamptz(0), o.whom, o.domain, 'quiet', '', o.reason "
        "FROM o WHERE o.quiet_at IS NOT NULL "
        "UNION ALL SELECT h.from_at::timestamptz(0), h.mail_server, h.domain, "
        "h.setting || ' ' || h.priority_index, h.author, h.cause "
        "FROM directory.priority_history h) AS history ORDER BY at DESC LIMIT $1",
        {limit},
        "nothing has changed yet");
}

enum class Whom : std::uint8_t { Servers, ServersOrAll };

struct Kind {
    const char* noun;
    const char* verb;
    const char* action;  // as the schema has it
    const char* help;
    const char* value_help;  // null: it has no value
    Whom whom;
};

Command override_command(const Kind& kind) {
    std::vector<OptionSpec> options = {
        {"server",
         kind.whom == Whom::Servers ? OptionKind::Positional : OptionKind::OptionalPositional,
         "a mail or access server, or a pattern of names such as 'mail*'"}};
    if (kind.value_help != nullptr) {
        options.push_back({"value", OptionKind::Positional, kind.value_help});
    }
    options.push_back({"--reason", OptionKind::Value, "why; kept in the history", Required::Yes});
    const std::string action = kind.action;
    if (action != "freeze") {  // trims belong to the pool
        options.push_back({"--domain", OptionKind::Value, "for this domain alone"});
    }
    options.push_back({"--pool", OptionKind::Value, "mail or access; else that of the server"});
    options.push_back({"--expires", OptionKind::Value, "end by itself after 90s, 15m, 2h, 7d"});
    return {kind.noun,
            kind.verb,
            kind.help,
            options,
            [action](CommandContext& context, const Arguments& arguments) {
                return add_override(context, arguments, action);
            }};
}

constexpr Kind kKinds[] = {
    {"mx", "pin", "pin", "answer a fixed preference for a server", "0 to 65535, low is best", {}},
    {"mx",
     "weight",
     "weight",
     "give a server another relative capacity",
     "above 0; 1 is usual",
     {}},
    {"mx", "drain", "drain", "take a server out of the answers, to empty it", nullptr, {}},
    {"mx", "down", "down", "treat a server as dead, whatever probes say", nullptr, {}},
    {"mx", "up", "up", "treat a server as alive, whatever probes say", nullptr, {}},
    {"mx trim",
     "off",
     "trim_off",
     "steer by configured weights, whatever the load",
     nullptr,
     Whom::ServersOrAll},
    {"mx",
     "freeze",
     "freeze",
     "let learnt weights stand as they are; health still counts",
     nullptr,
     Whom::ServersOrAll},
};

}  // namespace

std::vector<Command> mx_override_commands() {
    std::vector<Command> commands;
    for (const Kind& kind : kKinds) {
        commands.push_back(override_command(kind));
    }
    commands.push_back(
        {"mx",
         "clear",
         "end all overrides of a server or pattern, or one",
         {{"server", OptionKind::OptionalPositional, "a server, or a pattern as it was given"},
          {"--id", OptionKind::Value, "one override; see `mx overrides`"},
          {"--domain", OptionKind::Value, "only those for this domain"}},
         clear_overrides});
    commands.push_back({"mx", "overrides", "list the overrides in force", {}, list_overrides});
    commands.push_back({"mx",
                        "history",
                        "what changed, when, by whom and why; newest first",
                        {{"--limit", OptionKind::Value, "lines, 1 to 10000; else 50"}},
                        show_history});
    return commands;
}

}  // namespace ops
