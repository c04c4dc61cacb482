#include "access/imap/commands.h"
#include "access/imap/list_names.h"

namespace accessd {
namespace {

CommandResult list(ImapSession& session, ImapCommand& command, ListKind kind) {
    const ListArguments arguments = TRY(parse_list(command.arguments));
    const std::string name(command.name);
    if (arguments.is_root) {
        session.send(kind == ListKind::Mailboxes ? "* LIST (\\Noselect) \"/\" \"\"\r\n"
                                                 : "* LSUB (\\Noselect) \"/\" \"\"\r\n");
        return ok(name + " completed");
    }
    const ListPattern pattern = TRY(ListPattern::create(arguments.pattern));
    const std::vector<ListedMailbox> all = TRY(session.store().list(session.account().id));
    std::string out;
    for (const ListLine& line : list_lines(all, pattern, kind)) {
        append_list_line(out, line, kind);
    }
    session.send(out);
    return ok(name + " completed");
}

}  // namespace

// RFC 3501 6.3.8.
CommandResult cmd_list(ImapSession& session, ImapCommand& command) {
    return list(session, command, ListKind::Mailboxes);
}

// RFC 3501 6.3.9.
CommandResult cmd_lsub(ImapSession& session, ImapCommand& command) {
    return list(session, command, ListKind::Subscriptions);
}

}  // namespace accessd
