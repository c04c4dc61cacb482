#include "access/imap/commands.h"

#include <array>

#include "access/imap_chars.h"

namespace accessd {
namespace {

constexpr std::uint8_t kBefore = static_cast<std::uint8_t>(ImapState::NotAuthenticated);
constexpr std::uint8_t kSelected = static_cast<std::uint8_t>(ImapState::Selected);
constexpr std::uint8_t kAfter = static_cast<std::uint8_t>(ImapState::Authenticated) | kSelected;
constexpr std::uint8_t kAny = kBefore | kAfter;

constexpr bool kNoUid = false;
constexpr bool kUid = true;

constexpr std::array<CommandRule, 29> kCommands = {{
    {"APPEND", cmd_append, kAfter, AfterCommand::LookAndTell, kNoUid},
    {"AUTHENTICATE", cmd_authenticate, kBefore, AfterCommand::Nothing, kNoUid},
    {"CAPABILITY", cmd_capability, kAny, AfterCommand::Tell, kNoUid},
    {"CHECK", cmd_noop, kSelected, AfterCommand::LookAndTell, kNoUid},
    {"CLOSE", cmd_close, kSelected, AfterCommand::Nothing, kNoUid},
    {"COPY", cmd_copy, kSelected, AfterCommand::Tell, kUid},
    {"CREATE", cmd_create, kAfter, AfterCommand::Tell, kNoUid},
    {"DELETE", cmd_delete, kAfter, AfterCommand::Tell, kNoUid},
    {"EXAMINE", cmd_examine, kAfter, AfterCommand::Nothing, kNoUid},
    {"EXPUNGE", cmd_expunge, kSelected, AfterCommand::Tell, kUid},
    {"FETCH", cmd_fetch, kSelected, AfterCommand::HoldExpunges, kUid},
    {"ID", cmd_id, kAny, AfterCommand::Tell, kNoUid},
    {"IDLE", cmd_idle, kAfter, AfterCommand::Nothing, kNoUid},
    {"LIST", cmd_list, kAfter, AfterCommand::Tell, kNoUid},
    {"LOGIN", cmd_login, kBefore, AfterCommand::Nothing, kNoUid},
    {"LOGOUT", cmd_logout, kAny, AfterCommand::Nothing, kNoUid},
    {"LSUB", cmd_lsub, kAfter, AfterCommand::Tell, kNoUid},
    {"MOVE", cmd_move, kSelected, AfterCommand::Tell, kUid},
    {"NAMESPACE", cmd_namespace, kAfter, AfterCommand::Tell, kNoUid},
    {"NOOP", cmd_noop, kAny, AfterCommand::LookAndTell, kNoUid},
    {"NOTIFY", cmd_notify, kAfter, AfterCommand::Nothing, kNoUid},
    {"RENAME", cmd_rename, kAfter, AfterCommand::Tell, kNoUid},
    {"SEARCH", cmd_search, kSelected, AfterCommand::HoldExpunges, kUid},
    {"SELECT", cmd_select, kAfter, AfterCommand::Nothing, kNoUid},
    {"STATUS", cmd_status, kAfter, AfterCommand::Tell, kNoUid},
    {"STORE", cmd_store, kSelected, AfterCommand::HoldExpunges, kUid},
    {"SUBSCRIBE", cmd_subscribe, kAfter, AfterCommand::Tell, kNoUid},
    {"UNSELECT", cmd_unselect, kSelected, AfterCommand::Nothing, kNoUid},
    {"UNSUBSCRIBE", cmd_unsubscribe, kAfter, AfterCommand::Tell, kNoUid},
}};

}  // namespace

const CommandRule* find_command(std::string_view name) {
    for (const CommandRule& rule : kCommands) {
        if (equals_ignoring_case(rule.name, name)) {
            return &rule;
        }
    }
    return nullptr;
}

}  // namespace accessd
