#include "access/imap/cmd_sign_in.h"
#include "access/imap/commands.h"

namespace accessd {

// RFC 9051 6.2.3.
CommandResult cmd_login(ImapSession& session, ImapCommand& command) {
    const LoginArguments arguments = TRY(parse_login(command.arguments));
    return sign_in_with(session, arguments.user, arguments.password);
}

}  // namespace accessd
