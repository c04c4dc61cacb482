#include "ops/commands/commands.h"
#include "ops/output.h"

namespace ops {

namespace {

constexpr std::string_view kStrict = "of rotate: one server at the best preference, not two";

// The form that goes with a policy. Invalid: --strict has no meaning there.
base::Result<const char*> form_of(const Arguments& arguments, const std::string& policy) {
    if (!arguments.has("--strict")) {
        return "paired";
    }
    if (policy != "rotate") {
        return base::Error{base::Errc::Invalid, "--strict goes with the policy rotate"};
    }
    return "strict";
}

// What operators say of a server in a domain, narrowest first, as the steering resolves it.
constexpr const char* kState =
    "LEFT JOIN LATERAL (SELECT o.action, o.quiet_at, o.created_at FROM directory.mx_override o "
    "WHERE o.pool = 'mail' AND o.action IN ('drain', 'down', 'up') AND o.removed_at IS NULL "
    "AND (o.expires_at IS NULL OR o.expires_at > now()) "
    "AND (o.domain_id IS NULL OR o.domain_id = d.id) "
    "AND (o.server = m.name OR m.name LIKE translate(o.pattern, '*?', '%_')) "
    "ORDER BY (o.server IS NOT NULL) DESC, (o.domain_id IS NOT NULL) DESC, o.created_at DESC, "
    "o.id DESC LIMIT 1) o ON true ";

base::Status list_exchanges(CommandContext& context, const Arguments& arguments) {
    const auto domain = arguments.optional("domain");
    return print_rows(
        context,
        "SELECT d.name AS domain, d.policy, m.name AS server, m.host_name, "
        "e.preference, e.priority_index, round(e.first_share::numeric, 3) AS "
        "first_share, CASE WHEN o.action = 'drain' AND o.quiet_at IS NOT NULL "
        "THEN 'drained, quiet' WHEN o.action = 'drain' THEN 'drained, quiet from ' || "
        "to_char(o.created_at + make_interval(secs => greatest(300, d.mx_ttl)), "
        "'HH24:MI:SS') WHEN o.action = 'down' THEN 'forced down' "
        "WHEN e.priority_index = 65535 THEN 'down' WHEN o.action = 'up' "
        "THEN 'forced up' ELSE 'in service' END AS state, "
        "e.cause, e.changed_at::timestamptz(0) AS changed "
        "FROM directory.mail_exchange e "
        "JOIN directory.domain d ON d.id = e.domain_id "
        "JOIN directory.mail_server m ON m.id = e.mail_server_id " +
            std::string(kState) +
            "WHERE $1::text IS NULL OR d.name = $1 "
            "ORDER BY d.name, e.priority_index, e.first_share DESC, m.name",
        {domain ? base::Param(normal_name(*domain)) : base::Param(nullptr)},
        "no domain has mail servers");
}

base::Status list_commits(CommandContext& context, const Arguments& arguments) {
    const std::int64_t limit = TRY(arguments.integer("--limit", 1, 10000, 20));
    return print_rows(
        context,
        "SELECT c.at::timestamptz(0) AS at, c.name_server, c.pool, c.cause, "
        "(SELECT string_agg(concat_ws(' ', nullif(x.d ->> 'zone', ''), x.d ->> 'server' || ':', "
        "x.d ->> 'change'), '; ') FROM jsonb_array_elements(c.diff) AS x(d)) AS difference "
        "FROM directory.steering_commit c WHERE ($1::text IS NULL OR c.pool = $1) "
        "AND ($2::text IS NULL OR c.name_server = $2) ORDER BY c.id DESC LIMIT $3",
        {arguments.optional("--pool"), arguments.optional("--name-server"), limit},
        "the steering has not changed yet");
}

base::Status set_policy(CommandContext& context, const Arguments& arguments) {
    const std::string domain = normal_name(arguments.text("domain"));
    const std::string policy = arguments.text("policy");
    const bool is_pools = policy == "pool";
    const std::string form = TRY(form_of(arguments, policy));
    (void)TRY(
        change_one(context,
                   "UPDATE directory.domain SET policy = $2, policy_form = $3 WHERE name = $1",
                   {domain, policy, is_pools ? base::Param(nullptr) : base::Param(form)},
                   "there is no domain " + domain));
    say(context, "policy of " + domain + " is " + policy + (form == "strict" ? ", strict" : ""));
    return base::Done{};
}

base::Status set_pool_policy(CommandContext& context, const Arguments& arguments) {
    const std::string pool = arguments.text("pool");
    const std::string policy = arguments.text("policy");
    const std::string form = TRY(form_of(arguments, policy));
    if (pool != "mail" && pool != "access") {
        return base::Error{base::Errc::Invalid, "pools are mail and access, not '" + pool + "'"};
    }
    (void)TRY(
        change_one(context,
                   "UPDATE directory.cluster SET " + pool + "_policy = $1, " + pool + "_form = $2",
                   {policy, form},
                   "the cluster has no row of settings; `roundtable schema migrate` makes it"));
    say(context,
        "policy of the pool " + pool + " is " + policy + (form == "strict" ? ", strict" : ""));
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

}  // namespace

std::vector<Command> mx_commands() {
    const OptionSpec domain{"domain", OptionKind::Positional, "a mail domain"};
    const OptionSpec server{"server", OptionKind::Positional, "a mail server"};
    const OptionSpec strict{"--strict", OptionKind::Flag, kStrict.data()};
    return {
        {"mx",
         "list",
         "show the MX of domains: configured, effective, share of first places, state, cause",
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
         "how priorities are made: load, roundtable, rotate, static, or as its pool",
         {domain,
          {"policy", OptionKind::Positional, "load, roundtable, rotate, static or pool"},
          strict},
         set_policy},
        {"mx pool",
         "policy",
         "the same for all domains that say pool",
         {{"pool", OptionKind::Positional, "mail or access"},
          {"policy", OptionKind::Positional, "load, roundtable, rotate or static"},
          strict},
         set_pool_policy},
        {"mx",
         "commits",
         "each change of the steering: when, where, why, and what changed; newest first",
         {{"--pool", OptionKind::Value, "mail or access"},
          {"--name-server", OptionKind::Value, "only this one's"},
          {"--limit", OptionKind::Value, "lines, 1 to 10000; else 20"}},
         list_commits},
    };
}

}  // namespace ops
