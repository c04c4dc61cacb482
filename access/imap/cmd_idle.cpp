#include "access/imap/commands.h"
#include "access/imap_chars.h"
#include "access/limits.h"

namespace accessd {
namespace {

/// Tells what there is to tell; the catalog being away is no reason to end the wait.
base::Status tell_news(ImapSession& session) {
    if (session.state() != ImapState::Selected) {
        return base::Done{};
    }
    const base::Status looked = session.look_for_changes();
    if (!looked && (looked.error().code == base::Errc::NotFound ||
                    looked.error().code == base::Errc::Cancelled)) {
        return looked.error();
    }
    session.report(SelectedMailbox::Expunges::Tell, SelectedMailbox::Uids::Omit);
    return base::Done{};
}

/// Until the client sends something.
base::Status wait_and_tell(ImapSession& session) {
    const base::Deadline end = base::Deadline::after(kImapIdleTimeout);
    session.stream().release_buffers();
    while (!session.is_broken()) {
        const base::Deadline look = base::Deadline::after(kIdlePoll).sooner(end);
        const base::Result<bool> client = session.wait_for_news(look);
        if (!client && (client.error().code != base::Errc::Timeout || end.passed())) {
            return client.error();
        }
        if (client && client.value()) {
            return base::Done{};
        }
        TRY(tell_news(session));
        session.stream().release_buffers();
    }
    return base::Error{base::Errc::Closed, "client is gone"};
}

}  // namespace

// RFC 2177.
CommandResult cmd_idle(ImapSession& session, ImapCommand& command) {
    TRY(command.arguments.end());
    session.send("+ idling\r\n");
    const base::Status first = tell_news(session);
    const base::Status waited = first ? wait_and_tell(session) : first;
    if (!waited) {
        if (waited.error().code == base::Errc::NotFound) {
            session.send("* BYE " + ImapSession::farewell(waited.error()) + "\r\n");
            session.log_out();
            return ok("IDLE terminated");
        }
        if (waited.error().code == base::Errc::Timeout) {
            session.send("* BYE Idle for too long\r\n");
            session.log_out();
            return ok("IDLE terminated");
        }
        return waited.error();
    }
    const std::string line = TRY(session.read_line(base::Deadline::after(std::chrono::minutes(1))));
    if (!equals_ignoring_case(line, "DONE")) {
        return bad("Expected DONE");
    }
    return ok("IDLE terminated");
}

}  // namespace accessd
