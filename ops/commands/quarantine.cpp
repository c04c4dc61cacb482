#include <cstdio>
#include <utility>

#include "base/uuid.h"
#include "ops/commands/commands.h"
#include "ops/json.h"
#include "ops/output.h"

namespace ops {

namespace {

base::Param domain_of(const Arguments& arguments) {
    const auto domain = arguments.optional("--domain");
    return domain ? base::Param(normal_name(*domain)) : base::Param(nullptr);
}

base::Result<std::string> message_of(const Arguments& arguments) {
    std::string id = arguments.text("message");
    if (!base::Uuid::parse(id)) {
        return base::Error{
            base::Errc::Invalid,
            "'" + id + "' is no message id; `roundtable quarantine list` shows what is held"};
    }
    return id;
}

base::Error not_held(const std::string& id) {
    return {base::Errc::NotFound,
            "the quarantine does not hold message " + id +
                "; it was released, deleted, or is past its retention"};
}

base::Status list_quarantine(CommandContext& context, const Arguments& arguments) {
    const std::int64_t limit = TRY(arguments.integer("--limit", 1, 10000, 20));
    return print_rows(context,
                      "SELECT q.message_id, q.domain, q.received_at::timestamptz(0) AS received, "
                      "q.signature, q.sender, array_to_string(q.recipients, ', ') AS recipients, "
                      "q.message_size AS size, q.kept_until::timestamptz(0) AS kept_until "
                      "FROM report.quarantine q WHERE $1::text IS NULL OR q.domain = $1 "
                      "ORDER BY q.message_id DESC, q.domain LIMIT $2",
                      {domain_of(arguments), limit},
                      "nothing is held in quarantine");
}

base::Status show_quarantine(CommandContext& context, const Arguments& arguments) {
    const std::string id = TRY(message_of(arguments));
    return print_one(
        context,
        "SELECT s.message_id, s.kind, s.received_at, s.accepted_by, s.sender, "
        "s.message_size AS size, s.verdict, s.signature, s.scanner, s.quarantine, "
        "(SELECT coalesce(json_agg(json_build_object('domain', q.domain, 'recipients', "
        "q.recipients, 'kept_until', q.kept_until) ORDER BY q.domain), '[]') "
        " FROM report.quarantine q WHERE q.message_id = s.message_id) AS held, "
        "(SELECT coalesce(json_agg(json_build_object('at', e.at, 'what', e.kind, 'author', "
        "e.detail ->> 'author') ORDER BY e.at), '[]') "
        " FROM directory.event e WHERE e.subject = s.message_id::text "
        " AND e.kind LIKE 'quarantine\\_%') AS history, "
        "(SELECT coalesce(json_agg(json_build_object('storage_server', c.storage_server, 'state', "
        "c.state) ORDER BY c.storage_server), '[]') "
        " FROM report.message_copy c WHERE c.message_id = s.message_id) AS copies "
        "FROM report.scan s WHERE s.message_id = $1::uuid AND s.quarantine <> 'never'",
        {id},
        "message " + id + " was never in quarantine");
}

base::Status release_message(CommandContext& context, const Arguments& arguments) {
    const std::string id = TRY(message_of(arguments));
    base::Connection* connection = TRY(context.db());
    const base::Result<base::Rows> rows = connection->query(
        "SELECT r.recipient, r.mailbox, r.uid "
        "FROM catalog.release_quarantined($1::uuid, $2, $3) r ORDER BY r.recipient",
        {id, domain_of(arguments), current_author()});
    if (!rows) {
        return rows.error().detail.find("RT004") != std::string::npos ? not_held(id) : rows.error();
    }
    if (context.output == Output::Json) {
        Json all = Json::array();
        for (const base::Row row : rows.value()) {
            all.push_back(
                {{"recipient", row.string(0)}, {"mailbox", row.string(1)}, {"uid", row.int64(2)}});
        }
        std::puts(all.dump().c_str());
        return base::Done{};
    }
    for (const base::Row row : rows.value()) {
        say(context,
            "released to " + row.string(1) + " of " + row.string(0) + " with UID " +
                std::to_string(row.int64(2)));
    }
    if (rows.value().empty()) {
        say(context, "released; everybody it was for had it already");
    }
    return base::Done{};
}

base::Status delete_message(CommandContext& context, const Arguments& arguments) {
    const std::string id = TRY(message_of(arguments));
    base::Connection* connection = TRY(context.db());
    const base::Result<base::Rows> rows =
        connection->query("SELECT catalog.delete_quarantined($1::uuid, $2, $3)",
                          {id, domain_of(arguments), current_author()});
    if (!rows) {
        return rows.error().detail.find("RT004") != std::string::npos ? not_held(id) : rows.error();
    }
    say(context, "deleted message " + id + " from the quarantine; it cannot be restored");
    return base::Done{};
}

}  // namespace

std::vector<Command> quarantine_commands() {
    const OptionSpec message{"message", OptionKind::Positional, "a message id"};
    const OptionSpec domain{"--domain", OptionKind::Value, "only what is held for this domain"};
    return {{"quarantine",
             "list",
             "list infected mail that is held, the newest first",
             {domain, {"--limit", OptionKind::Value, "lines, 1 to 10000; else 20"}},
             list_quarantine},
            {"quarantine",
             "show",
             "show what is known of a message that is or was in quarantine",
             {message},
             show_quarantine},
            {"quarantine",
             "release",
             "deliver a quarantined message to whom it was for, once, with new UIDs",
             {message, domain},
             release_message},
            {"quarantine",
             "delete",
             "remove a message from the quarantine for good",
             {message, domain},
             delete_message}};
}

}  // namespace ops
