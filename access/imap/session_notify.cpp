// The part of a session that tells its client things unasked: NOTIFY, RFC 5465.

#include "access/imap/cmd_fetch.h"
#include "access/imap/session.h"
#include "access/limits.h"
#include "base/log.h"
#include "base/metrics.h"

namespace accessd {
namespace {

using Expunges = SelectedMailbox::Expunges;

base::Counter& overflows() {
    static base::Counter& counter =
        base::counter("roundtable_imap_notify_overflows_total",
                      "Sessions whose NOTIFY ended because there was too much to tell",
                      {{"folder", "access"}});
    return counter;
}

NotifyEvents all_of_messages() {
    NotifyEvents events;
    events.add(NotifyEvent::MessageNew);
    events.add(NotifyEvent::MessageExpunge);
    events.add(NotifyEvent::FlagChange);
    return events;
}

}  // namespace

std::unique_ptr<Notifier> ImapSession::make_notifier(NotifyWishes wishes) {
    return std::make_unique<Notifier>(
        context_.store, account_->id, std::move(wishes), [this] { news_.notify(); });
}

NotifyView* ImapSession::notify_view() {
    return notifier_ != nullptr && notifier_->watches_account() ? &notifier_->view() : nullptr;
}

MailboxId ImapSession::selected_id() const {
    return mailbox_ == nullptr ? MailboxId{} : mailbox_->id();
}

NotifyEvents ImapSession::wished_of_selected() const {
    return notifier_ == nullptr ? all_of_messages() : notifier_->wishes().selected;
}

bool ImapSession::tells_between_commands() const {
    return notifier_ != nullptr && (notifier_->watches_account() ||
                                    (mailbox_ != nullptr && !notifier_->wishes().selected.empty()));
}

// UIDVALIDITY tells the mailboxes of an account apart.
bool ImapSession::is_own_news(std::uint32_t uid_validity) const {
    return mailbox_ != nullptr && mailbox_->uid_validity() == uid_validity &&
           notifier_ != nullptr && notifier_->wishes().of_message.has_value();
}

void ImapSession::note_copied(std::string_view mailbox, const CopiedMessages& copied) {
    if (is_own_news(copied.uid_validity)) {
        for (const std::uint32_t uid : copied.to) {
            own_uids_.add(uid);
        }
    }
    if (NotifyView* view = notify_view(); view != nullptr) {
        view->note_placed(mailbox, copied.to, copied.to_modseq);
    }
}

void ImapSession::note_appended(std::string_view mailbox, const AppendedMessage& appended) {
    if (is_own_news(appended.uid_validity)) {
        own_uids_.add(appended.uid);
    }
    if (NotifyView* view = notify_view(); view != nullptr) {
        view->note_appended(mailbox, appended.uid);
    }
}

/// RFC 5465 5.8: as if NOTIFY NONE had been received.
void ImapSession::overflow(std::string_view reason) {
    notifier_ = make_notifier({});
    overflows().add();
    base::log::info("access",
                    "too much to notify of",
                    {{"session", id_}, {"login", account_->login}, {"reason", reason}});
    send("* OK [NOTIFICATIONOVERFLOW] Too much has changed, NOTIFY is NONE now\r\n");
}

/// RFC 5465 5.2: what was asked for of each new message, behind its EXISTS.
void ImapSession::fetch_new_messages(std::uint32_t above_uid) {
    const mail::UidSet own = std::exchange(own_uids_, {});
    if (notifier_ == nullptr || !notifier_->wishes().of_message) {
        return;
    }
    std::vector<std::uint32_t> fresh;
    for (std::uint32_t index = mailbox_->told(); index > 0; --index) {
        const std::uint32_t uid = mailbox_->uid(index - 1);
        if (uid <= above_uid) {
            break;
        }
        if (!mailbox_->is_ghost(index - 1) && !own.contains(uid)) {
            fresh.push_back(index - 1);
        }
        if (fresh.size() > kNotifyMessagesMax) {
            overflow("new messages");
            return;
        }
    }
    const std::vector<std::uint32_t> ascending(fresh.rbegin(), fresh.rend());
    const FetchItems items = *notifier_->wishes().of_message;
    // Cancelled: whatever is waited for next says so too.
    (void)fetch_unasked(*this, items, ascending);
}

base::Status ImapSession::tell_account(Look look) {
    if (notifier_ == nullptr || !notifier_->watches_account() ||
        (look == Look::IfNotified && !notifier_->due().passed())) {
        return base::Done{};
    }
    std::string out;
    const base::Status looked = notifier_->look(selected_id(), out);
    if (looked) {
        send(out);
    } else if (looked.error().code == base::Errc::TooLarge) {
        overflow(looked.error().detail);
    } else if (looked.error().code == base::Errc::Cancelled) {
        return looked.error();
    }
    return base::Done{};
}

base::Status ImapSession::tell_news(Expunges expunges, Look look) {
    (void)news_.take();
    if (mailbox_ != nullptr) {
        if (look == Look::Now || mailbox_news_ || poll_.passed()) {
            const base::Status looked = look_for_changes();
            if (!looked && (looked.error().code == base::Errc::NotFound ||
                            looked.error().code == base::Errc::Cancelled)) {
                return looked.error();
            }
        }
        report(expunges, SelectedMailbox::Uids::Omit);
    }
    return tell_account(look);
}

base::Deadline ImapSession::next_look() const {
    const base::Deadline mailbox =
        mailbox_ != nullptr ? poll_ : base::Deadline::after(kImapIdleTimeout);
    return notifier_ != nullptr && notifier_->watches_account() ? mailbox.sooner(notifier_->due())
                                                                : mailbox;
}

/// Until the client sends something, which is read. RFC 5465 3.1: also between commands.
base::Status ImapSession::fill_and_tell() {
    const base::Deadline end = base::Deadline::after(kImapIdleTimeout);
    base::Deadline shrink = base::Deadline::after(kShrinkAfter);
    while (!broken_) {
        // Here EXPUNGE comes between commands, where numbers may be on their way (RFC 5465 6.1.2).
        const Expunges expunges = notifier_->wishes().delayed ? Expunges::Hold : Expunges::Tell;
        const base::Status told = tell_news(expunges, Look::IfNotified);
        if (!told && told.error().code == base::Errc::NotFound) {
            this->end("mailbox gone", farewell(told.error()));
            return base::Error{base::Errc::Closed, "mailbox gone"};
        }
        TRY(told);
        const base::Status waited =
            stream_.wait_readable_or(news_, end.sooner(next_look()).sooner(shrink));
        if (!waited && waited.error().code != base::Errc::Timeout) {
            return waited;
        }
        if (stream_.readable_now()) {
            // fill() waits for more than is here; without anything it says how the input ended.
            return stream_.buffered().empty() ? stream_.fill(end) : base::Status(base::Done{});
        }
        if (end.passed()) {
            return base::Error{base::Errc::Timeout, "idle"};
        }
        if (shrink.passed()) {
            stream_.release_buffers();
            shrink = end;
        }
    }
    return base::Error{base::Errc::Closed, "client is gone"};
}

}  // namespace accessd
