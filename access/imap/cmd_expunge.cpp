#include "access/imap/commands.h"

namespace accessd {

// RFC 9051 6.4.3, and UID EXPUNGE (6.4.9), which touches no message that its set does not name.
CommandResult cmd_expunge(ImapSession& session, ImapCommand& command) {
    SelectedMailbox& mailbox = session.mailbox();
    mail::UidSet uids;
    if (command.numbers == Numbers::Uid) {
        const mail::SequenceSet set = TRY(parse_set_argument(command.arguments));
        const std::vector<std::uint32_t> indexes = TRY(mailbox.resolve(set, Numbers::Uid));
        uids = mailbox.uids_of(indexes);
    } else {
        TRY(command.arguments.end());
        uids.add_range({1, UINT32_MAX});
    }
    if (mailbox.mode() == OpenMode::Examine) {
        return no("[READ-ONLY] Mailbox is read-only");
    }
    if (!uids.empty()) {
        const ExpungedMessages expunged =
            TRY(session.store().expunge(mailbox.id(), uids, ExpungeWhich::Deleted));
        mailbox.bury(expunged.uids);
    }
    return ok("EXPUNGE completed");
}

}  // namespace accessd
