#include "access/imap/commands.h"
#include "access/mailbox_name.h"

namespace accessd {

// RFC 9051 6.3.4. The levels above are made too.
CommandResult cmd_create(ImapSession& session, ImapCommand& command) {
    const std::string name = TRY(parse_mailbox_argument(command.arguments));
    if (!check_new_mailbox_name(name)) {
        return no("[CANNOT] Not a name for a mailbox");
    }
    TRY(session.store().create(session.account().id, name));
    if (NotifyView* view = session.notify_view(); view != nullptr) {
        view->note_created(name);
    }
    return ok("CREATE completed");
}

}  // namespace accessd
