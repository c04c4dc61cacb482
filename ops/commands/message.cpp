#include "base/uuid.h"
#include "ops/commands/commands.h"
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
             find_messages}};
}

}  // namespace ops
