#pragma once

// MailboxWatch: tells sessions that a mailbox has changed, by LISTEN roundtable_mailbox, or the
// names and subscriptions of an account, by LISTEN roundtable_account: one connection for all of
// them. A notice says "read again" (Mailboxes::changes_since, Mailboxes::list), nothing more; it
// may be missed or be needless, so sessions also look now and then by themselves.
//
// Owner: the daemon; outlives the subscriptions. Thread rule: any thread; callbacks run on the loop
// that the subscriber names. Limits: one callback a subscription is under way at a time.
// Memory: some 50 octets for each mailbox that a subscription names.

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "base/loop.h"
#include "storage/catalog/ids.h"

namespace storage {

/// See the top of this file.
class MailboxWatch {
  public:
    MailboxWatch(std::string database, std::string application_name);
    ~MailboxWatch();
    MailboxWatch(const MailboxWatch&) = delete;
    MailboxWatch& operator=(const MailboxWatch&) = delete;

    /// Ends when destroyed; after that the callback does not run, if it is destroyed on its loop.
    class Subscription {
      public:
        Subscription() noexcept = default;
        ~Subscription();
        Subscription(Subscription&&) noexcept;
        Subscription& operator=(Subscription&&) noexcept;
        Subscription(const Subscription&) = delete;
        Subscription& operator=(const Subscription&) = delete;

      private:
        friend class MailboxWatch;
        struct Entry;

        explicit Subscription(std::shared_ptr<Entry> entry) noexcept;

        std::shared_ptr<Entry> entry_;
    };

    [[nodiscard]] Subscription watch(MailboxId mailbox,
                                     base::Poster poster,
                                     std::function<void()> on_change);

    /// The names and subscriptions of an account, and these mailboxes: one callback for all.
    [[nodiscard]] Subscription watch_account(AccountId account,
                                             std::span<const MailboxId> mailboxes,
                                             base::Poster poster,
                                             std::function<void()> on_change);

  private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace storage
