#include <algorithm>
#include <array>
#include <cinttypes>
#include <cstdio>
#include <utility>

#include "base/base64.h"
#include "base/hash.h"
#include "mail/attributes.h"
#include "mta/notify/p256.h"
#include "ops/commands/commands.h"
#include "ops/commands/notify_rule.h"
#include "ops/json.h"
#include "ops/output.h"

namespace ops {

namespace {

constexpr base::Duration kLook = std::chrono::milliseconds(200);

// The settings that are changed by name, columns of directory.notification_gateway.
struct Setting {
    const char* name;
    const char* type;
};

constexpr std::array kSettings{Setting{"smarthost", "text"},
                               Setting{"smarthost_tls", "text"},
                               Setting{"smarthost_user", "text"},
                               Setting{"smarthost_password_file", "text"},
                               Setting{"mail_from", "text"},
                               Setting{"sms_gateway", "text"},
                               Setting{"sms_token_file", "text"},
                               Setting{"vapid_subject", "text"},
                               Setting{"allowed_networks", "cidr[]"},
                               Setting{"ca_file", "text"},
                               Setting{"imap_host", "text"},
                               Setting{"per_hour", "integer"},
                               Setting{"retry_first", "interval"},
                               Setting{"retry_most", "interval"},
                               Setting{"give_up", "interval"}};

base::Result<std::int64_t> account_id(base::Connection& connection, const std::string& login) {
    const base::Rows rows =
        TRY(connection.query("SELECT id FROM directory.account WHERE login = $1", {login}));
    if (rows.empty()) {
        return base::Error{
            base::Errc::NotFound,
            "there is no account " + login + "; `roundtable account list` names all"};
    }
    return rows[0].int64(0);
}

// The id of the account that was named; null if none was.
base::Result<base::Param> named_account(CommandContext& context, const Arguments& arguments) {
    const auto login = arguments.optional("account");
    if (!login) {
        return base::Param(nullptr);
    }
    base::Connection* connection = TRY(context.db());
    return base::Param(TRY(account_id(*connection, normal_name(*login))));
}

base::Status list_notifications(CommandContext& context, const Arguments& arguments) {
    const base::Param account = TRY(named_account(context, arguments));
    return print_rows(
        context,
        "SELECT n.id, a.login AS account, n.channel AS by, n.shown AS \"to\", "
        "array_to_string(n.events, ',') AS events, "
        "concat_ws(' ', "
        " 'kind=' || (SELECT string_agg((ARRAY['email', 'fax', 'voicemail'])[k], ',') "
        "             FROM unnest(n.kinds) AS k), "
        " 'sender=' || n.sender, 'folder=' || n.folder, 'size>=' || n.size_min, "
        " 'size<=' || n.size_max, "
        " 'quiet=' || to_char(n.quiet_from, 'HH24:MI') || '-' || to_char(n.quiet_to, 'HH24:MI') || "
        " ' ' || n.quiet_zone || ' (' || n.quiet_does || ')', "
        " 'per_hour=' || n.per_hour, CASE n.content WHEN 'summary' THEN 'content' END) AS rule, "
        "n.state, n.reason "
        "FROM directory.notification n JOIN directory.account a ON a.id = n.account_id "
        "WHERE ($1::bigint IS NULL OR a.id = $1) ORDER BY a.login, n.id",
        {account},
        "nobody is notified");
}

base::Result<std::int64_t> insert_rule(base::Tx& tx, std::int64_t account, const NoticeRule& rule) {
    const base::Rows made = TRY(tx.query(
        "INSERT INTO directory.notification (account_id, channel, target, events, kinds, sender, "
        "folder, size_min, size_max, quiet_from, quiet_to, quiet_zone, quiet_does, content, "
        "per_hour) VALUES ($1, $2, $3, $4::text[], nullif($5::smallint[], '{}'), $6, $7, $8, $9, "
        "$10::text::time, $11::text::time, $12, $13, $14, $15) RETURNING id",
        {account,
         rule.channel,
         rule.target,
         rule.events,
         rule.kinds,
         rule.sender,
         rule.folder,
         rule.size_min,
         rule.size_max,
         rule.quiet_from,
         rule.quiet_to,
         rule.quiet_zone,
         rule.quiet_does,
         rule.content,
         rule.per_hour}));
    return made[0].int64(0);
}

base::Status insert_secrets(base::Tx& tx, std::int64_t id, const NoticeSecrets& secrets) {
    const auto octets = [](const std::string& text) {
        return text.empty() ? base::Param(nullptr) : base::Param(base::as_bytes(text));
    };
    (void)TRY(tx.query(
        "INSERT INTO directory.notification_secret (notification_id, hmac_key, push_key, "
        "push_auth) VALUES ($1, $2, $3, $4)",
        {id, octets(secrets.hmac_key), octets(secrets.push_key), octets(secrets.push_auth)}));
    return base::Done{};
}

// A rule for a mailbox that is not there is allowed, and told: it may be misspelt.
base::Result<bool> folder_is_there(base::Connection& connection,
                                   std::int64_t account,
                                   const std::string& folder) {
    const base::Rows rows = TRY(connection.query(
        "SELECT directory.wild_match($2, 'INBOX') OR EXISTS (SELECT FROM catalog.mailbox b "
        "WHERE b.account_id = $1 AND directory.wild_match($2, b.name))",
        {account, folder}));
    return rows[0].boolean(0);
}

base::Status set_notification(CommandContext& context, const Arguments& arguments) {
    NoticeRule rule = TRY(read_notice_rule(arguments));
    const NoticeSecrets secrets = TRY(read_notice_secrets(arguments, rule));
    base::Connection* connection = TRY(context.db());
    const std::string login = normal_name(arguments.text("account"));
    const std::int64_t account = TRY(account_id(*connection, login));
    base::Tx tx = TRY(connection->begin());
    const std::int64_t id = TRY(insert_rule(tx, account, rule));
    if (!secrets.hmac_key.empty() || !secrets.push_key.empty()) {
        TRY(insert_secrets(tx, id, secrets));
    }
    TRY(tx.commit());
    const base::Result<bool> there =
        rule.folder ? folder_is_there(*connection, account, *rule.folder) : base::Result(true);
    if (there && !there.value()) {
        std::fprintf(
            stderr,
            "roundtable: %s has no mailbox '%s' yet: nothing is told before there is one\n",
            login.c_str(),
            mail::clean_text(*rule.folder).c_str());
    }
    if (context.output == Output::Json) {
        Json all = {{"id", id}};
        if (secrets.made_here) {
            all["secret"] = secrets.hmac_key;
        }
        std::puts(all.dump().c_str());
        return base::Done{};
    }
    say(context, "notification " + std::to_string(id) + " of " + login + " by " + rule.channel);
    if (secrets.made_here) {
        say(context, "its secret, shown this once: " + secrets.hmac_key);
    }
    return base::Done{};
}

base::Status remove_notification(CommandContext& context, const Arguments& arguments) {
    const std::int64_t id = TRY(arguments.integer("id", 1, INT64_MAX, 0));
    (void)TRY(change_one(
        context,
        "DELETE FROM directory.notification WHERE id = $1",
        {id},
        "there is no notification " + std::to_string(id) + "; `roundtable notify list` names all"));
    say(context, "removed notification " + std::to_string(id));
    return base::Done{};
}

base::Status set_state(CommandContext& context, const Arguments& arguments, bool active) {
    const std::int64_t id = TRY(arguments.integer("id", 1, INT64_MAX, 0));
    const std::string state = active ? "active" : "paused";
    (void)TRY(change_one(
        context,
        "WITH hold AS (DELETE FROM directory.notification_hold h "
        "              WHERE h.notification_id = $1 AND $2 = 'active') "
        "UPDATE directory.notification n SET state = $2, reason = '', "
        "active_from = CASE WHEN n.state = 'active' THEN n.active_from ELSE now() END "
        "WHERE n.id = $1",
        {id, state},
        "there is no notification " + std::to_string(id) + "; `roundtable notify list` names all"));
    say(context, "notification " + std::to_string(id) + " is " + state);
    return base::Done{};
}

base::Status pause_notification(CommandContext& context, const Arguments& arguments) {
    return set_state(context, arguments, false);
}

base::Status resume_notification(CommandContext& context, const Arguments& arguments) {
    return set_state(context, arguments, true);
}

base::Result<std::int64_t> queue_test(base::Connection& connection, const Arguments& arguments) {
    const std::string login = normal_name(arguments.text("account"));
    const std::int64_t account = TRY(account_id(connection, login));
    const std::int64_t wanted = TRY(arguments.integer("id", 1, INT64_MAX, 0));
    const base::Rows rules =
        TRY(connection.query("SELECT id, state FROM directory.notification WHERE account_id = $1 "
                             "AND ($2 = 0 OR id = $2) ORDER BY id",
                             {account, wanted}));
    if (rules.size() != 1) {
        return base::Error{
            rules.empty() ? base::Errc::NotFound : base::Errc::Invalid,
            rules.empty() ? login + " has no such notification; `roundtable notify set` makes one"
                          : login +
                                " has several notifications: name one by its id, of "
                                "`roundtable notify list " +
                                login + "`"};
    }
    if (rules[0].text(1) != "active") {
        return base::Error{base::Errc::Refused,
                           "the notification is " + rules[0].string(1) +
                               "; `roundtable notify "
                               "resume " +
                               std::to_string(rules[0].int64(0)) + "` starts it again"};
    }
    const base::Rows queued =
        TRY(connection.query("SELECT directory.test_notification($1)", {rules[0].int64(0)}));
    return queued[0].int64(0);
}

base::Status test_notification(CommandContext& context, const Arguments& arguments) {
    const std::int64_t patience = TRY(arguments.integer("--patience", 1, 3'600, 60));
    base::Connection* connection = TRY(context.db());
    const std::int64_t job = TRY(queue_test(*connection, arguments));
    const base::Deadline give_up = base::Deadline::after(std::chrono::seconds(patience));
    while (!give_up.passed()) {
        const base::Rows rows =
            TRY(connection->query("SELECT state, outcome, coalesce(claimed_by, ''), token FROM "
                                  "directory.notification_job WHERE id = $1",
                                  {job}));
        if (rows.empty() || rows[0].text(0) == "waiting") {
            (void)TRY(connection->wait_notifications(kLook));  // none comes: it waits so long
            continue;
        }
        const base::Row row = rows[0];
        if (context.output == Output::Json) {
            const Json all = {{"id", row.string(3)},
                              {"state", row.string(0)},
                              {"outcome", row.string(1)},
                              {"server", row.string(2)}};
            std::puts(all.dump().c_str());
        }
        if (row.text(0) != "sent") {
            return base::Error{base::Errc::Refused, "the test was not delivered: " + row.string(1)};
        }
        say(context, "told by " + row.string(2) + ": " + row.string(1));
        return base::Done{};
    }
    return base::Error{base::Errc::Timeout,
                       "no mail agent took the test within " + std::to_string(patience) +
                           " s; is one running, and does it reach the database?"};
}

base::Status show_log(CommandContext& context, const Arguments& arguments) {
    const std::int64_t limit = TRY(arguments.integer("--limit", 1, 10'000, 20));
    const base::Param account = TRY(named_account(context, arguments));
    return print_rows(
        context,
        "SELECT j.token AS id, j.notification_id AS notification, a.login AS account, "
        "n.channel AS by, coalesce((j.happened).event, 'test') AS event, "
        "(j.happened).mailbox, (j.happened).uids, j.created_at::timestamptz(0) AS queued, "
        "CASE WHEN j.state = 'waiting' THEN j.not_before::timestamptz(0) END AS next_try, "
        "j.finished_at::timestamptz(0) AS finished, j.attempts, "
        "CASE WHEN j.state = 'waiting' AND j.claimed_until > now() THEN 'sending' ELSE j.state END "
        "AS state, coalesce(j.claimed_by, '') AS server, j.outcome "
        "FROM directory.notification_job j "
        "LEFT JOIN directory.account a ON a.id = j.account_id "
        "LEFT JOIN directory.notification n ON n.id = j.notification_id "
        "WHERE ($1::bigint IS NULL OR j.account_id = $1) ORDER BY j.id DESC LIMIT $2",
        {account, limit},
        "nothing was to be told in the last week");
}

base::Status show_gateway(CommandContext& context, const Arguments&) {
    std::string query;
    for (const Setting& setting : kSettings) {
        const std::string name(setting.name);
        query += (query.empty() ? "SELECT * FROM (" : " UNION ALL ") + std::string("SELECT '") +
                 name + "' AS setting, g." + name +
                 "::text AS value FROM directory.notification_gateway g";
    }
    return print_rows(context,
                      query +
                          " UNION ALL SELECT 'vapid_public', g.vapid_public FROM "
                          "directory.notification_gateway g) AS settings",
                      {},
                      "the directory has no row for the gateway");
}

// One UPDATE of all that were given: some go only together.
base::Status configure(CommandContext& context, const Arguments& arguments) {
    std::string changes;
    base::Params values;
    bool wants_key = false;
    for (const std::string& word : arguments.list("setting=value")) {
        const std::string name = word.substr(0, word.find('='));
        const auto* const setting = std::find_if(
            kSettings.begin(), kSettings.end(), [&](const Setting& s) { return name == s.name; });
        if (setting == kSettings.end() || name.size() == word.size()) {
            return base::Error{base::Errc::Invalid,
                               "'" + word +
                                   "' is no setting=value; `roundtable notify gateway` lists the "
                                   "settings. An empty value takes one away"};
        }
        const std::string value = word.substr(name.size() + 1);
        wants_key = wants_key || (name == "vapid_subject" && !value.empty());
        values.push_back(value.empty() && name != "allowed_networks"
                             ? base::Param(nullptr)
                             : base::Param(name == "allowed_networks" ? "{" + value + "}" : value));
        changes += (changes.empty() ? "" : ", ") + name + " = $" + std::to_string(values.size()) +
                   "::text::" + setting->type;
    }
    (void)TRY(change_one(context,
                         "UPDATE directory.notification_gateway SET " + changes,
                         values,
                         "the directory has no row for the gateway"));
    if (wants_key) {
        const mta::P256Pair pair = mta::p256_generate();
        base::Connection* connection = TRY(context.db());
        (void)TRY(connection->query(
            "UPDATE directory.notification_gateway SET vapid_private = $1, vapid_public = $2 "
            "WHERE vapid_public IS NULL",
            {base::as_bytes(pair.secret), base::base64url(pair.point)}));
    }
    say(context, "changed; mail agents use it from their next notification on");
    return base::Done{};
}

}  // namespace

std::vector<Command> notify_commands() {
    const OptionSpec which = {"account", OptionKind::OptionalPositional, "login; else all"};
    std::vector<OptionSpec> setting = notice_rule_options();
    setting.insert(setting.begin(), {"account", OptionKind::Positional, "login of the account"});
    return {
        {"notify", "list", "list who is notified of what, and how", {which}, list_notifications},
        {"notify", "set", "have an account notified", setting, set_notification},
        {"notify",
         "remove",
         "notify no longer",
         {{"id", OptionKind::Positional, "number of `notify list`"}},
         remove_notification},
        {"notify",
         "pause",
         "tell nothing until `notify resume`; what waits is dropped",
         {{"id", OptionKind::Positional, "number of `notify list`"}},
         pause_notification},
        {"notify",
         "resume",
         "tell again what happens from now on, also after the receiver said that it is gone",
         {{"id", OptionKind::Positional, "number of `notify list`"}},
         resume_notification},
        {"notify",
         "test",
         "send a test notification the real way and wait for how it ends",
         {{"account", OptionKind::Positional, "login of the account"},
          {"id", OptionKind::OptionalPositional, "which, if it has several"},
          {"--patience", OptionKind::Value, "seconds to wait; else 60"}},
         test_notification},
        {"notify",
         "log",
         "show what was told in the last week and what is to be told, the newest first",
         {which, {"--limit", OptionKind::Value, "lines, 1 to 10000; else 20"}},
         show_log},
        {"notify", "gateway", "show by what notifications leave", {}, show_gateway},
        {"notify",
         "configure",
         "change the gateway",
         {{"setting=value",
           OptionKind::Positionals,
           "smarthost=smtp://host:25 mail_from=notify@example.test ..."}},
         configure}};
}

}  // namespace ops
