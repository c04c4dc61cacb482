#pragma once

// NotifyView: what a client that used NOTIFY knows of its account's mailboxes, beside the selected
// one, and the responses that bring it up to date: LIST for names and subscriptions, STATUS for
// messages.
//
// It is told nothing that it did itself (RFC 5465 5): what a command of its own did is noted here
// as known, and differences that remain are somebody else's. Several changes between two looks are
// one response.
//
// Pure: no socket, no store. Owner: a session. Thread rule: the session's loop. Memory: 150 octets
// a mailbox, at most kNotifyMailboxesMax. Source: RFC 5465 5 and 6; RFC 5258 for \NonExistent,
// \Subscribed and OLDNAME.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "access/imap/selected_mailbox.h"
#include "access/imap_notify.h"
#include "access/mail_store.h"

namespace accessd {

class NotifyView {
  public:
    explicit NotifyView(NotifyWishes wishes) : wishes_(std::move(wishes)) {}

    [[nodiscard]] const NotifyWishes& wishes() const { return wishes_; }

    /// The account as it is, all of it known from now on.
    void start(const std::vector<ListedMailbox>& listed);

    /// Appends a STATUS of each mailbox whose messages are wished for (NOTIFY SET STATUS).
    void append_statuses(std::string& out, MailboxId selected) const;

    /// The account as it is now: appends what the client wishes to know of the difference. Of the
    /// messages in `selected` it is told elsewhere; MailboxId{}: none is.
    void update(const std::vector<ListedMailbox>& listed, MailboxId selected, std::string& out);

    /// Mailboxes whose messages are wished for, by id, ascending.
    [[nodiscard]] std::vector<MailboxId> watched(const std::vector<ListedMailbox>& listed) const;

    // ---- what the client did itself, after it was done

    void note_created(std::string_view name);
    void note_removed(std::string_view name);
    void note_renamed(std::string_view from, std::string_view to);
    void note_subscribed(std::string_view name, bool subscribed);
    /// Messages came into a mailbox under ascending UIDs. `modseq`: of the mailbox since.
    void note_placed(std::string_view name,
                     const std::vector<std::uint32_t>& uids,
                     std::uint64_t modseq);
    /// The same for one message whose MODSEQ is not known, for APPEND.
    void note_appended(std::string_view name, std::uint32_t uid);
    /// It is selected no more: what was not told of it will be told by STATUS.
    void note_left(const SelectedMailbox& mailbox);

  private:
    struct Known {
        MailboxId id{};  ///< 0: no mailbox, only a subscription
        std::uint64_t uid_next = 1;
        std::uint64_t modseq = 1;
        std::uint64_t messages = 0;
        std::uint64_t unseen = 0;
        std::uint32_t uid_validity = 0;
        bool subscribed = false;
        bool own = false;  ///< made by the client; its id is not known yet

        [[nodiscard]] bool exists() const { return id != MailboxId{} || own; }
    };

    using Names = std::map<std::string, Known, std::less<>>;

    /// One update in work.
    struct Update;

    [[nodiscard]] static Names names_of(const std::vector<ListedMailbox>& listed);
    void append_status(std::string& out, std::string_view name, const Known& now) const;

    NotifyWishes wishes_;
    Names names_;
};

}  // namespace accessd
