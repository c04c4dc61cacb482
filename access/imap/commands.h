#pragma once

// The commands of IMAP, each in the file of its name, and the table that says when each is allowed.
//
// A command reads its arguments, sends its untagged responses, and returns the tagged end. An Error
// is turned into one by reply_for(). It does not report changes of the mailbox: the session does
// that behind it, as the rule says.
//
// Thread rule: the fiber of the session.

#include <cstdint>
#include <string_view>

#include "access/imap/session.h"

namespace accessd {

/// What may be said of the mailbox at the end of a command (RFC 3501 7.4.1, 5.5).
enum class AfterCommand : std::uint8_t {
    Nothing,       ///< it changed or left the mailbox itself
    HoldExpunges,  ///< what is known, without EXPUNGE; its UID form may say EXPUNGE
    Tell,          ///< what is known
    LookAndTell,   ///< ask the catalog first: what NOOP is for
};

/// One row of the table of commands: its name, its code, the states in which it is allowed and what
/// is said behind it. Immutable.
struct CommandRule {
    std::string_view name;
    CommandResult (*run)(ImapSession& session, ImapCommand& command) = nullptr;
    std::uint8_t states = 0;  ///< set of ImapState
    AfterCommand after = AfterCommand::Nothing;
    bool has_uid_form = false;

    [[nodiscard]] bool allowed_in(ImapState state) const {
        return (states & static_cast<std::uint8_t>(state)) != 0;
    }
};

/// By name in any case; null: unknown.
[[nodiscard]] const CommandRule* find_command(std::string_view name);

CommandResult cmd_append(ImapSession& session, ImapCommand& command);
CommandResult cmd_authenticate(ImapSession& session, ImapCommand& command);
CommandResult cmd_capability(ImapSession& session, ImapCommand& command);
CommandResult cmd_close(ImapSession& session, ImapCommand& command);
CommandResult cmd_copy(ImapSession& session, ImapCommand& command);
CommandResult cmd_create(ImapSession& session, ImapCommand& command);
CommandResult cmd_delete(ImapSession& session, ImapCommand& command);
CommandResult cmd_examine(ImapSession& session, ImapCommand& command);
CommandResult cmd_expunge(ImapSession& session, ImapCommand& command);
CommandResult cmd_fetch(ImapSession& session, ImapCommand& command);
CommandResult cmd_id(ImapSession& session, ImapCommand& command);
CommandResult cmd_idle(ImapSession& session, ImapCommand& command);
CommandResult cmd_list(ImapSession& session, ImapCommand& command);
CommandResult cmd_login(ImapSession& session, ImapCommand& command);
CommandResult cmd_logout(ImapSession& session, ImapCommand& command);
CommandResult cmd_lsub(ImapSession& session, ImapCommand& command);
CommandResult cmd_move(ImapSession& session, ImapCommand& command);
CommandResult cmd_namespace(ImapSession& session, ImapCommand& command);
CommandResult cmd_noop(ImapSession& session, ImapCommand& command);
CommandResult cmd_notify(ImapSession& session, ImapCommand& command);
CommandResult cmd_rename(ImapSession& session, ImapCommand& command);
CommandResult cmd_search(ImapSession& session, ImapCommand& command);
CommandResult cmd_select(ImapSession& session, ImapCommand& command);
CommandResult cmd_status(ImapSession& session, ImapCommand& command);
CommandResult cmd_store(ImapSession& session, ImapCommand& command);
CommandResult cmd_subscribe(ImapSession& session, ImapCommand& command);
CommandResult cmd_unselect(ImapSession& session, ImapCommand& command);
CommandResult cmd_unsubscribe(ImapSession& session, ImapCommand& command);

}  // namespace accessd
