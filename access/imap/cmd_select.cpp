#include <algorithm>

#include <fmt/core.h>

#include "access/imap/commands.h"

namespace accessd {
namespace {

constexpr std::uint64_t kLargestUid = UINT32_MAX;

std::string describe(const SelectedMailbox& mailbox) {
    std::string out;
    const auto line = std::back_inserter(out);
    const std::string flags = mailbox.flag_names();
    fmt::format_to(line, "* FLAGS {}\r\n", flags);
    if (mailbox.mode() == OpenMode::Select) {
        fmt::format_to(line,
                       "* OK [PERMANENTFLAGS {} \\*)] Flags that are kept\r\n",
                       std::string_view(flags).substr(0, flags.size() - 1));
    } else {
        fmt::format_to(line, "* OK [PERMANENTFLAGS ()] Read-only\r\n");
    }
    fmt::format_to(line, "* {} EXISTS\r\n* {} RECENT\r\n", mailbox.told(), mailbox.count_recent());
    if (const std::uint32_t unseen = mailbox.first_unseen(); unseen != 0) {
        fmt::format_to(line, "* OK [UNSEEN {}] First unseen\r\n", unseen);
    }
    fmt::format_to(line,
                   "* OK [UIDVALIDITY {}] UIDs valid\r\n* OK [UIDNEXT {}] Next UID\r\n",
                   mailbox.uid_validity(),
                   std::min(mailbox.uid_next(), kLargestUid));
    return out;
}

CommandResult open(ImapSession& session, ImapCommand& command, OpenMode mode) {
    const std::string name = TRY(parse_mailbox_argument(command.arguments));
    // Whatever comes of it, the old mailbox is left (RFC 9051 6.3.2).
    session.unselect();
    const MailboxInfo info = TRY(session.store().status(session.account().id, name));
    const MailboxView view = TRY(session.store().open(info.id, mode));
    auto mailbox = std::make_unique<SelectedMailbox>(view, mode);
    session.send(describe(*mailbox));
    session.select(std::move(mailbox));
    return ok(mode == OpenMode::Select ? "[READ-WRITE] SELECT completed"
                                       : "[READ-ONLY] EXAMINE completed");
}

}  // namespace

// RFC 9051 6.3.2.
CommandResult cmd_select(ImapSession& session, ImapCommand& command) {
    return open(session, command, OpenMode::Select);
}

// RFC 9051 6.3.3.
CommandResult cmd_examine(ImapSession& session, ImapCommand& command) {
    return open(session, command, OpenMode::Examine);
}

}  // namespace accessd
