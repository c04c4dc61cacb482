#include "access/imap/commands.h"

namespace accessd {

// RFC 9051 6.3.5. Mailboxes below it stay, and the name then stands for a level without mailbox.
CommandResult cmd_delete(ImapSession& session, ImapCommand& command) {
    const std::string name = TRY(parse_mailbox_argument(command.arguments));
    std::optional<MailboxId> selected;
    if (session.state() == ImapState::Selected) {
        const MailboxInfo info = TRY(session.store().status(session.account().id, name));
        selected = info.id == session.mailbox().id() ? std::optional(info.id) : std::nullopt;
    }
    TRY(session.store().remove(session.account().id, name));
    if (selected) {
        session.unselect();
    }
    if (NotifyView* view = session.notify_view(); view != nullptr) {
        view->note_removed(name);
    }
    return ok("DELETE completed");
}

}  // namespace accessd
