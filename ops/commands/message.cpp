#include <cstdio>
#include <utility>

#include "base/uuid.h"
#include "mail/ascii.h"
#include "ops/commands/commands.h"
#include "ops/json.h"
#include "ops/output.h"

namespace ops {

namespace {

constexpr const char* kTrack =
    "SELECT m.id AS message_id, catalog.kind_name(m.kind) AS kind, m.received_at, "
    "m.server AS accepted_by, m.sender, m.message_size AS size, m.segment_id, "
    "m.frame_offset AS \"offset\", m.frame_length AS length, "
    "(SELECT coalesce(json_agg(json_build_object('storage_server', c.storage_server, 'state', "
    "c.state, 'path', c.path, 'reason', c.reason) ORDER BY c.storage_server), '[]') "
    " FROM report.message_copy c WHERE c.message_id = m.id) AS copies, "
    "(SELECT coalesce(json_agg(json_build_object('storage_server', o.storage_server, 'reason', "
    "o.reason, 'since', o.since)), '[]') "
    " FROM report.copy_owed o WHERE o.segment_id = m.segment_id) AS owed, "
    "(SELECT coalesce(json_agg(json_build_object('recipient', d.recipient, 'account', d.login, "
    "'mailbox', d.mailbox, 'uid', d.uid)), '[]') "
    " FROM report.delivery d WHERE d.message_id = m.id) AS deliveries "
    "FROM catalog.message m WHERE m.id = $1::uuid";

base::Status track_message(CommandContext& context, const Arguments& arguments) {
    const std::string id = arguments.text("message");
    if (!base::Uuid::parse(id)) {
        return base::Error{base::Errc::Invalid,
                           "'" + id +
                               "' is no message id; it is what stands behind 250 in the mail "
                               "server's answer, or find it with `roundtable message find`"};
    }
    return print_one(context,
                     kTrack,
                     {id},
                     "the catalog does not know message " + id +
                         "; if it was acknowledged a moment ago, a tracker is about to add it");
}

base::Status find_messages(CommandContext& context, const Arguments& arguments) {
    const std::int64_t limit = TRY(arguments.integer("--limit", 1, 10000, 20));
    const auto recipient = arguments.optional("--recipient");
    const auto sender = arguments.optional("--sender");
    auto given = [](const std::optional<std::string>& text) {
        return text ? base::Param(normal_name(*text)) : base::Param(nullptr);
    };
    return print_rows(
        context,
        "SELECT d.message_id, d.received_at::timestamptz(0) AS received, d.kind, d.sender, "
        "d.recipient, d.mailbox, d.uid, d.message_size AS size, d.accepted_by "
        "FROM report.delivery d "
        "WHERE ($1::text IS NULL OR lower(d.recipient) = $1 OR d.login = $1) "
        "AND ($2::text IS NULL OR lower(d.sender) = $2) "
        "ORDER BY d.message_id DESC LIMIT $3",
        {given(recipient), given(sender), limit},
        "no messages");
}

base::Result<std::int64_t> account_id(base::Connection& connection, const std::string& login) {
    const base::Rows rows =
        TRY(connection.query("SELECT id FROM directory.account WHERE login = $1", {login}));
    if (rows.empty()) {
        return base::Error{base::Errc::NotFound, "there is no account " + login};
    }
    return rows[0].int64(0);
}

// What an account's mailboxes hold, by the catalog alone: an empty answer means that there is
// nothing, whatever storage servers answer. While the catalog is rebuilt there is no answer.
constexpr const char* kList =
    "SELECT b.name AS mailbox, x.uid, coalesce(catalog.kind_name(m.kind), 'unknown') AS kind, "
    "x.internal_date::timestamptz(0) AS received, m.sender, x.size, "
    "concat_ws(' ', CASE WHEN x.flags & 1 > 0 THEN '\\Seen' END, "
    "CASE WHEN x.flags & 2 > 0 THEN '\\Answered' END, CASE WHEN x.flags & 4 > 0 THEN '\\Flagged' "
    "END, CASE WHEN x.flags & 8 > 0 THEN '\\Deleted' END, CASE WHEN x.flags & 16 > 0 THEN "
    "'\\Draft' END, nullif(array_to_string(x.keywords, ' '), '')) AS flags, "
    "x.message_id FROM catalog.mailbox b JOIN catalog.mailbox_message x ON x.mailbox_id = b.id "
    "LEFT JOIN catalog.message m ON m.id = x.message_id "
    "WHERE b.account_id = $1 AND ($2::text IS NULL OR b.name = $2) "
    "ORDER BY b.name <> 'INBOX', b.name, x.uid LIMIT $3";

base::Status list_messages(CommandContext& context, const Arguments& arguments) {
    const std::int64_t limit = TRY(arguments.integer("--limit", 1, 1'000'000, 10'000));
    base::Connection* connection = TRY(context.db());
    const std::string login = normal_name(arguments.text("account"));
    const std::int64_t account = TRY(account_id(*connection, login));
    (void)TRY(connection->query("SELECT catalog.require_account_whole($1)", {account}));
    base::Param mailbox(nullptr);
    if (auto name = arguments.optional("--mailbox")) {
        if (mail::equal_ignoring_case(*name, "INBOX")) {
            name = "INBOX";
        }
        const base::Rows found = TRY(connection->query(
            "SELECT 1 FROM catalog.mailbox WHERE account_id = $1 AND name = $2", {account, *name}));
        // INBOX is made by the first message: until then it is empty.
        if (found.empty() && *name != "INBOX") {
            return base::Error{base::Errc::NotFound, login + " has no mailbox " + *name};
        }
        mailbox = *name;
    }
    return print_rows(context, kList, {account, mailbox, limit}, "no messages");
}

base::Status list_removed(CommandContext& context, const Arguments& arguments) {
    const std::int64_t limit = TRY(arguments.integer("--limit", 1, 10000, 20));
    base::Connection* connection = TRY(context.db());
    const std::string login = normal_name(arguments.text("--account"));
    const std::int64_t account = TRY(account_id(*connection, login));
    return print_rows(context,
                      "SELECT r.message_id, r.removed_at::timestamptz(0) AS removed, "
                      "r.kept_until::timestamptz(0) AS kept_until, r.mailbox, r.sender, r.size, "
                      "r.received_at::timestamptz(0) AS received "
                      "FROM report.removed_message r WHERE r.account_id = $1 "
                      "ORDER BY r.removed_at DESC, r.message_id DESC LIMIT $2",
                      {account, limit},
                      "nothing that can be restored");
}

base::Status restore_message(CommandContext& context, const Arguments& arguments) {
    const std::string id = arguments.text("message");
    if (!base::Uuid::parse(id)) {
        return base::Error{base::Errc::Invalid,
                           "'" + id +
                               "' is no message id; `roundtable message removed` lists what can be "
                               "restored"};
    }
    base::Connection* connection = TRY(context.db());
    base::Param account(nullptr);
    if (const auto login = arguments.optional("--account")) {
        account = base::Param(TRY(account_id(*connection, normal_name(*login))));
    }
    const auto mailbox = arguments.optional("--mailbox");
    const base::Result<base::Rows> rows = connection->query(
        "SELECT r.mailbox, r.uid, r.over_quota, a.login "
        "FROM catalog.restore_message($1::uuid, $2, $3) r "
        "JOIN directory.account a ON a.id = r.account_id",
        {id, std::move(account), mailbox});
    if (!rows) {
        const std::string& detail = rows.error().detail;
        if (detail.find("RT004") != std::string::npos) {
            return base::Error{base::Errc::NotFound, detail};
        }
        if (detail.find("RT006") != std::string::npos) {
            return base::Error{base::Errc::Refused, detail};
        }
        return rows.error();
    }
    const base::Row row = rows.value()[0];
    if (context.output == Output::Json) {
        const Json all = {{"account", row.string(3)},
                          {"mailbox", row.string(0)},
                          {"uid", row.int64(1)},
                          {"over_quota", row.boolean(2)}};
        std::puts(all.dump().c_str());
        return base::Done{};
    }
    say(context,
        "restored to " + row.string(0) + " of " + row.string(3) + " with UID " +
            std::to_string(row.int64(1)));
    if (row.boolean(2)) {
        say(context, "the account is over its quota now");
    }
    return base::Done{};
}

}  // namespace

std::vector<Command> message_commands() {
    return {{"message",
             "track",
             "show where a message is: segment, copies, copies owed, deliveries",
             {{"message", OptionKind::Positional, "a message id"}},
             track_message},
            {"message",
             "find",
             "list the newest messages",
             {{"--recipient", OptionKind::Value, "address or account"},
              {"--sender", OptionKind::Value, "address of the sender"},
              {"--limit", OptionKind::Value, "lines, 1 to 10000; else 20"}},
             find_messages},
            {"message",
             "list",
             "list the messages of an account",
             {{"account", OptionKind::Positional, "login of the account"},
              {"--mailbox", OptionKind::Value, "only of this mailbox"},
              {"--limit", OptionKind::Value, "lines, 1 to 1000000; else 10000"}},
             list_messages},
            {"message",
             "removed",
             "list what an account has expunged and can be restored, the latest first",
             {{"--account", OptionKind::Value, "login of the account", Required::Yes},
              {"--limit", OptionKind::Value, "lines, 1 to 10000; else 20"}},
             list_removed},
            {"message",
             "restore",
             "put an expunged message back, with a new UID",
             {{"message", OptionKind::Positional, "a message id"},
              {"--account",
               OptionKind::Value,
               "whose; needed if several accounts have removed it, or if that account is gone"},
              {"--mailbox",
               OptionKind::Value,
               "where to; else where it was, or INBOX if that is gone"}},
             restore_message}};
}

}  // namespace ops
