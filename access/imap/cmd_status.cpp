#include <algorithm>

#include <fmt/core.h>

#include "access/imap/commands.h"
#include "access/mailbox_name.h"

namespace accessd {

// RFC 3501 6.3.10. How many are \Recent is known to the session that took them alone.
CommandResult cmd_status(ImapSession& session, ImapCommand& command) {
    const StatusArguments arguments = TRY(parse_status(command.arguments));
    const MailboxInfo info = TRY(session.store().status(session.account().id, arguments.mailbox));
    const bool selected =
        session.state() == ImapState::Selected && session.mailbox().id() == info.id;
    std::string items;
    const auto add = [&](StatusItem item, std::string_view name, std::uint64_t value) {
        if (arguments.has(item)) {
            fmt::format_to(
                std::back_inserter(items), "{}{} {}", items.empty() ? "" : " ", name, value);
        }
    };
    add(StatusItem::Messages, "MESSAGES", info.messages);
    add(StatusItem::Recent, "RECENT", selected ? session.mailbox().count_recent() : 0);
    add(StatusItem::UidNext, "UIDNEXT", std::min<std::uint64_t>(info.uid_next, UINT32_MAX));
    add(StatusItem::UidValidity, "UIDVALIDITY", info.uid_validity);
    add(StatusItem::Unseen, "UNSEEN", info.unseen);
    add(StatusItem::AppendLimit, "APPENDLIMIT", session.context().settings.append_bytes_max);
    std::string out = "* STATUS ";
    append_mailbox_name(out, arguments.mailbox);
    session.send(out + " (" + items + ")\r\n");
    return ok("STATUS completed");
}

}  // namespace accessd
