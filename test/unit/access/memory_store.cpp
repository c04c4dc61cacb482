#include "test/unit/access/memory_store.h"

#include <algorithm>

#include "access/imap_chars.h"
#include "access/mailbox_name.h"

namespace access_test {

using accessd::CopiedMessages;
using accessd::FlagChange;
using accessd::MailboxId;
using accessd::MailboxInfo;

namespace {

base::Error error(base::Errc code) {
    return {code, "test"};
}

bool has_keyword(const std::vector<std::string>& keywords, std::string_view wanted) {
    return std::any_of(keywords.begin(), keywords.end(), [&](const std::string& have) {
        return accessd::equals_ignoring_case(have, wanted);
    });
}

void change(mail::FlagList& flags, FlagChange how, const mail::FlagList& by) {
    switch (how) {
        case FlagChange::Set:
            flags.flags = by.flags;
            flags.keywords = by.keywords;
            break;
        case FlagChange::Add:
            flags.flags = flags.flags | by.flags;
            for (const std::string& keyword : by.keywords) {
                if (!has_keyword(flags.keywords, keyword)) {
                    flags.keywords.push_back(keyword);
                }
            }
            break;
        case FlagChange::Remove:
            flags.flags = flags.flags & ~by.flags;
            std::erase_if(flags.keywords, [&](const std::string& keyword) {
                return has_keyword(by.keywords, keyword);
            });
            break;
    }
}

class Handle final : public accessd::WatchHandle {
  public:
    explicit Handle(int& count) : count_(count) { ++count_; }

    ~Handle() override { --count_; }

    Handle(const Handle&) = delete;
    Handle& operator=(const Handle&) = delete;

  private:
    int& count_;
};

}  // namespace

MemoryStore::MemoryStore() {
    make("INBOX");
}

base::Status MemoryStore::called(const std::string& name) {
    if (on_call) {
        on_call(name);
    }
    if (const auto once = fail_once.find(name); once != fail_once.end()) {
        const base::Errc code = once->second;
        fail_once.erase(once);
        return error(code);
    }
    if (catalog_failure) {
        return error(*catalog_failure);
    }
    return base::Done{};
}

MemoryStore::Box& MemoryStore::make(const std::string& name) {
    Box& box = boxes_[name];
    box.info.id = MailboxId{next_id_++};
    box.info.name = name;
    box.info.uid_validity = static_cast<std::uint32_t>(next_id_++);
    return box;
}

MemoryStore::Box* MemoryStore::find(std::string_view name) {
    const auto found = boxes_.find(std::string(name));
    return found == boxes_.end() ? nullptr : &found->second;
}

base::Result<MemoryStore::Box*> MemoryStore::find(MailboxId id) {
    for (auto& [name, box] : boxes_) {
        if (box.info.id == id) {
            return &box;
        }
    }
    return error(base::Errc::NotFound);
}

void MemoryStore::recount(Box& box) {
    box.info.messages = box.messages.size();
    box.info.unseen = static_cast<std::uint64_t>(
        std::count_if(box.messages.begin(), box.messages.end(), [](const auto& entry) {
            return !mail::has(entry.second.flags.flags, mail::Flags::Seen);
        }));
}

accessd::AccountId MemoryStore::add_account(const std::string& login, const std::string& hash) {
    accessd::AccountRecord record;
    record.id = accessd::AccountId{next_id_++};
    record.login = login;
    record.password_hash = hash;
    record.active = true;
    accounts_[login] = record;
    return record.id;
}

void MemoryStore::disable_account(const std::string& login) {
    accounts_.at(login).active = false;
}

void MemoryStore::set_hears(const std::string& login, bool login_event, bool logout_event) {
    accounts_.at(login).hears_login = login_event;
    accounts_.at(login).hears_logout = logout_event;
}

void MemoryStore::note_session(storage::SessionNote note) {
    notes.push_back(std::move(note));
}

std::uint32_t MemoryStore::deliver(const std::string& mailbox,
                                   const std::string& message,
                                   mail::FlagList flags,
                                   std::int64_t date_s) {
    Box& box = find(mailbox) == nullptr ? make(mailbox) : *find(mailbox);
    const auto uid = static_cast<std::uint32_t>(box.info.uid_next++);
    Entry entry;
    entry.id = mail::MessageId::make(static_cast<std::uint64_t>(next_id_++), {});
    entry.flags = std::move(flags);
    entry.date_s = date_s;
    entry.modseq = ++box.info.highest_modseq;
    messages_[entry.id] = message;
    box.messages[uid] = entry;
    recount(box);
    return uid;
}

void MemoryStore::expunge_now(const std::string& mailbox, std::uint32_t uid) {
    Box& box = *find(mailbox);
    box.messages.erase(uid);
    box.expunged[uid] = ++box.info.highest_modseq;
    recount(box);
}

void MemoryStore::jump_now(const std::string& name) {
    Box& box = *find(name);
    box.info.uid_next += 65'536;
    box.info.highest_modseq += storage::kModseqJump;
}

void MemoryStore::set_flags_now(const std::string& mailbox,
                                std::uint32_t uid,
                                mail::FlagList flags) {
    Box& box = *find(mailbox);
    box.messages.at(uid).flags = std::move(flags);
    box.messages.at(uid).modseq = ++box.info.highest_modseq;
    recount(box);
}

mail::FlagList MemoryStore::flags_of(const std::string& mailbox, std::uint32_t uid) {
    return find(mailbox)->messages.at(uid).flags;
}

std::string MemoryStore::text_of(const std::string& mailbox, std::uint32_t uid) {
    return messages_.at(find(mailbox)->messages.at(uid).id);
}

void MemoryStore::set_special_use(const std::string& mailbox, const std::string& use) {
    find(mailbox)->info.special_use = use;
}

base::Result<accessd::AccountRecord> MemoryStore::find_account(std::string_view login) {
    TRY(called("find_account"));
    const auto found = accounts_.find(std::string(login));
    if (found == accounts_.end()) {
        return error(base::Errc::NotFound);
    }
    return found->second;
}

base::Result<std::vector<accessd::ListedMailbox>> MemoryStore::list(accessd::AccountId) {
    TRY(called("list"));
    std::map<std::string, accessd::ListedMailbox> all;
    for (const auto& [name, box] : boxes_) {
        all[name].info = box.info;
    }
    for (const std::string& name : subscriptions_) {
        all[name].info.name = name;
        all[name].subscribed = true;
    }
    std::vector<accessd::ListedMailbox> listed;
    for (const auto& [name, mailbox] : all) {
        listed.push_back(mailbox);
    }
    return listed;
}

base::Status MemoryStore::subscribe(accessd::AccountId, std::string_view name) {
    TRY(called("subscribe"));
    subscriptions_.emplace(name);
    return base::Done{};
}

base::Status MemoryStore::unsubscribe(accessd::AccountId, std::string_view name) {
    TRY(called("unsubscribe"));
    subscriptions_.erase(std::string(name));
    return base::Done{};
}

base::Status MemoryStore::create(accessd::AccountId, std::string_view name) {
    TRY(called("create"));
    if (find(name) != nullptr) {
        return error(base::Errc::Exists);
    }
    make(std::string(name));
    return base::Done{};
}

base::Status MemoryStore::remove(accessd::AccountId, std::string_view name) {
    TRY(called("remove"));
    if (name == "INBOX") {
        return error(base::Errc::Refused);
    }
    if (boxes_.erase(std::string(name)) == 0) {
        return error(base::Errc::NotFound);
    }
    return base::Done{};
}

base::Status MemoryStore::rename(accessd::AccountId, std::string_view from, std::string_view to) {
    TRY(called("rename"));
    if (find(from) == nullptr) {
        return error(base::Errc::NotFound);
    }
    if (find(to) != nullptr) {
        return error(base::Errc::Exists);
    }
    auto node = boxes_.extract(std::string(from));
    node.key() = std::string(to);
    node.mapped().info.name = std::string(to);
    boxes_.insert(std::move(node));
    return base::Done{};
}

base::Result<MailboxInfo> MemoryStore::status(accessd::AccountId, std::string_view name) {
    TRY(called("status"));
    const Box* box = find(name);
    if (box == nullptr) {
        return error(base::Errc::NotFound);
    }
    return box->info;
}

accessd::MailboxMessage MemoryStore::row(const Box& box,
                                         std::uint32_t uid,
                                         storage::KeywordLists& keywords) const {
    const Entry& entry = box.messages.at(uid);
    accessd::MailboxMessage made;
    made.id = entry.id;
    made.modseq = entry.modseq;
    made.internal_date_us = entry.date_s * 1'000'000;
    made.uid = uid;
    made.size = static_cast<std::uint32_t>(messages_.at(entry.id).size());
    made.flags = entry.flags.flags;
    if (!entry.flags.keywords.empty()) {
        made.keywords = static_cast<std::uint32_t>(keywords.size());
        keywords.push_back(entry.flags.keywords);
    }
    return made;
}

base::Result<accessd::MailboxView> MemoryStore::open(MailboxId mailbox, accessd::OpenMode mode) {
    TRY(called("open"));
    Box& box = *TRY(find(mailbox));
    accessd::MailboxView view;
    view.info = box.info;
    if (mode == accessd::OpenMode::Select) {
        view.recent_from = box.recent_from;
        box.recent_from = box.info.uid_next;
    }
    for (const auto& [uid, entry] : box.messages) {
        view.messages.push_back(row(box, uid, view.keywords));
    }
    return view;
}

base::Result<accessd::MailboxChanges> MemoryStore::changes(MailboxId mailbox,
                                                           std::uint64_t since_modseq) {
    TRY(called("changes"));
    const Box& box = *TRY(find(mailbox));
    accessd::MailboxChanges changes;
    changes.info = box.info;
    for (const auto& [uid, entry] : box.messages) {
        if (entry.modseq > since_modseq) {
            changes.messages.push_back(row(box, uid, changes.keywords));
        }
    }
    for (const auto& [uid, modseq] : box.expunged) {
        if (modseq > since_modseq) {
            changes.expunged.add(uid);
        }
    }
    return changes;
}

base::Result<std::vector<accessd::StoredFlags>> MemoryStore::store_flags(
    MailboxId mailbox, const accessd::FlagRequest& request) {
    TRY(called("store_flags"));
    Box& box = *TRY(find(mailbox));
    const std::uint64_t modseq = ++box.info.highest_modseq;
    std::vector<accessd::StoredFlags> stored;
    for (auto& [uid, entry] : box.messages) {
        if (!request.uids.contains(uid)) {
            continue;
        }
        change(entry.flags, request.change, request.flags);
        entry.modseq = modseq;
        stored.push_back({uid,
                          entry.flags.flags,
                          entry.flags.keywords,
                          modseq,
                          accessd::StoredFlags::Outcome::Changed});
    }
    recount(box);
    return stored;
}

base::Result<accessd::ExpungedMessages> MemoryStore::expunge(MailboxId mailbox,
                                                             const mail::UidSet& uids,
                                                             accessd::ExpungeWhich which) {
    TRY(called("expunge"));
    Box& box = *TRY(find(mailbox));
    accessd::ExpungedMessages gone;
    for (const auto& [uid, entry] : box.messages) {
        if (uids.contains(uid) && (which == accessd::ExpungeWhich::All ||
                                   mail::has(entry.flags.flags, mail::Flags::Deleted))) {
            gone.uids.add(uid);
        }
    }
    if (!gone.uids.empty()) {
        gone.modseq = ++box.info.highest_modseq;
        std::erase_if(box.messages,
                      [&](const auto& entry) { return gone.uids.contains(entry.first); });
        for (const mail::UidRange& range : gone.uids.ranges()) {
            for (std::uint32_t uid = range.first; uid <= range.last; ++uid) {
                box.expunged[uid] = gone.modseq;
            }
        }
    }
    recount(box);
    return gone;
}

base::Result<CopiedMessages> MemoryStore::transfer(MailboxId from,
                                                   const mail::UidSet& uids,
                                                   MailboxId to,
                                                   bool remove_source) {
    Box& source = *TRY(find(from));
    Box& target = *TRY(find(to));
    CopiedMessages copied;
    std::vector<std::pair<std::uint32_t, Entry>> moving;
    for (const auto& [uid, entry] : source.messages) {
        if (uids.contains(uid)) {
            moving.emplace_back(uid, entry);
        }
    }
    const std::uint64_t to_modseq =
        moving.empty() ? target.info.highest_modseq : ++target.info.highest_modseq;
    copied.to_modseq = to_modseq;
    for (auto& [uid, entry] : moving) {
        const auto new_uid = static_cast<std::uint32_t>(target.info.uid_next++);
        entry.modseq = to_modseq;
        target.messages[new_uid] = entry;
        copied.from.push_back(uid);
        copied.to.push_back(new_uid);
        copied.uid_validity = target.info.uid_validity;
        if (remove_source) {
            source.messages.erase(uid);
            source.expunged[uid] = ++source.info.highest_modseq;
        }
    }
    recount(source);
    recount(target);
    return copied;
}

base::Result<CopiedMessages> MemoryStore::copy(MailboxId from,
                                               const mail::UidSet& uids,
                                               MailboxId to) {
    TRY(called("copy"));
    return transfer(from, uids, to, false);
}

base::Result<CopiedMessages> MemoryStore::move(MailboxId from,
                                               const mail::UidSet& uids,
                                               MailboxId to) {
    TRY(called("move"));
    return transfer(from, uids, to, true);
}

std::unique_ptr<accessd::WatchHandle> MemoryStore::watch(MailboxId,
                                                         std::function<void()> on_change) {
    last_watch = std::move(on_change);
    return std::make_unique<Handle>(watches);
}

std::unique_ptr<accessd::WatchHandle> MemoryStore::watch_account(
    accessd::AccountId,
    std::span<const accessd::MailboxId> mailboxes,
    std::function<void()> on_change) {
    last_account_watch = std::move(on_change);
    last_watched.assign(mailboxes.begin(), mailboxes.end());
    return std::make_unique<Handle>(account_watches);
}

base::Result<accessd::AppendedMessage> MemoryStore::append(const accessd::AccountRecord&,
                                                           accessd::AppendRequest request) {
    TRY(called("append"));
    if (find(request.mailbox) == nullptr) {
        return error(base::Errc::NotFound);
    }
    last_append = request;
    const std::uint32_t uid = deliver(request.mailbox,
                                      request.message,
                                      request.flags,
                                      request.internal_date_s.value_or(1'700'000'000));
    if (append_uid_unknown) {
        return accessd::AppendedMessage{};
    }
    return accessd::AppendedMessage{find(request.mailbox)->info.uid_validity, uid};
}

std::optional<base::Error> MemoryStore::read_failure(const std::string& text) const {
    const auto found = unreadable.find(text);
    return found == unreadable.end() ? std::nullopt : std::optional(error(found->second));
}

std::vector<base::Result<MemoryStore::SummaryPtr>> MemoryStore::read_summaries(
    std::span<const mail::MessageId> ids) {
    std::vector<base::Result<SummaryPtr>> results;
    for (const mail::MessageId& id : ids) {
        const std::string& text = messages_.at(id);
        if (const auto failure = read_failure(text)) {
            results.emplace_back(*failure);
        } else {
            results.emplace_back(std::make_shared<const mail::Summary>(mail::summarize(text)));
        }
    }
    return results;
}

base::Result<MemoryStore::MessagePtr> MemoryStore::read_message(const mail::MessageId& id) {
    const std::string& text = messages_.at(id);
    if (const auto failure = read_failure(text)) {
        return *failure;
    }
    return std::make_shared<const std::string>(text);
}

base::Result<accessd::MaildropLock> MemoryStore::lock_maildrop(accessd::AccountId account,
                                                               std::string_view) {
    TRY(called("lock_maildrop"));
    if (maildrop_) {
        return error(base::Errc::Busy);
    }
    maildrop_ = base::Uuid::random();
    return accessd::MaildropLock{account, *maildrop_};
}

base::Status MemoryStore::renew_maildrop(const accessd::MaildropLock& lock) {
    TRY(called("renew_maildrop"));
    if (maildrop_ != lock.token) {
        return error(base::Errc::Refused);
    }
    return base::Done{};
}

base::Status MemoryStore::release_maildrop(const accessd::MaildropLock& lock) {
    TRY(called("release_maildrop"));
    if (maildrop_ == lock.token) {
        maildrop_.reset();
    }
    return base::Done{};
}

}  // namespace access_test
