#include "access/imap/commands.h"

namespace accessd {
namespace {

constexpr mail::UidRange kAllUids{1, UINT32_MAX};

}  // namespace

// RFC 9051 6.4.1: expunges without a word, unless the mailbox is read-only.
CommandResult cmd_close(ImapSession& session, ImapCommand& command) {
    TRY(command.arguments.end());
    if (session.mailbox().mode() == OpenMode::Select) {
        mail::UidSet all;
        all.add_range(kAllUids);
        const auto expunged =
            session.store().expunge(session.mailbox().id(), all, ExpungeWhich::Deleted);
        if (!expunged && expunged.error().code != base::Errc::NotFound) {
            return expunged.error();
        }
        if (expunged) {
            session.mailbox().bury(expunged.value().uids);  // not told, but known
        }
    }
    session.unselect();
    return ok("CLOSE completed");
}

// RFC 9051 6.4.2.
CommandResult cmd_unselect(ImapSession& session, ImapCommand& command) {
    TRY(command.arguments.end());
    session.unselect();
    return ok("UNSELECT completed");
}

}  // namespace accessd
