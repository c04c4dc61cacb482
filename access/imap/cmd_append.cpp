#include <fmt/core.h>

#include "access/imap/commands.h"

namespace accessd {
namespace {

Reply refusal(const base::Error& error) {
    switch (error.code) {
        case base::Errc::NotFound:
            return no("[TRYCREATE] No such mailbox");
        case base::Errc::Refused:
            return no("[OVERQUOTA] Over quota");
        case base::Errc::TooLarge:
            return no("[TOOBIG] Message too big");
        default:
            return reply_for(error);
    }
}

}  // namespace

// RFC 9051 6.3.12. The session has read the message and its arguments already.
CommandResult cmd_append(ImapSession& session, ImapCommand& command) {
    std::optional<ImapSession::PendingAppend> pending = session.take_append();
    // After the literal nothing may come: "{5}CRLF" is the end of the text.
    if (!pending || !command.arguments.rest().ends_with("\r\n")) {
        return base::Error{base::Errc::Invalid, "APPEND"};
    }
    if (pending->message.find('\0') != std::string::npos) {
        return no("[CANNOT] NUL in a message");
    }
    AppendRequest request;
    request.mailbox = std::move(pending->head.mailbox);
    request.flags = std::move(pending->head.flags);
    if (pending->head.date) {
        request.internal_date_s = pending->head.date->unix_seconds;
    }
    request.message = std::move(pending->message);
    const std::string mailbox = request.mailbox;
    const auto appended = session.store().append(session.account(), std::move(request));
    if (!appended) {
        if (appended.error().code == base::Errc::Cancelled) {
            return appended.error();
        }
        return refusal(appended.error());
    }
    const AppendedMessage& where = appended.value();
    if (where.uid == 0) {
        return ok("APPEND completed");
    }
    session.note_appended(mailbox, where);
    return ok(fmt::format("[APPENDUID {} {}] APPEND completed", where.uid_validity, where.uid));
}

}  // namespace accessd
