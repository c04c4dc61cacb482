#include "access/imap/commands.h"

namespace accessd {

// RFC 9051 6.1.3.
CommandResult cmd_logout(ImapSession& session, ImapCommand& command) {
    TRY(command.arguments.end());
    session.send("* BYE Logging out\r\n");
    session.log_out();
    return ok("LOGOUT completed");
}

}  // namespace accessd
