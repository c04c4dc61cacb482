#pragma once

// Mailboxes: what access servers do with accounts and mailboxes, each call one short transaction on
// the database's workers. UIDs, UIDVALIDITY and MODSEQs are the catalog's, so they are the same on
// every access server at once.
//
// Names are UTF-8 with '/' between levels, INBOX in capitals (also as a first level):
// canonical_name() makes them so; IMAP's encodings of them are the caller's business. Messages are
// never read here, see TrackingAgent.
//
// Owner: the daemon; it borrows the pool. Thread rule: from a fiber of any loop, or from a plain
// thread that is no loop.
// Errors of all calls: Timeout, Unavailable, UnknownOutcome (a change may have been made: look
// again), Busy (queue full, or a conflict that may be tried again), Cancelled; and
//   NotFound     no such account or mailbox (it may just have been deleted)
//   Exists       the name is taken
//   Refused      not allowed: INBOX deleted, a name that is no name, mailboxes of two accounts
//   TooLarge     over quota, over kMailboxMessagesMax, too many mailboxes or keywords

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/db.h"
#include "base/result.h"
#include "mail/flags.h"
#include "mail/uid_set.h"
#include "storage/catalog/ids.h"
#include "storage/mailbox/mailbox_view.h"

namespace storage {

/// "inbox/Sub" -> "INBOX/Sub"; other names as they are.
[[nodiscard]] std::string canonical_name(std::string_view name);

/// A hold on an account's maildrop (RFC 1939 4).
struct MaildropLease {
    AccountId account{};
    base::Uuid token;
};

/// See the top of this file.
class Mailboxes {
  public:
    explicit Mailboxes(base::DbPool& pool) noexcept : pool_(pool) {}

    // ---- Accounts.

    /// By login, in any case. NotFound: none.
    [[nodiscard]] base::Result<AccountRecord> find_account(std::string_view login,
                                                           base::Deadline deadline);

    struct Usage {
        std::uint64_t bytes = 0;
        std::uint64_t messages = 0;
        std::optional<std::uint64_t> quota_bytes;
    };

    [[nodiscard]] base::Result<Usage> usage(AccountId account, base::Deadline deadline);

    // ---- Names.

    /// All mailboxes and all subscriptions of an account, by name. INBOX is there.
    [[nodiscard]] base::Result<std::vector<ListedMailbox>> list(AccountId account,
                                                                base::Deadline deadline);

    /// The row of a mailbox by name, for STATUS and before opening. INBOX is made if it is missing.
    [[nodiscard]] base::Result<MailboxInfo> status(AccountId account,
                                                   std::string_view name,
                                                   base::Deadline deadline);

    /// Makes it and the levels above it. `special_use` as in MailboxInfo.
    [[nodiscard]] base::Result<MailboxId> create(AccountId account,
                                                 std::string_view name,
                                                 std::string_view special_use,
                                                 base::Deadline deadline);

    /// With all its messages; mailboxes below it stay.
    [[nodiscard]] base::Status remove(AccountId account,
                                      std::string_view name,
                                      base::Deadline deadline);

    /// With all that is below it. INBOX: its messages move to the new mailbox, INBOX stays, and
    /// nothing below it is renamed (RFC 9051 6.3.6).
    [[nodiscard]] base::Status rename(AccountId account,
                                      std::string_view from,
                                      std::string_view to,
                                      base::Deadline deadline);

    [[nodiscard]] base::Status subscribe(AccountId account,
                                         std::string_view name,
                                         base::Deadline deadline);
    [[nodiscard]] base::Status unsubscribe(AccountId account,
                                           std::string_view name,
                                           base::Deadline deadline);

    // ---- One mailbox.

    enum class Recent : std::uint8_t {
        Take,   ///< SELECT: no later session is told that they are recent
        Leave,  ///< EXAMINE, or nobody asks
    };

    /// The whole mailbox.
    [[nodiscard]] base::Result<MailboxView> open(MailboxId mailbox,
                                                 Recent recent,
                                                 base::Deadline deadline);

    /// What happened after `modseq`. Cheap when nothing did.
    [[nodiscard]] base::Result<MailboxChanges> changes_since(MailboxId mailbox,
                                                             std::uint64_t modseq,
                                                             base::Deadline deadline);

    struct StoreRequest {
        mail::UidSet uids;
        FlagChange change = FlagChange::Add;
        mail::Flags flags = mail::Flags::None;
        std::vector<std::string> keywords;
        std::optional<std::uint64_t> unchanged_since;  ///< RFC 7162 3.1.3
    };

    /// By set operations on what is stored now. UIDs that are not there are passed over.
    [[nodiscard]] base::Result<std::vector<StoredFlags>> store_flags(MailboxId mailbox,
                                                                     const StoreRequest& request,
                                                                     base::Deadline deadline);

    enum class ExpungeWhich : std::uint8_t { Deleted, All };

    /// Removes those of `uids` that have \Deleted, or (POP3) all of them.
    [[nodiscard]] base::Result<ExpungedMessages> expunge(MailboxId mailbox,
                                                         const mail::UidSet& uids,
                                                         ExpungeWhich which,
                                                         base::Deadline deadline);

    /// All or none. UIDs that are not there are passed over.
    [[nodiscard]] base::Result<CopiedMessages> copy(MailboxId from,
                                                    const mail::UidSet& uids,
                                                    MailboxId to,
                                                    base::Deadline deadline);
    [[nodiscard]] base::Result<CopiedMessages> move(MailboxId from,
                                                    const mail::UidSet& uids,
                                                    MailboxId to,
                                                    base::Deadline deadline);

    // ---- The POP3 lock, for all access servers. It lapses, so a server that dies frees it.

    /// Busy: another session holds it.
    [[nodiscard]] base::Result<MaildropLease> lock_maildrop(AccountId account,
                                                            std::string_view holder,
                                                            std::chrono::seconds lease,
                                                            base::Deadline deadline);

    /// Refused: it lapsed and someone else may hold it; delete nothing.
    [[nodiscard]] base::Status renew_maildrop(const MaildropLease& lease,
                                              std::chrono::seconds span,
                                              base::Deadline deadline);
    [[nodiscard]] base::Status release_maildrop(const MaildropLease& lease,
                                                base::Deadline deadline);

  private:
    base::DbPool& pool_;
};

}  // namespace storage
