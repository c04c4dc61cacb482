#include "access/imap/commands.h"

namespace accessd {

// RFC 3501 6.4.6. Set operations on what the catalog has, never on what this session believes; what
// became of the flags is told unless .SILENT asked not to be told what it knows.
CommandResult cmd_store(ImapSession& session, ImapCommand& command) {
    const StoreArguments arguments = TRY(parse_store(command.arguments));
    SelectedMailbox& mailbox = session.mailbox();
    const std::vector<std::uint32_t> indexes = TRY(mailbox.resolve(arguments.set, command.numbers));
    if (mailbox.mode() == OpenMode::Examine) {
        return no("[READ-ONLY] Mailbox is read-only");
    }
    if (indexes.empty()) {
        return ok("STORE completed");
    }
    const FlagRequest request{mailbox.uids_of(indexes), arguments.change, arguments.flags};
    const auto stored = session.store().store_flags(mailbox.id(), request);
    if (!stored) {
        return stored.error().code == base::Errc::TooLarge
                   ? CommandResult(no("[LIMIT] Too many keywords"))
                   : CommandResult(stored.error());
    }
    for (const StoredFlags& now : stored.value()) {
        const std::optional<std::uint32_t> index = mailbox.find(now.uid);
        if (!index) {
            continue;
        }
        mailbox.assume_flags(*index, arguments.change, arguments.flags);
        mailbox.correct_flags(*index, now.flags, now.keywords);
        if (!arguments.silent) {
            mailbox.mark_changed(*index);
        }
    }
    return ok("STORE completed");
}

}  // namespace accessd
