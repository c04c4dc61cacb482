#pragma once

// CatalogStore: the MailStore of the daemon. It forwards to the storage room and adds the
// deadlines.
//
// Owner: the daemon; borrows what it is made of. Thread rule: from a fiber of any loop. Errors: as
// mail_store.h says.

#include "access/mail_store.h"
#include "storage/mailbox/mailbox_watch.h"
#include "storage/mailbox/mailboxes.h"
#include "storage/mailbox/session_notes.h"
#include "storage/tracking/agent.h"

namespace accessd {

class CatalogStore final : public MailStore {
  public:
    CatalogStore(storage::Mailboxes& mailboxes,
                 storage::TrackingAgent& agent,
                 storage::MailboxWatch& mailbox_watch,
                 storage::SessionNotes& session_notes) noexcept
        : mailboxes_(mailboxes),
          agent_(agent),
          mailbox_watch_(mailbox_watch),
          session_notes_(session_notes) {}

    [[nodiscard]] base::Result<AccountRecord> find_account(std::string_view login) override;
    [[nodiscard]] base::Result<std::vector<ListedMailbox>> list(AccountId account) override;
    [[nodiscard]] base::Status subscribe(AccountId account, std::string_view name) override;
    [[nodiscard]] base::Status unsubscribe(AccountId account, std::string_view name) override;
    [[nodiscard]] base::Status create(AccountId account, std::string_view name) override;
    [[nodiscard]] base::Status remove(AccountId account, std::string_view name) override;
    [[nodiscard]] base::Status rename(AccountId account,
                                      std::string_view from,
                                      std::string_view to) override;
    [[nodiscard]] base::Result<MailboxInfo> status(AccountId account,
                                                   std::string_view name) override;
    [[nodiscard]] base::Result<MailboxView> open(MailboxId mailbox, OpenMode mode) override;
    [[nodiscard]] base::Result<MailboxChanges> changes(MailboxId mailbox,
                                                       std::uint64_t since_modseq) override;
    [[nodiscard]] base::Result<std::vector<StoredFlags>> store_flags(
        MailboxId mailbox, const FlagRequest& request) override;
    [[nodiscard]] base::Result<ExpungedMessages> expunge(MailboxId mailbox,
                                                         const mail::UidSet& uids,
                                                         ExpungeWhich which) override;
    [[nodiscard]] base::Result<CopiedMessages> copy(MailboxId from,
                                                    const mail::UidSet& uids,
                                                    MailboxId to) override;
    [[nodiscard]] base::Result<CopiedMessages> move(MailboxId from,
                                                    const mail::UidSet& uids,
                                                    MailboxId to) override;
    [[nodiscard]] std::unique_ptr<WatchHandle> watch(MailboxId mailbox,
                                                     std::function<void()> on_change) override;
    [[nodiscard]] std::unique_ptr<WatchHandle> watch_account(
        AccountId account,
        std::span<const MailboxId> mailboxes,
        std::function<void()> on_change) override;
    [[nodiscard]] base::Result<AppendedMessage> append(const AccountRecord& account,
                                                       AppendRequest request) override;
    [[nodiscard]] std::vector<base::Result<SummaryPtr>> read_summaries(
        std::span<const mail::MessageId> ids) override;
    [[nodiscard]] base::Result<MessagePtr> read_message(const mail::MessageId& id) override;
    [[nodiscard]] base::Result<MaildropLock> lock_maildrop(AccountId account,
                                                           std::string_view holder) override;
    [[nodiscard]] base::Status renew_maildrop(const MaildropLock& lock) override;
    [[nodiscard]] base::Status release_maildrop(const MaildropLock& lock) override;
    void note_session(storage::SessionNote note) override;

  private:
    storage::Mailboxes& mailboxes_;
    storage::TrackingAgent& agent_;
    storage::MailboxWatch& mailbox_watch_;
    storage::SessionNotes& session_notes_;
};

}  // namespace accessd
