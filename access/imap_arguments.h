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

struct LoginArguments {
    std::string user;
    std::string password;
};

[[nodiscard]] base::Result<LoginArguments> parse_login(Cursor& cursor);

struct AuthenticateArguments {
    std::string mechanism;
    std::optional<std::string> initial_response;  ///< base64 as sent; "=" (empty) is ""
};

/// RFC 9051 6.2.2, with the initial response of RFC 4959.
[[nodiscard]] base::Result<AuthenticateArguments> parse_authenticate(Cursor& cursor);

/// What a base64 text stands for. Strict: padded, no other characters, no stray bits.
[[nodiscard]] base::Result<std::string> decode_base64(std::string_view text);

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

struct ListArguments {
    std::string pattern;   ///< reference and pattern joined, UTF-8
    bool is_root = false;  ///< the pattern was empty: only the separator is asked for
};

[[nodiscard]] base::Result<ListArguments> parse_list(Cursor& cursor);

enum class StatusItem : std::uint8_t {
    Messages = 1,
    Recent = 2,
    UidNext = 4,
    UidValidity = 8,
    Unseen = 16,
};

struct StatusArguments {
    std::string mailbox;
    std::uint8_t items = 0;

    [[nodiscard]] bool has(StatusItem item) const {
        return (items & static_cast<std::uint8_t>(item)) != 0;
    }
};

[[nodiscard]] base::Result<StatusArguments> parse_status(Cursor& cursor);

struct FetchArguments {
    mail::SequenceSet set;
    FetchItems items;
};

[[nodiscard]] base::Result<FetchArguments> parse_fetch(Cursor& cursor);

struct StoreArguments {
    mail::SequenceSet set;
    storage::FlagChange change = storage::FlagChange::Set;
    bool silent = false;
    mail::FlagList flags;
};

[[nodiscard]] base::Result<StoreArguments> parse_store(Cursor& cursor);

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

struct LiteralPlan {
    LiteralUse use = LiteralUse::Argument;
    AppendHead append;  ///< for Message
};

/// `text` is the command up to and including "{n}CRLF". An APPEND whose arguments before the
/// message are wrong is an error, told before the message is sent.
[[nodiscard]] base::Result<LiteralPlan> plan_literal(std::string_view text);

}  // namespace accessd
