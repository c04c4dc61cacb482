#include "access/imap/commands.h"
#include "access/imap_chars.h"
#include "access/limits.h"

namespace accessd {
namespace {

using Look = ImapSession::Look;

constexpr auto kTell = SelectedMailbox::Expunges::Tell;

/// Until the client sends something.
base::Status wait_and_tell(ImapSession& session) {
    const base::Deadline end = base::Deadline::after(kImapIdleTimeout);
    session.stream().release_buffers();
    while (!session.is_broken()) {
        const base::Deadline poll = base::Deadline::after(kIdlePoll);
        const base::Deadline look = poll.sooner(end).sooner(session.next_look());
        const base::Result<bool> client = session.wait_for_news(look);
        if (!client && (client.error().code != base::Errc::Timeout || end.passed())) {
            return client.error();
        }
        if (client && client.value()) {
            return base::Done{};
        }
        TRY(session.tell_news(kTell, poll.passed() ? Look::Now : Look::IfNotified));
        session.stream().release_buffers();
    }
    return base::Error{base::Errc::Closed, "client is gone"};
}

}  // namespace

// RFC 2177; with NOTIFY it tells what NOTIFY asked for (RFC 5465 4).
CommandResult cmd_idle(ImapSession& session, ImapCommand& command) {
    TRY(command.arguments.end());
    session.send("+ idling\r\n");
    const base::Status first = session.tell_news(kTell, Look::Now);
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
