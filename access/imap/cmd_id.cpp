#include "access/imap/commands.h"
#include "base/log.h"

namespace accessd {

// RFC 2971. What a client says of itself is logged and has no other effect (CVE-2026-42391: it is
// bounded like any command before login).
CommandResult cmd_id(ImapSession& session, ImapCommand& command) {
    const IdArguments id = TRY(parse_id(command.arguments));
    base::log::debug("access",
                     "client id",
                     {{"session", session.id()}, {"name", id.name}, {"version", id.version}});
    session.send("* ID (\"name\" \"Roundtable\")\r\n");
    return ok("ID completed");
}

}  // namespace accessd
