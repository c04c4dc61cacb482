#pragma once

// Notifier: what makes NOTIFY work for one session: its wishes, the watch over its account, and
// when to look.
//
// A session that sleeps costs an entry in the watch for each mailbox whose messages are wished for,
// and its NotifyView. A look reads the account's list of mailboxes, two short statements, at most
// every kNotifyPause; without a notice every kNotifyPoll, because notices may be lost.
//
// Owner: a session, which the store outlives. Thread rule: the fiber of the session. Errors: those
// of MailStore::list, and TooLarge beyond kNotifyMailboxesMax or kNotifyBytesMax: the session then
// answers NOTIFICATIONOVERFLOW and lets the notifier go.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "access/imap/notify_view.h"
#include "access/mail_store.h"
#include "base/clock.h"

namespace accessd {

class Notifier {
  public:
    /// `wake` is called when there may be news, on the loop of the session, until destruction.
    Notifier(MailStore& store, AccountId account, NotifyWishes wishes, std::function<void()> wake);

    /// Takes the account in as the client is taken to know it. To be called once, first.
    base::Status start();

    /// Looks, and appends what the client is to be told. After an error nothing was appended; it
    /// will look again.
    base::Status look(MailboxId selected, std::string& out);

    [[nodiscard]] const NotifyWishes& wishes() const { return view_.wishes(); }

    [[nodiscard]] NotifyView& view() { return view_; }

    /// False: nothing beside the selected mailbox is wished for, and look() is not to be called.
    [[nodiscard]] bool watches_account() const { return watches_account_; }

    /// When look() is worth it.
    [[nodiscard]] base::Deadline due() const { return news_ ? not_before_ : poll_; }

  private:
    base::Result<std::vector<ListedMailbox>> list_and_watch();

    MailStore& store_;
    AccountId account_;
    NotifyView view_;
    std::function<void()> wake_;
    std::unique_ptr<WatchHandle> watch_;
    std::vector<MailboxId> watched_;
    bool watches_account_;
    bool news_ = false;
    base::Deadline not_before_;
    base::Deadline poll_;
};

}  // namespace accessd
