#include "access/imap/commands.h"

namespace accessd {

// NOOP and CHECK, RFC 3501 6.1.2 and 6.4.1. What they are for happens behind every command.
CommandResult cmd_noop(ImapSession& /*session*/, ImapCommand& command) {
    TRY(command.arguments.end());
    return ok("Completed");
}

}  // namespace accessd
