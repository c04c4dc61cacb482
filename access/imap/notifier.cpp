#include "access/imap/notifier.h"

#include <utility>

#include "access/limits.h"

namespace accessd {
namespace {

/// How often the mailboxes of an account may change while they are listed before that can wait.
constexpr int kListTries = 3;

}  // namespace

Notifier::Notifier(MailStore& store,
                   AccountId account,
                   NotifyWishes wishes,
                   std::function<void()> wake)
    : store_(store),
      account_(account),
      view_(std::move(wishes)),
      wake_(std::move(wake)),
      watches_account_(view_.wishes().any_group()),
      not_before_(base::Deadline::after({})),
      poll_(base::Deadline::after(kNotifyPoll)) {
}

// What is listed was watched before it was read, so that no change falls between the two.
base::Result<std::vector<ListedMailbox>> Notifier::list_and_watch() {
    for (int tries = 1;; ++tries) {
        std::vector<ListedMailbox> listed = TRY(store_.list(account_));
        if (listed.size() > kNotifyMailboxesMax) {
            return base::Error{base::Errc::TooLarge, "mailboxes of an account under NOTIFY"};
        }
        std::vector<MailboxId> wanted = view_.watched(listed);
        if (watch_ != nullptr && wanted == watched_) {
            return listed;
        }
        watched_ = std::move(wanted);
        watch_ = store_.watch_account(account_, watched_, [this] {
            news_ = true;
            wake_();
        });
        if (tries == kListTries) {
            news_ = true;
            return listed;
        }
    }
}

base::Status Notifier::start() {
    if (watches_account_) {
        view_.start(TRY(list_and_watch()));
    }
    return base::Done{};
}

base::Status Notifier::look(MailboxId selected, std::string& out) {
    news_ = false;
    not_before_ = base::Deadline::after(kNotifyPause);
    poll_ = base::Deadline::after(kNotifyPoll);
    auto listed = list_and_watch();
    if (!listed) {
        news_ = true;
        not_before_ = base::Deadline::after(kNotifyRetry);
        return std::move(listed).take_error();
    }
    std::string told;
    view_.update(listed.value(), selected, told);
    if (told.size() > kNotifyBytesMax) {
        return base::Error{base::Errc::TooLarge, "more news than one look may bring"};
    }
    out.append(told);
    return base::Done{};
}

}  // namespace accessd
