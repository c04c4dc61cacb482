#include "ops/commands/voicemail.h"

#include <string>

#include "mta/voicemail/message_waiting.h"
#include "ops/commands/commands.h"
#include "ops/output.h"

namespace ops {

namespace {

constexpr std::size_t kBoxPartMax = 80;

bool is_box_part(std::string_view text) {
    // It is an argument of hooks, and must not look like an option.
    if (text.empty() || text.size() > kBoxPartMax || text.front() == '-') {
        return false;
    }
    for (const char c : text) {
        if (c <= ' ' || c > '~' || c == '/' || c == '@' || c == '\\') {
            return false;
        }
    }
    return true;
}

base::Status list_boxes(CommandContext& context, const Arguments& arguments) {
    const auto account = arguments.optional("--account");
    return print_rows(context,
                      "SELECT b.context, b.mailbox, a.login AS account, "
                      "b.created_at::timestamptz(0) AS since FROM directory.voicemail_box b "
                      "JOIN directory.account a ON a.id = b.account_id "
                      "WHERE $1::text IS NULL OR a.login = $1 ORDER BY b.context, b.mailbox",
                      {account ? base::Param(normal_name(*account)) : base::Param(nullptr)},
                      "no voicemail boxes");
}

base::Status add_box(CommandContext& context, const Arguments& arguments) {
    const BoxName box = TRY(parse_box(arguments.text("box")));
    const std::string login = normal_name(arguments.text("account"));
    (void)TRY(change_one(context,
                         "INSERT INTO directory.voicemail_box (context, mailbox, account_id) "
                         "SELECT $1, $2, a.id FROM directory.account a WHERE a.login = $3 "
                         "ON CONFLICT (context, mailbox) DO UPDATE SET account_id = "
                         "excluded.account_id",
                         {box.context, box.mailbox, login},
                         "there is no account " + login));
    say(context, "voicemail of " + box.text() + " goes to " + login);
    return base::Done{};
}

base::Status remove_box(CommandContext& context, const Arguments& arguments) {
    const BoxName box = TRY(parse_box(arguments.text("box")));
    (void)TRY(change_one(context,
                         "DELETE FROM directory.voicemail_box WHERE context = $1 AND mailbox = $2",
                         {box.context, box.mailbox},
                         "there is no voicemail box " + box.text()));
    say(context, "removed voicemail box " + box.text());
    return base::Done{};
}

constexpr const char* kSubscribers =
    "SELECT w.id, coalesce(w.mailbox || '@' || w.context, 'all') AS box, w.method, w.target, "
    "w.author, max(s.sent_at)::timestamptz(0) AS last_told, "
    "count(*) FILTER (WHERE s.attempts > 0) AS failing, "
    "(array_agg(s.problem ORDER BY s.not_before DESC) FILTER (WHERE s.attempts > 0))[1] AS problem "
    "FROM directory.message_waiting w "
    "LEFT JOIN directory.message_waiting_state s ON s.subscription_id = w.id "
    "GROUP BY w.id ORDER BY w.id";

base::Status list_subscribers(CommandContext& context, const Arguments& /*arguments*/) {
    return print_rows(context, kSubscribers, {}, "nobody is told of waiting messages");
}

base::Status add_subscriber(CommandContext& context, const Arguments& arguments) {
    const std::string box_text = arguments.text("box");
    const std::string method_name = arguments.text("method");
    const std::string target = arguments.text("target");
    const mta::WaitingMethod method = TRY(mta::parse_waiting_method(method_name));
    (void)TRY(mta::check_waiting_target(method, target));
    base::Params params{nullptr, nullptr, method_name, target, current_author()};
    std::string sql =
        "INSERT INTO directory.message_waiting (context, mailbox, method, target, author) ";
    if (box_text == "all") {
        sql += "VALUES ($1, $2, $3, $4, $5)";
    } else {
        const BoxName box = TRY(parse_box(box_text));
        params[0] = box.context;
        params[1] = box.mailbox;
        sql +=
            "SELECT b.context, b.mailbox, $3, $4, $5 FROM directory.voicemail_box b "
            "WHERE b.context = $1 AND b.mailbox = $2";
    }
    const base::Status added = change_one(
        context,
        sql,
        params,
        "there is no voicemail box " + box_text + "; `roundtable voicemail box add` makes it");
    if (!added && added.error().code == base::Errc::Exists) {
        return base::Error{base::Errc::Exists, target + " is told of " + box_text + " already"};
    }
    (void)TRY(base::Status(added));
    say(context, target + " is told of messages waiting in " + box_text);
    return base::Done{};
}

base::Status remove_subscriber(CommandContext& context, const Arguments& arguments) {
    const std::int64_t id = TRY(arguments.integer("id", 1, INT64_MAX, 0));
    (void)TRY(change_one(context,
                         "DELETE FROM directory.message_waiting WHERE id = $1",
                         {id},
                         "there is no subscriber " + std::to_string(id) +
                             "; `roundtable voicemail waiting list` shows them"));
    say(context, "removed subscriber " + std::to_string(id));
    return base::Done{};
}

base::Status show_waiting(CommandContext& context, const Arguments& arguments) {
    const auto text = arguments.optional("box");
    base::Params params{nullptr, nullptr};
    if (text) {
        const BoxName box = TRY(parse_box(*text));
        params = {box.context, box.mailbox};
    }
    return print_rows(context,
                      "SELECT r.context, r.mailbox, r.login AS account, r.new_messages AS new, "
                      "r.old_messages AS old, r.new_urgent, r.old_urgent "
                      "FROM report.message_waiting r "
                      "WHERE $1::text IS NULL OR (r.context = $1 AND r.mailbox = $2) "
                      "ORDER BY r.context, r.mailbox",
                      params,
                      "no voicemail boxes");
}

}  // namespace

base::Result<BoxName> parse_box(const std::string& text) {
    const std::size_t at = text.find('@');
    BoxName box{text.substr(0, at), at == std::string::npos ? "default" : text.substr(at + 1)};
    if (!is_box_part(box.mailbox) || !is_box_part(box.context)) {
        return base::Error{base::Errc::Invalid,
                           "'" + text +
                               "' is no voicemail box; it is written MAILBOX@CONTEXT, such as "
                               "1234@default, as in voicemail.conf"};
    }
    return box;
}

std::vector<Command> voicemail_commands() {
    const OptionSpec box{
        "box", OptionKind::Positional, "MAILBOX@CONTEXT; context default if left out"};
    std::vector<Command> commands = voicemail_mail_commands();
    const std::vector<Command> more = {
        {"voicemail box",
         "list",
         "list voicemail boxes and their accounts",
         {{"--account", OptionKind::Value, "only of this account"}},
         list_boxes},
        {"voicemail box",
         "add",
         "say whose account gets the messages of a voicemail box",
         {box, {"account", OptionKind::Positional, "login of the account"}},
         add_box},
        {"voicemail box",
         "remove",
         "forget a voicemail box, and who is told of it",
         {box},
         remove_box},
        {"voicemail waiting", "list", "list who is told of waiting messages", {}, list_subscribers},
        {"voicemail waiting",
         "add",
         "tell somebody of waiting messages after every change",
         {{"box", OptionKind::Positional, "MAILBOX@CONTEXT, or all"},
          {"method", OptionKind::Positional, "hook, webhook or sip"},
          {"target",
           OptionKind::Positional,
           "a program's path, a URL, or sip:USER@ADDRESS:PORT; {mailbox} and {context} are filled "
           "in"}},
         add_subscriber},
        {"voicemail waiting",
         "remove",
         "tell somebody no more",
         {{"id", OptionKind::Positional, "number that `waiting list` shows"}},
         remove_subscriber},
        {"voicemail waiting",
         "show",
         "show how many voicemails wait",
         {{"box", OptionKind::OptionalPositional, "only in this box"}},
         show_waiting},
    };
    commands.insert(commands.end(), more.begin(), more.end());
    return commands;
}

}  // namespace ops
