#include "access/imap/commands.h"

namespace accessd {
namespace {

/// RFC 5465 3.1: what has changed so far is told first, as by NOOP, whatever was wished until now.
base::Status tell_what_gathered(ImapSession& session) {
    if (session.state() != ImapState::Selected) {
        return base::Done{};
    }
    TRY(session.look_for_changes(ImapSession::TakeIn::All));
    session.report(SelectedMailbox::Expunges::Tell, SelectedMailbox::Uids::Include);
    return base::Done{};
}

CommandResult set(ImapSession& session, NotifyArguments arguments) {
    std::unique_ptr<Notifier> notifier = session.make_notifier(std::move(arguments.wishes));
    const base::Status started = notifier->start();
    if (!started && started.error().code == base::Errc::TooLarge) {
        return no("[NOTIFICATIONOVERFLOW] Too many mailboxes to watch");
    }
    TRY(started);
    const base::Status told = tell_what_gathered(session);
    if (!told && told.error().code == base::Errc::NotFound) {
        session.send("* BYE " + ImapSession::farewell(told.error()) + "\r\n");
        session.log_out();
        return no("The selected mailbox is gone");
    }
    TRY(told);
    if (arguments.send_status) {
        std::string out;
        notifier->view().append_statuses(out, session.selected_id());
        session.send(out);
    }
    session.set_notifier(std::move(notifier));
    return ok("NOTIFY completed");
}

}  // namespace

// RFC 5465 3.1.
CommandResult cmd_notify(ImapSession& session, ImapCommand& command) {
    auto parsed = parse_notify(command.arguments);
    if (!parsed && parsed.error().code == base::Errc::TooLarge) {
        return no("[NOTIFICATIONOVERFLOW] Too much for one NOTIFY");
    }
    NotifyArguments arguments = TRY(std::move(parsed));
    if (arguments.unsupported) {
        return no("[BADEVENT (" + notify_event_names() + ")] Not all of these events are offered");
    }
    if (!arguments.is_set) {
        session.set_notifier(session.make_notifier({}));
        return ok("NOTIFY completed");
    }
    return set(session, std::move(arguments));
}

}  // namespace accessd
