#include "ops/commands/commands.h"
#include "ops/output.h"

namespace ops {

namespace {

// $1 a domain or null: the id, or null for all domains. Errc::NotFound.
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

base::Status add_override(CommandContext& context,
                          const Arguments& arguments,
                          const std::string& action) {
    const std::string server = arguments.text("server");
    const double value = TRY(arguments.real("value", 0));
    const auto expires = TRY(expiry_seconds(arguments));
    const base::Param domain = TRY(domain_id(context, arguments));
    base::Connection* connection = TRY(context.db());
    const base::Rows pools =
        TRY(connection->query("SELECT 'mail' FROM directory.mail_server WHERE name = $1 UNION ALL "
                              "SELECT 'access' FROM directory.access_server WHERE name = $1",
                              {server}));
    if (pools.empty()) {
        return base::Error{
            base::Errc::NotFound,
            "there is no mail or access server " + server + "; see `roundtable server list`"};
    }
    (void)TRY(
        connection->query("INSERT INTO directory.mx_override "
                          "(pool, action, server, domain_id, value, author, reason, expires_at) "
                          "VALUES ($1, $2, $3, $4, $5, $6, $7, now() + make_interval(secs => $8))",
                          {pools[0].string(0),
                           action,
                           server,
                           domain,
                           arguments.has("value") ? base::Param(value) : base::Param(nullptr),
                           current_author(),
                           arguments.text("--reason"),
                           expires}));
    say(context,
        action + " of " + server + " is in force; `roundtable mx clear " + server + "` ends it");
    return base::Done{};
}

base::Status clear_overrides(CommandContext& context, const Arguments& arguments) {
    const std::string server = arguments.text("server");
    (void)TRY(change_one(context,
                         "UPDATE directory.mx_override SET removed_at = now(), removed_by = $2 "
                         "WHERE server = $1 AND removed_at IS NULL "
                         "AND (expires_at IS NULL OR expires_at > now())",
                         {server, current_author()},
                         "no override of " + server + " is in force"));
    say(context, "cleared the overrides of " + server);
    return base::Done{};
}

base::Status list_overrides(CommandContext& context, const Arguments&) {
    return print_rows(
        context,
        "SELECT o.pool, o.server, o.action, o.value, d.name AS domain, o.author, "
        "o.reason, o.created_at::timestamptz(0) AS since, "
        "o.expires_at::timestamptz(0) AS expires "
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
        "SELECT * FROM ("
        "SELECT o.created_at::timestamptz(0) AS at, o.server::text AS server, "
        "d.name::text AS domain, o.action || coalesce(' ' || o.value::text, '') AS change, "
        "o.author, o.reason AS cause FROM directory.mx_override o "
        "LEFT JOIN directory.domain d ON d.id = o.domain_id "
        "UNION ALL "
        "SELECT o.removed_at::timestamptz(0), o.server::text, d.name::text, "
        "'end of ' || o.action, o.removed_by, o.reason FROM directory.mx_override o "
        "LEFT JOIN directory.domain d ON d.id = o.domain_id WHERE o.removed_at IS NOT NULL "
        "UNION ALL "
        "SELECT h.from_at::timestamptz(0), h.mail_server, h.domain, "
        "h.setting || ' ' || h.priority_index, h.author, h.cause "
        "FROM directory.priority_history h) AS history ORDER BY at DESC LIMIT $1",
        {limit},
        "nothing has changed yet");
}

base::Status list_exchanges(CommandContext& context, const Arguments& arguments) {
    const auto domain = arguments.optional("domain");
    return print_rows(context,
                      "SELECT d.name AS domain, d.policy, m.name AS server, m.host_name, "
                      "e.preference, e.priority_index, round(e.first_share::numeric, 3) AS "
                      "first_share, e.cause, e.changed_at::timestamptz(0) AS changed "
                      "FROM directory.mail_exchange e "
                      "JOIN directory.domain d ON d.id = e.domain_id "
                      "JOIN directory.mail_server m ON m.id = e.mail_server_id "
                      "WHERE $1::text IS NULL OR d.name = $1 "
                      "ORDER BY d.name, e.priority_index, e.first_share DESC, m.name",
                      {domain ? base::Param(normal_name(*domain)) : base::Param(nullptr)},
                      "no domain has mail servers");
}

base::Status set_policy(CommandContext& context, const Arguments& arguments) {
    const std::string domain = normal_name(arguments.text("domain"));
    const std::string policy = arguments.text("policy");
    (void)TRY(change_one(context,
                         "UPDATE directory.domain SET policy = $2 WHERE name = $1",
                         {domain, policy},
                         "there is no domain " + domain));
    say(context, "policy of " + domain + " is " + policy);
    return base::Done{};
}

base::Status set_exchange(CommandContext& context, const Arguments& arguments) {
    const std::string domain = normal_name(arguments.text("domain"));
    const std::string server = arguments.text("server");
    const std::int64_t preference = TRY(arguments.integer("preference", 0, 65535, 10));
    (void)TRY(change_one(context,
                         "INSERT INTO directory.mail_exchange (domain_id, mail_server_id, "
                         "preference) SELECT d.id, m.id, $3 FROM directory.domain d, "
                         "directory.mail_server m WHERE d.name = $1 AND m.name = $2 "
                         "ON CONFLICT (domain_id, mail_server_id) DO UPDATE SET preference = $3",
                         {domain, server, preference},
                         "there is no domain " + domain + " or no mail server " + server));
    say(context, server + " serves " + domain);
    return base::Done{};
}

base::Status remove_exchange(CommandContext& context, const Arguments& arguments) {
    const std::string domain = normal_name(arguments.text("domain"));
    const std::string server = arguments.text("server");
    (void)TRY(change_one(context,
                         "DELETE FROM directory.mail_exchange e USING directory.domain d, "
                         "directory.mail_server m WHERE d.id = e.domain_id AND d.name = $1 "
                         "AND m.id = e.mail_server_id AND m.name = $2",
                         {domain, server},
                         server + " does not serve " + domain));
    say(context, server + " no longer serves " + domain);
    return base::Done{};
}

Command override_command(const char* action, const char* help, const char* value_help) {
    std::vector<OptionSpec> options = {
        {"server", OptionKind::Positional, "a mail or access server"}};
    if (value_help != nullptr) {
        options.push_back({"value", OptionKind::Positional, value_help});
    }
    options.push_back({"--reason", OptionKind::Value, "why; kept in the history", Required::Yes});
    options.push_back({"--domain", OptionKind::Value, "for this domain alone"});
    options.push_back({"--expires", OptionKind::Value, "end by itself after 90s, 15m, 2h, 7d"});
    const std::string word = action;
    return {
        "mx", action, help, options, [word](CommandContext& context, const Arguments& arguments) {
            return add_override(context, arguments, word);
        }};
}

}  // namespace

std::vector<Command> mx_commands() {
    const OptionSpec domain{"domain", OptionKind::Positional, "a mail domain"};
    const OptionSpec server{"server", OptionKind::Positional, "a mail server"};
    return {
        {"mx",
         "list",
         "show the MX of domains: configured, effective, share of first places, cause",
         {{"domain", OptionKind::OptionalPositional, "only this one"}},
         list_exchanges},
        {"mx",
         "set",
         "let a mail server serve a domain, with a configured preference",
         {domain, server, {"preference", OptionKind::OptionalPositional, "0 to 65535; else 10"}},
         set_exchange},
        {"mx", "remove", "take a mail server off a domain", {domain, server}, remove_exchange},
        {"mx",
         "policy",
         "how priorities are made: load, roundtable, rotate, static",
         {domain, {"policy", OptionKind::Positional, "load, roundtable, rotate or static"}},
         set_policy},
        override_command(
            "pin", "answer a fixed preference for a server", "0 to 65535, low is best"),
        override_command(
            "weight", "give a server another relative capacity", "above 0; 1 is usual"),
        override_command("drain", "take a server out of the answers, to empty it", nullptr),
        override_command("down", "treat a server as dead, whatever probes say", nullptr),
        override_command("up", "treat a server as alive, whatever probes say", nullptr),
        {"mx",
         "clear",
         "end all overrides of a server",
         {{"server", OptionKind::Positional, "a mail or access server"}},
         clear_overrides},
        {"mx", "overrides", "list the overrides in force", {}, list_overrides},
        {"mx",
         "history",
         "what changed, when, by whom and why; newest first",
         {{"--limit", OptionKind::Value, "lines, 1 to 10000; else 50"}},
         show_history},
    };
}

}  // namespace ops
