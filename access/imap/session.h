#pragma once

// ImapSession: one client's connection, from the greeting to the end. It reads commands, runs them
// (commands.h, one file each), and keeps the client's view of its mailbox up to date.
//
// Owner: the fiber that runs it; it borrows stream and context. Thread rule: that fiber.
// Errors stay inside: run() returns when the connection is to be closed, for whatever reason.
// Source: RFC 3501, with SASL-IR (4959), LITERAL- (7888), IDLE (2177), UIDPLUS (4315), MOVE (6851),
// UNSELECT (3691), NAMESPACE (2342), ID (2971), CHILDREN (3348), SPECIAL-USE (6154), NOTIFY (5465).

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "access/context.h"
#include "access/imap/notifier.h"
#include "access/imap/reply.h"
#include "access/imap/selected_mailbox.h"
#include "access/imap_arguments.h"
#include "access/imap_command_reader.h"
#include "access/imap_cursor.h"
#include "access/signed_in_note.h"
#include "base/clock.h"
#include "base/fiber.h"
#include "base/stream.h"

namespace accessd {

/// RFC 3501 3.
enum class ImapState : std::uint8_t { NotAuthenticated = 1, Authenticated = 2, Selected = 4 };

struct CommandRule;

/// One command in work. `arguments` is valid until the session reads from the client again.
struct ImapCommand {
    std::string tag;
    std::string_view name;  ///< of the rule: capitals
    Numbers numbers = Numbers::Sequence;
    Cursor arguments;
};

/// See the top of this file. The members for commands are public because a command is a function
/// in a file of its own (commands.h); nothing else calls them.
class ImapSession {
  public:
    ImapSession(base::Stream& stream, AccessContext& context);
    ~ImapSession();
    ImapSession(const ImapSession&) = delete;
    ImapSession& operator=(const ImapSession&) = delete;

    void run();

    // ---- what commands use

    [[nodiscard]] AccessContext& context() { return context_; }

    [[nodiscard]] MailStore& store() { return context_.store; }

    [[nodiscard]] base::Stream& stream() { return stream_; }

    [[nodiscard]] ImapState state() const;

    [[nodiscard]] const AccountRecord& account() const { return *account_; }

    /// Valid in state Selected.
    [[nodiscard]] SelectedMailbox& mailbox() { return *mailbox_; }

    /// Writes to the client. A failure ends the session after the command.
    void send(std::string_view bytes);

    [[nodiscard]] bool is_broken() const { return broken_; }

    /// The client is gone, or the server stops: long commands look at this between steps.
    [[nodiscard]] bool should_stop();

    void sign_in(AccountRecord account);
    void select(std::unique_ptr<SelectedMailbox> mailbox);
    void unselect();

    /// The session ends after this command.
    void log_out() { logged_out_ = true; }

    /// Counts a failed sign-in; true if there were too many on this connection.
    [[nodiscard]] bool count_failed_sign_in();

    /// What look_for_changes() takes in of a mailbox.
    enum class TakeIn : std::uint8_t {
        Wished,  ///< what NOTIFY asked for; all if it was never used
        All,
    };

    /// Asks the catalog what changed in the mailbox and takes it in. Reports nothing.
    [[nodiscard]] base::Status look_for_changes(TakeIn what = TakeIn::Wished);

    /// What a session is told that ends because look_for_changes() said NotFound.
    [[nodiscard]] static std::string farewell(const base::Error& gone);

    /// Tells the client what is new.
    void report(SelectedMailbox::Expunges expunges, SelectedMailbox::Uids uids);

    /// When tell_news() looks.
    enum class Look : std::uint8_t { IfNotified, Now };

    /// Looks and tells, in IDLE and between commands. What cannot be looked at now waits. Errors:
    /// NotFound (farewell()), Cancelled.
    [[nodiscard]] base::Status tell_news(SelectedMailbox::Expunges expunges, Look look);

    /// By when tell_news() is to be called again, at the latest.
    [[nodiscard]] base::Deadline next_look() const;

    // ---- NOTIFY (session_notify.cpp)

    /// From now on the client is told what this one wishes for, and nothing else. Null: as
    /// before the first NOTIFY.
    void set_notifier(std::unique_ptr<Notifier> notifier) { notifier_ = std::move(notifier); }

    [[nodiscard]] std::unique_ptr<Notifier> make_notifier(NotifyWishes wishes);

    /// Where commands note what they did; null: nobody wants to know.
    [[nodiscard]] NotifyView* notify_view();

    /// Messages that the client put somewhere itself: in its mailbox they are told, but not fetched
    /// for it; in others they are no news (RFC 5465 5.2).
    void note_copied(std::string_view mailbox, const CopiedMessages& copied);
    void note_appended(std::string_view mailbox, const AppendedMessage& appended);

    /// The id of the selected mailbox; 0: none.
    [[nodiscard]] MailboxId selected_id() const;

    /// Sends a continuation request and reads one line, without its CRLF (AUTHENTICATE, IDLE's
    /// DONE). Arguments of the command become invalid. Errors: Closed, Timeout, Cancelled, Invalid.
    [[nodiscard]] base::Result<std::string> ask(std::string_view prompt);
    /// Reads one line. Errors as ask().
    [[nodiscard]] base::Result<std::string> read_line(base::Deadline deadline);
    /// Waits until the client sends something (true) or there is news (false).
    [[nodiscard]] base::Result<bool> wait_for_news(base::Deadline deadline);

    /// The message of an APPEND, read before its command was complete.
    struct PendingAppend {
        AppendHead head;
        std::string message;
        ByteBudget::Share share;
    };

    [[nodiscard]] std::optional<PendingAppend> take_append();

    /// Capabilities that hold now.
    [[nodiscard]] std::string capabilities() const;

    /// "4f2a...", for logs.
    [[nodiscard]] const std::string& id() const { return id_; }

  private:
    enum class Next : std::uint8_t { Command, Rejected, End };

    void greet();
    Next read_command();
    Next on_reader_event(CommandReader::Event event);
    base::Status fill();
    base::Status fill_and_tell();
    base::Status tell_account(Look look);
    void fetch_new_messages(std::uint32_t above_uid);
    void overflow(std::string_view reason);
    [[nodiscard]] NotifyEvents wished_of_selected() const;
    [[nodiscard]] bool tells_between_commands() const;
    [[nodiscard]] bool is_own_news(std::uint32_t uid_validity) const;
    bool on_literal();
    bool read_message(const LiteralPlan& plan);
    void refuse_literal(Reply reply);
    void run_command();
    void answer_rejected();
    void finish(const ImapCommand& command, const CommandResult& result);
    bool bring_up_to_date(const CommandRule& rule, Numbers numbers);
    void log_failure(const ImapCommand& command, const CommandResult& result) const;
    void end(std::string_view reason, std::string_view bye);
    void end_for(const base::Error& error);

    base::Stream& stream_;
    AccessContext& context_;
    std::string id_;
    CommandReader reader_;
    base::Deadline login_deadline_;
    std::optional<AccountRecord> account_;
    std::optional<SignedInNote> signed_in_;
    std::unique_ptr<SelectedMailbox> mailbox_;
    std::unique_ptr<WatchHandle> watch_;
    base::FiberEvent news_;  ///< wakes; what there is to look at is said by these two
    bool mailbox_news_ = false;
    std::unique_ptr<Notifier> notifier_;
    mail::UidSet own_uids_;  ///< put into the mailbox by the client, and not reported yet
    base::Deadline poll_;    ///< when the mailbox is looked at without a notice
    std::optional<PendingAppend> append_;
    std::optional<Reply> refusal_;  ///< what a command that is being discarded gets
    unsigned bad_commands_ = 0;
    unsigned failed_sign_ins_ = 0;
    bool logged_out_ = false;
    bool broken_ = false;
    bool ended_ = false;
};

/// Greets, serves and says good-bye. Returns when the connection is to be closed.
void serve_imap(base::Stream& stream, AccessContext& context);

}  // namespace accessd
