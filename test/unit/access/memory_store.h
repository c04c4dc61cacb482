#pragma once

// MemoryStore: the twin of CatalogStore for tests. It keeps the promises of access/mail_store.h in
// plain containers, and lets a test play the other sessions, the lost catalog and the broken disk.

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "access/mail_store.h"

namespace access_test {

class MemoryStore final : public accessd::MailStore {
  public:
    MemoryStore();

    // ---- what tests do behind the session's back

    accessd::AccountId add_account(const std::string& login, const std::string& password_hash);
    void disable_account(const std::string& login);
    /// Delivers; answers the UID.
    std::uint32_t deliver(const std::string& mailbox,
                          const std::string& message,
                          mail::FlagList flags = {},
                          std::int64_t date_s = 1'700'000'000);
    void expunge_now(const std::string& mailbox, std::uint32_t uid);
    /// As after a failover or a rebuild: numbers have jumped, content has not changed.
    void jump_now(const std::string& name);
    void set_flags_now(const std::string& mailbox, std::uint32_t uid, mail::FlagList flags);
    [[nodiscard]] mail::FlagList flags_of(const std::string& mailbox, std::uint32_t uid);
    [[nodiscard]] std::string text_of(const std::string& mailbox, std::uint32_t uid);
    void set_special_use(const std::string& mailbox, const std::string& use);

    /// From now on the catalog's calls answer this, until it is taken back by nullopt.
    std::optional<base::Errc> catalog_failure;
    /// The next call of this name answers this once ("store_flags").
    std::map<std::string, base::Errc> fail_once;
    /// Messages (by content) that cannot be read.
    std::map<std::string, base::Errc> unreadable;
    /// Called with the name of each call before it is done.
    std::function<void(const std::string&)> on_call;
    int watches = 0;
    std::function<void()> last_watch;
    int account_watches = 0;
    std::function<void()> last_account_watch;
    std::vector<accessd::MailboxId> last_watched;
    std::optional<accessd::AppendRequest> last_append;
    bool append_uid_unknown = false;
    std::vector<storage::SessionNote> notes;

    /// As with rules of notification that name these events.
    void set_hears(const std::string& login, bool login_event, bool logout_event);

    // ---- MailStore

    base::Result<accessd::AccountRecord> find_account(std::string_view login) override;
    base::Result<std::vector<accessd::ListedMailbox>> list(accessd::AccountId account) override;
    base::Status subscribe(accessd::AccountId account, std::string_view name) override;
    base::Status unsubscribe(accessd::AccountId account, std::string_view name) override;
    base::Status create(accessd::AccountId account, std::string_view name) override;
    base::Status remove(accessd::AccountId account, std::string_view name) override;
    base::Status rename(accessd::AccountId account,
                        std::string_view from,
                        std::string_view to) override;
    base::Result<accessd::MailboxInfo> status(accessd::AccountId account,
                                              std::string_view name) override;
    base::Result<accessd::MailboxView> open(accessd::MailboxId mailbox,
                                            accessd::OpenMode mode) override;
    base::Result<accessd::MailboxChanges> changes(accessd::MailboxId mailbox,
                                                  std::uint64_t since_modseq) override;
    base::Result<std::vector<accessd::StoredFlags>> store_flags(
        accessd::MailboxId mailbox, const accessd::FlagRequest& request) override;
    base::Result<accessd::ExpungedMessages> expunge(accessd::MailboxId mailbox,
                                                    const mail::UidSet& uids,
                                                    accessd::ExpungeWhich which) override;
    base::Result<accessd::CopiedMessages> copy(accessd::MailboxId from,
                                               const mail::UidSet& uids,
                                               accessd::MailboxId to) override;
    base::Result<accessd::CopiedMessages> move(accessd::MailboxId from,
                                               const mail::UidSet& uids,
                                               accessd::MailboxId to) override;
    std::unique_ptr<accessd::WatchHandle> watch(accessd::MailboxId mailbox,
                                                std::function<void()> on_change) override;
    std::unique_ptr<accessd::WatchHandle> watch_account(
        accessd::AccountId account,
        std::span<const accessd::MailboxId> mailboxes,
        std::function<void()> on_change) override;
    base::Result<accessd::AppendedMessage> append(const accessd::AccountRecord& account,
                                                  accessd::AppendRequest request) override;
    std::vector<base::Result<SummaryPtr>> read_summaries(
        std::span<const mail::MessageId> ids) override;
    base::Result<MessagePtr> read_message(const mail::MessageId& id) override;
    base::Result<accessd::MaildropLock> lock_maildrop(accessd::AccountId account,
                                                      std::string_view holder) override;
    base::Status renew_maildrop(const accessd::MaildropLock& lock) override;
    base::Status release_maildrop(const accessd::MaildropLock& lock) override;
    void note_session(storage::SessionNote note) override;

  private:
    struct Entry {
        mail::MessageId id;
        mail::FlagList flags;
        std::int64_t date_s = 0;
        std::uint64_t modseq = 0;
    };

    struct Box {
        accessd::MailboxInfo info;
        std::map<std::uint32_t, Entry> messages;
        std::map<std::uint32_t, std::uint64_t> expunged;  ///< UID, MODSEQ
        std::uint64_t recent_from = 1;
    };

    base::Status called(const std::string& name);
    Box* find(std::string_view name);
    base::Result<Box*> find(accessd::MailboxId id);
    Box& make(const std::string& name);
    accessd::MailboxMessage row(const Box& box,
                                std::uint32_t uid,
                                storage::KeywordLists& keywords) const;
    static void recount(Box& box);
    base::Result<accessd::CopiedMessages> transfer(accessd::MailboxId from,
                                                   const mail::UidSet& uids,
                                                   accessd::MailboxId to,
                                                   bool remove_source);
    [[nodiscard]] std::optional<base::Error> read_failure(const std::string& text) const;

    std::map<std::string, accessd::AccountRecord> accounts_;
    std::map<std::string, Box> boxes_;
    std::set<std::string> subscriptions_;
    std::map<mail::MessageId, std::string> messages_;
    std::int64_t next_id_ = 100;
    std::optional<base::Uuid> maildrop_;
};

}  // namespace access_test
