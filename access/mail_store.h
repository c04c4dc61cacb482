#pragma once

// MailStore: accounts, mailboxes and messages as the sessions see them.
//
// The seam between the protocols and the storage room. CatalogStore (catalog_store.h) forwards to
// storage::Mailboxes and storage::TrackingAgent, whose headers say what each call promises; the
// twin in test/support keeps the same promises in memory, so that sessions are tested without a
// database.
//
// Thread rule: from a fiber of the loop that made the store; calls wait, with deadlines of their
// own. Errors: those of the forwarded calls.
//   NotFound     no such account, mailbox or message
//   Exists       the name is taken
//   Refused      not allowed
//   TooLarge     over quota, over a limit
//   Unavailable, Timeout, Busy, UnknownOutcome   nothing may be concluded: never "empty"
//   Corrupt      every copy of a message that could be read is bad
//   Cancelled    shutting down

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/uuid.h"
#include "mail/flags.h"
#include "mail/message_id.h"
#include "mail/summary.h"
#include "mail/uid_set.h"
#include "storage/catalog/ids.h"
#include "storage/mailbox/mailbox_view.h"
#include "storage/mailbox/session_notes.h"

namespace accessd {

using storage::AccountId;
using storage::AccountRecord;
using storage::CopiedMessages;
using storage::ExpungedMessages;
using storage::FlagChange;
using storage::ListedMailbox;
using storage::MailboxChanges;
using storage::MailboxId;
using storage::MailboxInfo;
using storage::MailboxMessage;
using storage::MailboxView;
using storage::StoredFlags;

/// SELECT takes \Recent for itself, EXAMINE leaves it to the next session.
enum class OpenMode : std::uint8_t { Select, Examine };

/// EXPUNGE removes what has \Deleted; POP3 has its own list.
enum class ExpungeWhich : std::uint8_t { Deleted, All };

/// A flag operation on some messages.
struct FlagRequest {
    mail::UidSet uids;
    FlagChange change = FlagChange::Add;
    mail::FlagList flags;
};

/// A message that a client puts into a mailbox.
struct AppendRequest {
    std::string mailbox;
    mail::FlagList flags;
    std::optional<std::int64_t> internal_date_s;  ///< seconds since 1970; none: now
    std::string message;                          ///< octets as sent
};

/// Where it went, for APPENDUID (RFC 4315 3). All 0: stored, but the catalog did not answer in time
/// and will number it later.
struct AppendedMessage {
    std::uint32_t uid_validity = 0;
    std::uint32_t uid = 0;
};

/// Ends the watch when destroyed.
class WatchHandle {
  public:
    virtual ~WatchHandle() = default;
    WatchHandle() = default;
    WatchHandle(const WatchHandle&) = delete;
    WatchHandle& operator=(const WatchHandle&) = delete;
};

/// The lock of a maildrop, for POP3 (RFC 1939 4).
struct MaildropLock {
    AccountId account{};
    base::Uuid token;
};

/// See the top of this file. Outlives every session that borrows it.
class MailStore {
  public:
    using SummaryPtr = std::shared_ptr<const mail::Summary>;
    using MessagePtr = std::shared_ptr<const std::string>;

    virtual ~MailStore() = default;
    MailStore() = default;
    MailStore(const MailStore&) = delete;
    MailStore& operator=(const MailStore&) = delete;

    [[nodiscard]] virtual base::Result<AccountRecord> find_account(std::string_view login) = 0;

    /// All mailboxes and subscriptions, by name; INBOX is among them.
    [[nodiscard]] virtual base::Result<std::vector<ListedMailbox>> list(AccountId account) = 0;
    [[nodiscard]] virtual base::Status subscribe(AccountId account, std::string_view name) = 0;
    [[nodiscard]] virtual base::Status unsubscribe(AccountId account, std::string_view name) = 0;
    [[nodiscard]] virtual base::Status create(AccountId account, std::string_view name) = 0;
    [[nodiscard]] virtual base::Status remove(AccountId account, std::string_view name) = 0;
    [[nodiscard]] virtual base::Status rename(AccountId account,
                                              std::string_view from,
                                              std::string_view to) = 0;
    [[nodiscard]] virtual base::Result<MailboxInfo> status(AccountId account,
                                                           std::string_view name) = 0;

    [[nodiscard]] virtual base::Result<MailboxView> open(MailboxId mailbox, OpenMode mode) = 0;
    [[nodiscard]] virtual base::Result<MailboxChanges> changes(MailboxId mailbox,
                                                               std::uint64_t since_modseq) = 0;
    [[nodiscard]] virtual base::Result<std::vector<StoredFlags>> store_flags(
        MailboxId mailbox, const FlagRequest& request) = 0;
    [[nodiscard]] virtual base::Result<ExpungedMessages> expunge(MailboxId mailbox,
                                                                 const mail::UidSet& uids,
                                                                 ExpungeWhich which) = 0;
    [[nodiscard]] virtual base::Result<CopiedMessages> copy(MailboxId from,
                                                            const mail::UidSet& uids,
                                                            MailboxId to) = 0;
    [[nodiscard]] virtual base::Result<CopiedMessages> move(MailboxId from,
                                                            const mail::UidSet& uids,
                                                            MailboxId to) = 0;

    /// `on_change` runs on the loop of the caller whenever there may be changes; notices may be
    /// lost or groundless.
    [[nodiscard]] virtual std::unique_ptr<WatchHandle> watch(MailboxId mailbox,
                                                             std::function<void()> on_change) = 0;

    /// The same for the names and subscriptions of an account and for the messages of some of its
    /// mailboxes, all of them together.
    [[nodiscard]] virtual std::unique_ptr<WatchHandle> watch_account(
        AccountId account,
        std::span<const MailboxId> mailboxes,
        std::function<void()> on_change) = 0;

    /// Durable as any accepted message when it answers.
    [[nodiscard]] virtual base::Result<AppendedMessage> append(const AccountRecord& account,
                                                               AppendRequest request) = 0;

    /// In the order of `ids`, each with its own result.
    [[nodiscard]] virtual std::vector<base::Result<SummaryPtr>> read_summaries(
        std::span<const mail::MessageId> ids) = 0;
    [[nodiscard]] virtual base::Result<MessagePtr> read_message(const mail::MessageId& id) = 0;

    /// Busy: another session holds it.
    [[nodiscard]] virtual base::Result<MaildropLock> lock_maildrop(AccountId account,
                                                                   std::string_view holder) = 0;
    /// To be called at least every kMaildropRenewal. Refused: it lapsed; delete nothing.
    [[nodiscard]] virtual base::Status renew_maildrop(const MaildropLock& lock) = 0;
    [[nodiscard]] virtual base::Status release_maildrop(const MaildropLock& lock) = 0;

    /// A sign-in, or the end of its session, for who wishes to be told of it. Never waits.
    virtual void note_session(storage::SessionNote note) = 0;
};

}  // namespace accessd
