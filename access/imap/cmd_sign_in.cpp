#include "access/imap/cmd_sign_in.h"

#include <fmt/core.h>

#include "base/log.h"

namespace accessd {

CommandResult sign_in_with(ImapSession& session, std::string_view user, std::string_view password) {
    if (!may_take_password(session.context().settings, session.stream())) {
        return no("[PRIVACYREQUIRED] Encryption is required to sign in");
    }
    base::Result<AccountRecord> account =
        session.context().sign_in.verify(user, password, session.stream().peer().address());
    if (account) {
        session.sign_in(std::move(account).take_value());
        return ok(fmt::format("[CAPABILITY {}] Signed in", session.capabilities()));
    }
    const base::Error& error = account.error();
    if (error.code == base::Errc::Refused || error.code == base::Errc::Busy) {
        base::log::info("access",
                        "sign-in refused",
                        {{"session", session.id()},
                         {"peer", session.stream().peer().to_text()},
                         {"user", user},
                         {"error", error}});
    }
    if (error.code != base::Errc::Refused) {
        return error;
    }
    if (session.count_failed_sign_in()) {
        session.send("* BYE Too many failed sign-ins\r\n");
        session.log_out();
    }
    return no("[AUTHENTICATIONFAILED] Name or password wrong");
}

}  // namespace accessd
