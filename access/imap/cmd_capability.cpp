#include <fmt/core.h>

#include "access/imap/commands.h"

namespace accessd {

// RFC 9051 6.1.1.
CommandResult cmd_capability(ImapSession& session, ImapCommand& command) {
    TRY(command.arguments.end());
    session.send(fmt::format("* CAPABILITY {}\r\n", session.capabilities()));
    return ok("CAPABILITY completed");
}

}  // namespace accessd
