#include "access/imap/commands.h"
#include "access/mailbox_name.h"

namespace accessd {

// RFC 9051 6.3.6.
CommandResult cmd_rename(ImapSession& session, ImapCommand& command) {
    const auto [from, to] = TRY(parse_rename(command.arguments));
    if (!check_new_mailbox_name(to)) {
        return no("[CANNOT] Not a name for a mailbox");
    }
    TRY(session.store().rename(session.account().id, from, to));
    if (NotifyView* view = session.notify_view(); view != nullptr) {
        view->note_renamed(from, to);
    }
    return ok("RENAME completed");
}

}  // namespace accessd
