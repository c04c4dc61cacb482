#pragma once

// What access servers know of mailboxes: values, as the catalog had them at one moment. A mailbox
// is kept in compact vectors, because a session holds one for hours: 48 octets a message.
//
// Thread rule: values. Limits: kMailboxMessagesMax.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "mail/flags.h"
#include "mail/message_id.h"
#include "mail/uid_set.h"
#include "storage/catalog/ids.h"

namespace storage {

/// HIGHESTMODSEQ moves on by so much when commits were lost or the catalog was rebuilt
/// (schema/README.md): no session sees so many changes.
inline constexpr std::uint64_t kModseqJump = std::uint64_t{1} << 32U;

inline constexpr std::size_t kMailboxMessagesMax = 1'000'000;

/// An account as sign-in needs it.
struct AccountRecord {
    AccountId id{};
    std::string login;          ///< lower case
    std::string password_hash;  ///< crypt(5); empty: cannot sign in
    bool active = false;        ///< false: disabled, cannot sign in
    bool hears_login = false;   ///< a rule of notification asks for Login (session_notes.h)
    bool hears_logout = false;
};

/// The row of a mailbox.
struct MailboxInfo {
    MailboxId id{};
    std::string name;  ///< UTF-8, levels separated by '/'
    std::uint32_t uid_validity = 0;
    std::uint64_t uid_next = 1;  ///< 2^32 when no UID is left
    std::uint64_t highest_modseq = 1;
    std::uint64_t messages = 0;
    std::uint64_t unseen = 0;
    std::uint64_t deleted = 0;  ///< with \Deleted
    std::uint64_t bytes = 0;    ///< sum of RFC822.SIZE
    std::string special_use;    ///< "\Sent" (RFC 6154); empty: none
};

/// A line of LIST and LSUB: a mailbox, or a subscribed name without one (info.id is 0).
struct ListedMailbox {
    MailboxInfo info;
    bool subscribed = false;
};

/// Distinct keyword lists of a mailbox: most messages share a few. Index 0 is the empty list.
using KeywordLists = std::vector<std::vector<std::string>>;

/// A message in a mailbox.
struct MailboxMessage {
    mail::MessageId id;
    std::uint64_t modseq = 0;
    std::int64_t internal_date_us = 0;  ///< microseconds since 1970
    std::uint32_t uid = 0;
    std::uint32_t size = 0;      ///< RFC822.SIZE, octets
    std::uint32_t keywords = 0;  ///< index into the keyword lists that came with it
    mail::Flags flags = mail::Flags::None;
};

static_assert(sizeof(MailboxMessage) <= 48);

/// A mailbox at one moment: all rows are of the MODSEQ that info says.
struct MailboxView {
    MailboxInfo info;
    std::vector<MailboxMessage> messages;  ///< by UID, ascending
    KeywordLists keywords{{}};
    std::uint64_t recent_from = 0;  ///< messages from this UID on are \Recent; 0: not asked for
};

/// What happened to a mailbox after a MODSEQ, up to info.highest_modseq.
struct MailboxChanges {
    MailboxInfo info;
    std::vector<MailboxMessage> messages;  ///< new ones and those with other flags, by UID
    KeywordLists keywords{{}};
    mail::UidSet expunged;
};

/// How STORE changes flags.
enum class FlagChange : std::uint8_t { Add, Remove, Set };

/// What STORE did to one message.
struct StoredFlags {
    enum class Outcome : std::uint8_t {
        Changed,
        Same,      ///< they were so already; its MODSEQ is the old one
        Modified,  ///< its MODSEQ was above UNCHANGEDSINCE; nothing was done to it
    };

    std::uint32_t uid = 0;
    mail::Flags flags = mail::Flags::None;
    std::vector<std::string> keywords;
    std::uint64_t modseq = 0;
    Outcome outcome = Outcome::Changed;
};

/// What EXPUNGE removed.
struct ExpungedMessages {
    mail::UidSet uids;
    std::uint64_t modseq = 0;  ///< of the mailbox since; 0: nothing was removed
};

/// What COPY or MOVE made. `from` and `to` correspond (RFC 4315 3, COPYUID).
struct CopiedMessages {
    std::uint32_t uid_validity = 0;  ///< of the target; 0: nothing was copied
    std::vector<std::uint32_t> from;
    std::vector<std::uint32_t> to;
    std::uint64_t from_modseq = 0;  ///< HIGHESTMODSEQ of the source since
    std::uint64_t to_modseq = 0;
};

}  // namespace storage
