#include "access/catalog_store.h"

#include <algorithm>
#include <optional>

#include "access/limits.h"
#include "base/check.h"
#include "base/loop.h"

namespace accessd {
namespace {

constexpr std::int64_t kMicroseconds = 1'000'000;

base::Deadline soon() {
    return base::Deadline::after(kCatalogTimeout);
}

/// 0 means now to the agent, so a client's very first second of 1970 comes out a little later.
std::int64_t received_us(const AppendRequest& request) {
    if (!request.internal_date_s) {
        return 0;
    }
    return std::max<std::int64_t>(1, *request.internal_date_s * kMicroseconds);
}

class Watch final : public WatchHandle {
  public:
    explicit Watch(storage::MailboxWatch::Subscription subscription)
        : subscription_(std::move(subscription)) {}

  private:
    storage::MailboxWatch::Subscription subscription_;
};

}  // namespace

base::Result<AccountRecord> CatalogStore::find_account(std::string_view login) {
    return mailboxes_.find_account(login, soon());
}

base::Result<std::vector<ListedMailbox>> CatalogStore::list(AccountId account) {
    return mailboxes_.list(account, soon());
}

base::Status CatalogStore::subscribe(AccountId account, std::string_view name) {
    return mailboxes_.subscribe(account, name, soon());
}

base::Status CatalogStore::unsubscribe(AccountId account, std::string_view name) {
    return mailboxes_.unsubscribe(account, name, soon());
}

base::Status CatalogStore::create(AccountId account, std::string_view name) {
    TRY(mailboxes_.create(account, name, "", soon()));
    return base::Done{};
}

base::Status CatalogStore::remove(AccountId account, std::string_view name) {
    return mailboxes_.remove(account, name, soon());
}

base::Status CatalogStore::rename(AccountId account, std::string_view from, std::string_view to) {
    return mailboxes_.rename(account, from, to, soon());
}

base::Result<MailboxInfo> CatalogStore::status(AccountId account, std::string_view name) {
    return mailboxes_.status(account, name, soon());
}

base::Result<MailboxView> CatalogStore::open(MailboxId mailbox, OpenMode mode) {
    using Recent = storage::Mailboxes::Recent;
    return mailboxes_.open(
        mailbox, mode == OpenMode::Select ? Recent::Take : Recent::Leave, soon());
}

base::Result<MailboxChanges> CatalogStore::changes(MailboxId mailbox, std::uint64_t since_modseq) {
    return mailboxes_.changes_since(mailbox, since_modseq, soon());
}

base::Result<std::vector<StoredFlags>> CatalogStore::store_flags(MailboxId mailbox,
                                                                 const FlagRequest& request) {
    storage::Mailboxes::StoreRequest store;
    store.uids = request.uids;
    store.change = request.change;
    store.flags = request.flags.flags;
    store.keywords = request.flags.keywords;
    return mailboxes_.store_flags(mailbox, store, soon());
}

base::Result<ExpungedMessages> CatalogStore::expunge(MailboxId mailbox,
                                                     const mail::UidSet& uids,
                                                     ExpungeWhich which) {
    using Which = storage::Mailboxes::ExpungeWhich;
    return mailboxes_.expunge(
        mailbox, uids, which == ExpungeWhich::All ? Which::All : Which::Deleted, soon());
}

base::Result<CopiedMessages> CatalogStore::copy(MailboxId from,
                                                const mail::UidSet& uids,
                                                MailboxId to) {
    return mailboxes_.copy(from, uids, to, soon());
}

base::Result<CopiedMessages> CatalogStore::move(MailboxId from,
                                                const mail::UidSet& uids,
                                                MailboxId to) {
    return mailboxes_.move(from, uids, to, soon());
}

std::unique_ptr<WatchHandle> CatalogStore::watch(MailboxId mailbox,
                                                 std::function<void()> on_change) {
    base::Loop* loop = base::Loop::current();
    CHECK(loop != nullptr);
    return std::make_unique<Watch>(
        mailbox_watch_.watch(mailbox, loop->poster(), std::move(on_change)));
}

std::unique_ptr<WatchHandle> CatalogStore::watch_account(AccountId account,
                                                         std::span<const MailboxId> mailboxes,
                                                         std::function<void()> on_change) {
    base::Loop* loop = base::Loop::current();
    CHECK(loop != nullptr);
    return std::make_unique<Watch>(
        mailbox_watch_.watch_account(account, mailboxes, loop->poster(), std::move(on_change)));
}

base::Result<AppendedMessage> CatalogStore::append(const AccountRecord& account,
                                                   AppendRequest request) {
    storage::Submission submission;
    submission.received_us = received_us(request);
    // What the message says it is: telephone systems store voicemail by APPEND.
    submission.kind = std::nullopt;
    mail::Recipient recipient;
    recipient.account_id = storage::number(account.id);
    recipient.mailbox = std::move(request.mailbox);
    recipient.flags = request.flags.flags;
    recipient.keywords = std::move(request.flags.keywords);
    submission.envelope.body_type = mail::BodyType::EightBitMime;
    submission.envelope.recipients.push_back(std::move(recipient));
    submission.message = std::move(request.message);
    const storage::Receipt receipt =
        TRY(agent_.store(std::move(submission), base::Deadline::after(kStoreTimeout)));
    if (receipt.placed.empty()) {
        return AppendedMessage{};
    }
    return AppendedMessage{receipt.placed.front().uid_validity, receipt.placed.front().uid};
}

std::vector<base::Result<CatalogStore::SummaryPtr>> CatalogStore::read_summaries(
    std::span<const mail::MessageId> ids) {
    return agent_.read_summaries(ids, base::Deadline::after(kReadTimeout));
}

base::Result<CatalogStore::MessagePtr> CatalogStore::read_message(const mail::MessageId& id) {
    return agent_.read_message(id, base::Deadline::after(kReadTimeout));
}

base::Result<MaildropLock> CatalogStore::lock_maildrop(AccountId account, std::string_view holder) {
    const storage::MaildropLease lease =
        TRY(mailboxes_.lock_maildrop(account, holder, kMaildropLease, soon()));
    return MaildropLock{lease.account, lease.token};
}

base::Status CatalogStore::renew_maildrop(const MaildropLock& lock) {
    return mailboxes_.renew_maildrop({lock.account, lock.token}, kMaildropLease, soon());
}

base::Status CatalogStore::release_maildrop(const MaildropLock& lock) {
    return mailboxes_.release_maildrop({lock.account, lock.token}, soon());
}

void CatalogStore::note_session(storage::SessionNote note) {
    session_notes_.add(std::move(note));
}

}  // namespace accessd
