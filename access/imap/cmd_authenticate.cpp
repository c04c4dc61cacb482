#include "access/imap/cmd_sign_in.h"
#include "access/imap/commands.h"
#include "access/imap_chars.h"

namespace accessd {

// RFC 9051 6.2.2 with SASL PLAIN (RFC 4616); initial response by RFC 4959.
CommandResult cmd_authenticate(ImapSession& session, ImapCommand& command) {
    AuthenticateArguments arguments = TRY(parse_authenticate(command.arguments));
    if (!equals_ignoring_case(arguments.mechanism, "PLAIN")) {
        return no("[CANNOT] No such mechanism");
    }
    if (!may_take_password(session.context().settings, session.stream())) {
        return no("[PRIVACYREQUIRED] Encryption is required to sign in");
    }
    if (!arguments.initial_response) {
        arguments.initial_response = TRY(session.ask("+ \r\n"));
        if (*arguments.initial_response == "*") {
            return bad("AUTHENTICATE cancelled");
        }
    }
    const std::string message = TRY(decode_base64(*arguments.initial_response));
    const PlainResponse plain = TRY(parse_plain_response(message));
    if (!plain.authorization.empty() && !equals_ignoring_case(plain.authorization, plain.user)) {
        return no("[AUTHORIZATIONFAILED] Not allowed to act for another");
    }
    return sign_in_with(session, plain.user, plain.password);
}

}  // namespace accessd
