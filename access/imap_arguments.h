#pragma once

// The arguments of the IMAP commands, as values. Pure; each function reads from the cursor, which
// stands behind the command's name, to the end of the command.
//
// Mailbox names are decoded (mailbox_name.h). Errors: Errc::Invalid for the grammar, TooLarge for a
// limit, Refused for a mailbox name that cannot exist (which is NO, not BAD).
// Source: RFC 3501 9, RFC 9051 9.

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "access/imap_cursor.h"
#include "access/imap_fetch_items.h"
#include "base/result.h"
#include "mail/date.h"
#include "mail/flags.h"
#include "mail/uid_set.h"
#include "storage/mailbox/mailbox_view.h"

namespace accessd {

/// The front of every command. `name` as sent; "UID" is followed by the real name.
struct CommandHead {
    std::string_view tag;
    std::string_view name;
};

/// Leaves the cursor behind the name.
[[nodiscard]] base::Result<CommandHead> parse_head(Cursor& cursor);

/// LOGIN, RFC 9051 6.2.3: both in the clear. Never logged.
struct LoginArguments {
    std::string user;
    std::string password;
};

[[nodiscard]] base::Result<LoginArguments> parse_login(Cursor& cursor);

/// AUTHENTICATE. The response is base64 of a password: never logged.
struct AuthenticateArguments {
    std::string mechanism;
    std::optional<std::string> initial_response;  ///< base64 as sent; "=" (empty) is ""
};

/// RFC 9051 6.2.2, with the initial response of RFC 4959.
[[nodiscard]] base::Result<AuthenticateArguments> parse_authenticate(Cursor& cursor);

/// What a base64 text stands for. Strict: padded, no other characters, no stray bits.
[[nodiscard]] base::Result<std::string> decode_base64(std::string_view text);

/// The decoded message of SASL PLAIN. Never logged.
struct PlainResponse {
    std::string authorization;  ///< may be empty
    std::string user;
    std::string password;
};

/// RFC 4616 2: [authzid] NUL authcid NUL passwd, decoded.
[[nodiscard]] base::Result<PlainResponse> parse_plain_response(std::string_view message);

/// SP mailbox, to the end.
[[nodiscard]] base::Result<std::string> parse_mailbox_argument(Cursor& cursor);

[[nodiscard]] base::Result<std::pair<std::string, std::string>> parse_rename(Cursor& cursor);

/// LIST and LSUB, RFC 3501 6.3.8 and 6.3.9.
struct ListArguments {
    std::string pattern;   ///< reference and pattern joined, UTF-8
    bool is_root = false;  ///< the pattern was empty: only the separator is asked for
};

[[nodiscard]] base::Result<ListArguments> parse_list(Cursor& cursor);

/// What STATUS may ask for (RFC 3501 6.3.10), as bits: each is answered once.
enum class StatusItem : std::uint8_t {
    Messages = 1,
    Recent = 2,
    UidNext = 4,
    UidValidity = 8,
    Unseen = 16,
    AppendLimit = 32,  ///< RFC 7889 4
};

/// STATUS: one mailbox and at least one item.
struct StatusArguments {
    std::string mailbox;
    std::uint8_t items = 0;

    [[nodiscard]] bool has(StatusItem item) const {
        return (items & static_cast<std::uint8_t>(item)) != 0;
    }
};

[[nodiscard]] base::Result<StatusArguments> parse_status(Cursor& cursor);

/// FETCH, RFC 3501 6.4.5: `set` in the numbers of the command, UIDs or sequence numbers.
struct FetchArguments {
    mail::SequenceSet set;
    FetchItems items;
};

[[nodiscard]] base::Result<FetchArguments> parse_fetch(Cursor& cursor);

/// STORE, RFC 3501 6.4.6. \Recent is never among the flags.
struct StoreArguments {
    mail::SequenceSet set;
    storage::FlagChange change = storage::FlagChange::Set;
    bool silent = false;
    mail::FlagList flags;
};

[[nodiscard]] base::Result<StoreArguments> parse_store(Cursor& cursor);

/// COPY and MOVE, RFC 3501 6.4.7 and RFC 6851 3.1.
struct CopyArguments {
    mail::SequenceSet set;
    std::string mailbox;
};

[[nodiscard]] base::Result<CopyArguments> parse_copy(Cursor& cursor);

/// UID EXPUNGE, RFC 4315 2.1.
[[nodiscard]] base::Result<mail::SequenceSet> parse_set_argument(Cursor& cursor);

/// RFC 2971 3.3: NIL or a list of names and values; the values are read and dropped, except these
/// two.
struct IdArguments {
    std::string name;
    std::string version;
};

[[nodiscard]] base::Result<IdArguments> parse_id(Cursor& cursor);

/// APPEND up to its message, RFC 3501 6.3.11. No date: now.
struct AppendHead {
    std::string mailbox;
    mail::FlagList flags;
    std::optional<mail::ZonedTime> date;
};

/// What to do with a literal that CommandReader announced at the end of `text`.
enum class LiteralUse : std::uint8_t {
    Argument,  ///< an ordinary string: keep it
    Message,   ///< the message of an APPEND: the session reads it
};

/// The verdict on one literal of plan_literal().
struct LiteralPlan {
    LiteralUse use = LiteralUse::Argument;
    AppendHead append;  ///< for Message
};

/// `text` is the command up to and including "{n}CRLF". An APPEND whose arguments before the
/// message are wrong is an error, told before the message is sent.
[[nodiscard]] base::Result<LiteralPlan> plan_literal(std::string_view text);

}  // namespace accessd
