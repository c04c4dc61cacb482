#include "access/imap/commands.h"
#include "access/mailbox_name.h"

namespace accessd {

// RFC 3501 6.3.6. The mailbox need not exist: it may be made, or come back, later.
CommandResult cmd_subscribe(ImapSession& session, ImapCommand& command) {
    const std::string name = TRY(parse_mailbox_argument(command.arguments));
    if (!check_new_mailbox_name(name)) {
        return no("[CANNOT] Not a name for a mailbox");
    }
    TRY(session.store().subscribe(session.account().id, name));
    if (NotifyView* view = session.notify_view(); view != nullptr) {
        view->note_subscribed(name, true);
    }
    return ok("SUBSCRIBE completed");
}

// RFC 3501 6.3.7.
CommandResult cmd_unsubscribe(ImapSession& session, ImapCommand& command) {
    const std::string name = TRY(parse_mailbox_argument(command.arguments));
    TRY(session.store().unsubscribe(session.account().id, name));
    if (NotifyView* view = session.notify_view(); view != nullptr) {
        view->note_subscribed(name, false);
    }
    return ok("UNSUBSCRIBE completed");
}

}  // namespace accessd
