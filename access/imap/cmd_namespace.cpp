#include "access/imap/commands.h"

namespace accessd {

// RFC 2342: one personal namespace without prefix, no others.
CommandResult cmd_namespace(ImapSession& session, ImapCommand& command) {
    TRY(command.arguments.end());
    session.send("* NAMESPACE ((\"\" \"/\")) NIL NIL\r\n");
    return ok("NAMESPACE completed");
}

}  // namespace accessd
