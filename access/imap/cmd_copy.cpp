#include <fmt/core.h>

#include "access/imap/commands.h"

namespace accessd {
namespace {

/// RFC 4315 4: sets in the order in which they correspond. Both ascend, so that sets will do.
std::string copy_uid(const CopiedMessages& copied) {
    mail::UidSet from;
    mail::UidSet to;
    for (const std::uint32_t uid : copied.from) {
        from.add(uid);
    }
    for (const std::uint32_t uid : copied.to) {
        to.add(uid);
    }
    return fmt::format("[COPYUID {} {} {}]", copied.uid_validity, from.text(), to.text());
}

Reply refusal(const base::Error& error) {
    return error.code == base::Errc::TooLarge ? no("[OVERQUOTA] Over quota") : reply_for(error);
}

struct Target {
    mail::UidSet uids;
    std::string name;
    MailboxId mailbox{};
    std::optional<Reply> refusal;
};

base::Result<Target> find_target(ImapSession& session, ImapCommand& command) {
    const CopyArguments arguments = TRY(parse_copy(command.arguments));
    SelectedMailbox& mailbox = session.mailbox();
    Target target;
    target.uids = mailbox.uids_of(TRY(mailbox.resolve(arguments.set, command.numbers)));
    const auto info = session.store().status(session.account().id, arguments.mailbox);
    if (!info) {
        if (info.error().code != base::Errc::NotFound) {
            return info.error();
        }
        target.refusal = no("[TRYCREATE] No such mailbox");
        return target;
    }
    target.name = arguments.mailbox;
    target.mailbox = info.value().id;
    return target;
}

}  // namespace

// RFC 9051 6.4.7: all messages or none. Messages that are gone are left out.
CommandResult cmd_copy(ImapSession& session, ImapCommand& command) {
    const Target target = TRY(find_target(session, command));
    if (target.refusal) {
        return *target.refusal;
    }
    if (target.uids.empty()) {
        return ok("COPY completed, nothing to copy");
    }
    const auto copied = session.store().copy(session.mailbox().id(), target.uids, target.mailbox);
    if (!copied) {
        return refusal(copied.error());
    }
    if (copied.value().from.empty()) {
        return ok("COPY completed, nothing to copy");
    }
    session.note_copied(target.name, copied.value());
    return ok(copy_uid(copied.value()) + " COPY completed");
}

// RFC 6851 3: COPYUID before the EXPUNGE responses, which the session sends behind the command.
CommandResult cmd_move(ImapSession& session, ImapCommand& command) {
    const Target target = TRY(find_target(session, command));
    if (target.refusal) {
        return *target.refusal;
    }
    SelectedMailbox& mailbox = session.mailbox();
    if (mailbox.mode() == OpenMode::Examine) {
        return no("[READ-ONLY] Mailbox is read-only");
    }
    if (target.uids.empty()) {
        return ok("MOVE completed, nothing to move");
    }
    const auto moved = session.store().move(mailbox.id(), target.uids, target.mailbox);
    if (!moved) {
        return refusal(moved.error());
    }
    if (moved.value().from.empty()) {
        return ok("MOVE completed, nothing to move");
    }
    session.send("* OK " + copy_uid(moved.value()) + " Moved\r\n");
    session.note_copied(target.name, moved.value());
    mail::UidSet gone;
    for (const std::uint32_t uid : moved.value().from) {
        gone.add(uid);
    }
    mailbox.bury(gone);
    return ok("MOVE completed");
}

}  // namespace accessd
