#include "access/imap/session.h"

#include <fmt/core.h>

#include "access/imap/commands.h"
#include "access/imap_chars.h"
#include "access/limits.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/random.h"

namespace accessd {
namespace {

/// Broken commands that a connection may send in its life.
// The detail of NotFound when the catalog is not the one that the session knew.
constexpr const char* kNumbersJumped = "the numbers have jumped";
constexpr unsigned kBadCommandsMax = 30;
/// No MODSEQ is above this one: what came after it is nothing.
constexpr std::uint64_t kNothingIsNewer = INT64_MAX;
/// Wrong passwords on one connection.
constexpr unsigned kFailedSignInsMax = 5;
constexpr base::Duration kGoodbyeTimeout = std::chrono::seconds(5);

base::Counter& bad_commands() {
    static base::Counter& counter = base::counter(
        "roundtable_imap_bad_commands_total", "IMAP commands answered BAD", {{"folder", "access"}});
    return counter;
}

/// What a client gets that made a mistake: which command it was in, for those who pipeline.
Reply invalid_arguments(std::string_view command) {
    return bad(fmt::format("Invalid arguments for {}", command));
}

Reply reply_of(const ImapCommand& command, const CommandResult& result) {
    if (result) {
        return result.value();
    }
    return result.error().code == base::Errc::Invalid ? invalid_arguments(command.name)
                                                      : reply_for(result.error());
}

bool ends_session(const base::Error& error) {
    return error.code == base::Errc::Closed || error.code == base::Errc::Cancelled;
}

}  // namespace

ImapSession::ImapSession(base::Stream& stream, AccessContext& context)
    : stream_(stream),
      context_(context),
      id_(fmt::format("{:016x}", base::random_u64())),
      reader_(kCommandBytesBeforeLogin),
      login_deadline_(base::Deadline::after(kLoginTimeout)),
      poll_(login_deadline_) {
}

ImapSession::~ImapSession() = default;

ImapState ImapSession::state() const {
    if (mailbox_ != nullptr) {
        return ImapState::Selected;
    }
    return account_ ? ImapState::Authenticated : ImapState::NotAuthenticated;
}

std::string ImapSession::capabilities() const {
    std::string text = fmt::format(
        "IMAP4rev1 LITERAL- SASL-IR ID IDLE NAMESPACE UIDPLUS MOVE UNSELECT CHILDREN SPECIAL-USE "
        "NOTIFY APPENDLIMIT={}",
        context_.settings.append_bytes_max);
    if (!account_) {
        text += may_take_password(context_.settings, stream_) ? " AUTH=PLAIN" : " LOGINDISABLED";
    }
    return text;
}

void ImapSession::run() {
    greet();
    while (!ended_ && !broken_ && !logged_out_) {
        switch (read_command()) {
            case Next::Command:
                run_command();
                break;
            case Next::Rejected:
                answer_rejected();
                break;
            case Next::End:
                break;
        }
        append_.reset();
        refusal_.reset();
        reader_.next_command();
    }
    signed_in_.reset();
    watch_.reset();
    notifier_.reset();
    if (!broken_) {
        (void)stream_.flush(base::Deadline::after(kGoodbyeTimeout));  // nobody is left to tell
    }
}

void ImapSession::greet() {
    send(fmt::format("* OK [CAPABILITY {}] {} ready\r\n", capabilities(), context_.settings.name));
}

void ImapSession::send(std::string_view bytes) {
    if (!broken_ && !stream_.write(bytes)) {
        broken_ = true;
    }
}

bool ImapSession::should_stop() {
    return broken_ || base::fiber_cancelled();
}

void ImapSession::sign_in(AccountRecord account) {
    base::log::info(
        "access",
        "signed in",
        {{"session", id_}, {"peer", stream_.peer().to_text()}, {"login", account.login}});
    signed_in_.emplace(context_.store, account, SignedInNote::Service::Imap, id_, stream_);
    account_ = std::move(account);
    account_->password_hash.clear();
    reader_.set_bytes_max(kCommandBytesMax);
}

void ImapSession::select(std::unique_ptr<SelectedMailbox> mailbox) {
    unselect();
    mailbox_ = std::move(mailbox);
    poll_ = base::Deadline::after(kNotifyPoll);
    watch_ = context_.store.watch(mailbox_->id(), [this] {
        mailbox_news_ = true;
        news_.notify();
    });
}

void ImapSession::unselect() {
    if (NotifyView* view = notify_view(); view != nullptr && mailbox_ != nullptr) {
        view->note_left(*mailbox_);
    }
    watch_.reset();
    mailbox_.reset();
    mailbox_news_ = false;
    own_uids_ = {};
}

bool ImapSession::count_failed_sign_in() {
    return ++failed_sign_ins_ >= kFailedSignInsMax;
}

std::string ImapSession::farewell(const base::Error& gone) {
    return gone.detail == kNumbersJumped
               ? "The mailbox may have lost its last changes, please sign in again"
               : "The selected mailbox was deleted";
}

base::Status ImapSession::look_for_changes(TakeIn what) {
    mailbox_news_ = false;
    poll_ = base::Deadline::after(kNotifyPoll);
    // Without a wish for messages the client's view stays as it is (RFC 5465 5): only whether it
    // still is a view of something is asked.
    const NotifyEvents wished = wished_of_selected();
    const bool takes_in = what == TakeIn::All || wished.has(NotifyEvent::MessageNew);
    const auto read =
        context_.store.changes(mailbox_->id(), takes_in ? mailbox_->modseq() : kNothingIsNewer);
    if (!read) {
        poll_ = base::Deadline::after(kNotifyRetry);
        return read.error();
    }
    const MailboxChanges& changes = read.value();
    if (changes.info.uid_validity != mailbox_->uid_validity()) {
        return base::Error{base::Errc::NotFound, "UIDVALIDITY changed"};
    }
    if (changes.info.highest_modseq >= mailbox_->modseq() + storage::kModseqJump) {
        // The catalog was rebuilt, or is that of a primary that lacks commits: what this session
        // has seen and shows may not be there any more, and nothing will tell it so.
        return base::Error{base::Errc::NotFound, kNumbersJumped};
    }
    if (takes_in) {
        mailbox_->absorb(changes,
                         what == TakeIn::All || wished.has(NotifyEvent::FlagChange)
                             ? SelectedMailbox::OthersFlags::Tell
                             : SelectedMailbox::OthersFlags::Keep);
    }
    return base::Done{};
}

void ImapSession::report(SelectedMailbox::Expunges expunges, SelectedMailbox::Uids uids) {
    if (!mailbox_->has_news()) {
        return;
    }
    const std::uint32_t known = mailbox_->largest_uid();
    if (notifier_ != nullptr) {
        uids = SelectedMailbox::Uids::Include;  // RFC 5465 5.1
    }
    std::string out;
    mailbox_->report(out, expunges, uids);
    send(out);
    fetch_new_messages(known);
}

std::optional<ImapSession::PendingAppend> ImapSession::take_append() {
    return std::exchange(append_, std::nullopt);
}

base::Status ImapSession::fill() {
    if (!account_) {
        return stream_.fill(login_deadline_);
    }
    if (tells_between_commands() && reader_.is_idle()) {
        return fill_and_tell();
    }
    if (reader_.is_idle()) {
        base::Status soon = stream_.fill(base::Deadline::after(kShrinkAfter));
        if (soon || soon.error().code != base::Errc::Timeout) {
            return soon;
        }
        stream_.release_buffers();
    }
    return stream_.fill(base::Deadline::after(kImapIdleTimeout));
}

ImapSession::Next ImapSession::read_command() {
    while (true) {
        const CommandReader::Step step = reader_.feed(stream_.buffered());
        stream_.consume(step.consumed);
        switch (step.event) {
            case CommandReader::Event::NeedInput:
                if (const base::Status filled = fill(); !filled) {
                    end_for(filled.error());
                    return Next::End;
                }
                break;
            case CommandReader::Event::Literal:
                if (!on_literal()) {
                    return Next::End;
                }
                break;
            case CommandReader::Event::Command:
                return Next::Command;
            case CommandReader::Event::Rejected:
                return Next::Rejected;
            case CommandReader::Event::Overflow:
                end("too much input", "Too much input");
                return Next::End;
        }
    }
}

void ImapSession::refuse_literal(Reply reply) {
    refusal_ = std::move(reply);
    reader_.discard_rest();
}

/// False: the connection is over.
bool ImapSession::on_literal() {
    const LiteralHead head = reader_.literal();
    if (!account_ && head.size_bytes > kLiteralBytesBeforeLogin) {
        refuse_literal(bad("[TOOBIG] Literal too big before login"));
        return true;
    }
    if (!head.synchronising && head.size_bytes > kNonSyncLiteralBytesMax) {
        refuse_literal(bad("[TOOBIG] Literals of this size must be synchronizing"));
        return true;
    }
    const base::Result<LiteralPlan> plan = plan_literal(reader_.text());
    if (!plan) {
        refuse_literal(plan.error().code == base::Errc::Invalid ? invalid_arguments("APPEND")
                                                                : reply_for(plan.error()));
        return true;
    }
    if (plan.value().use == LiteralUse::Message) {
        return read_message(plan.value());
    }
    if (reader_.accept_literal() && head.synchronising) {
        send("+ Ready for literal data\r\n");
    }
    return !broken_;
}

bool ImapSession::read_message(const LiteralPlan& plan) {
    const LiteralHead head = reader_.literal();
    if (!account_ || append_) {
        refuse_literal(bad(append_ ? "One message at a time" : "Not signed in"));
        return true;
    }
    if (head.size_bytes > context_.settings.append_bytes_max) {
        refuse_literal(no("[TOOBIG] Message too big"));
        return true;
    }
    // Said before the message is sent, not after.
    if (const auto target = store().status(account_->id, plan.append.mailbox); !target) {
        const bool missing = target.error().code == base::Errc::NotFound;
        refuse_literal(missing ? no("[TRYCREATE] No such mailbox") : reply_for(target.error()));
        return true;
    }
    const auto size = static_cast<std::size_t>(head.size_bytes);
    PendingAppend pending{plan.append, {}, context_.append_budget.take(size)};
    if (!pending.share) {
        refuse_literal(no("[UNAVAILABLE] Too many messages are being sent, please try again"));
        return true;
    }
    if (head.synchronising) {
        send("+ Ready for the message\r\n");
    }
    pending.message.reserve(size);
    while (pending.message.size() < size) {
        const std::string_view here = stream_.buffered().substr(0, size - pending.message.size());
        pending.message.append(here);
        stream_.consume(here.size());
        if (pending.message.size() < size) {
            if (const base::Status filled =
                    stream_.fill(base::Deadline::after(kMessageStallTimeout));
                !filled) {
                end_for(filled.error());
                return false;
            }
        }
    }
    append_ = std::move(pending);
    reader_.take_literal();
    return true;
}

void ImapSession::answer_rejected() {
    const Reply reply =
        refusal_ ? *refusal_ : bad(std::string(reject_text(reader_.reject_reason())));
    std::string out;
    append_tagged(out, reader_.tag(), reply);
    send(out);
    bad_commands().add();
    if (++bad_commands_ >= kBadCommandsMax) {
        end("too many bad commands", "Too many bad commands");
    }
}

void ImapSession::run_command() {
    ImapCommand command{std::string(reader_.tag()), "", Numbers::Sequence, Cursor(reader_.text())};
    const auto answer_bad = [&](const char* text) { finish(command, bad(text)); };
    const base::Result<CommandHead> head = parse_head(command.arguments);
    if (!head) {
        answer_bad("Invalid command");
        return;
    }
    std::string_view name = head.value().name;
    if (equals_ignoring_case(name, "UID") && command.arguments.skip(' ')) {
        const auto inner = command.arguments.atom();
        name = inner ? inner.value() : std::string_view();
        command.numbers = Numbers::Uid;
    }
    const CommandRule* rule = find_command(name);
    if (rule == nullptr || (command.numbers == Numbers::Uid && !rule->has_uid_form)) {
        answer_bad("Unknown command");
        return;
    }
    if (!rule->allowed_in(state())) {
        answer_bad(account_ ? "Not possible in this state" : "Not possible in this state, sign in");
        return;
    }
    command.name = rule->name;
    base::set_fiber_note(rule->name);
    const CommandResult result = rule->run(*this, command);
    base::set_fiber_note("");
    finish(command, result);
}

void ImapSession::log_failure(const ImapCommand& command, const CommandResult& result) const {
    if (result) {
        return;
    }
    // A client's own mistakes must not fill the log: they are counted.
    const bool mistake = result.error().code == base::Errc::Invalid;
    const auto write = mistake ? base::log::debug : base::log::warning;
    write("access",
          "command failed",
          {{"session", id_}, {"command", command.name}, {"error", result.error()}});
}

/// Tells what is to be told at the end of a command. False: the session is over.
bool ImapSession::bring_up_to_date(const CommandRule& rule, Numbers numbers) {
    const bool look = rule.after == AfterCommand::LookAndTell;
    if (mailbox_ != nullptr) {
        const bool uid = numbers == Numbers::Uid;
        if (look || mailbox_news_) {
            const base::Status looked = look_for_changes();
            if (!looked && looked.error().code == base::Errc::NotFound) {
                end("mailbox gone", farewell(looked.error()));
                return false;
            }
            if (!looked && ends_session(looked.error())) {
                end_for(looked.error());
                return false;
            }
            // Otherwise the catalog is away: no news is not an error of this command.
        }
        const bool hold = rule.after == AfterCommand::HoldExpunges && !uid;
        report(hold ? SelectedMailbox::Expunges::Hold : SelectedMailbox::Expunges::Tell,
               uid ? SelectedMailbox::Uids::Include : SelectedMailbox::Uids::Omit);
    }
    if (const base::Status told = tell_account(look ? Look::Now : Look::IfNotified); !told) {
        end_for(told.error());
        return false;
    }
    return true;
}

/// Changes of the mailbox first, the tagged reply last.
void ImapSession::finish(const ImapCommand& command, const CommandResult& result) {
    if (broken_ || ended_) {
        return;
    }
    if (!result && ends_session(result.error())) {
        end_for(result.error());
        return;
    }
    const CommandRule* rule = find_command(command.name);
    if (rule != nullptr && rule->after != AfterCommand::Nothing &&
        !bring_up_to_date(*rule, command.numbers)) {
        return;
    }
    const Reply reply = reply_of(command, result);
    log_failure(command, result);
    std::string out;
    append_tagged(out, command.tag, reply);
    send(out);
    if (reply.kind == ReplyKind::Bad) {
        bad_commands().add();
        if (++bad_commands_ >= kBadCommandsMax) {
            end("too many bad commands", "Too many bad commands");
        }
    }
}

base::Result<std::string> ImapSession::ask(std::string_view prompt) {
    send(prompt);
    const base::Duration span = std::chrono::minutes(1);
    return read_line(account_ ? base::Deadline::after(span) : login_deadline_);
}

base::Result<std::string> ImapSession::read_line(base::Deadline deadline) {
    reader_.next_command(CommandReader::Mode::Line);
    while (!broken_) {
        const CommandReader::Step step = reader_.feed(stream_.buffered());
        stream_.consume(step.consumed);
        switch (step.event) {
            case CommandReader::Event::NeedInput:
                TRY(stream_.fill(deadline));
                break;
            case CommandReader::Event::Command:
                return std::string(reader_.text());
            case CommandReader::Event::Rejected:
                return base::Error{base::Errc::Invalid, "broken line"};
            case CommandReader::Event::Literal:
            case CommandReader::Event::Overflow:
                return base::Error{base::Errc::Closed, "line without end"};
        }
    }
    return base::Error{base::Errc::Closed, "client is gone"};
}

base::Result<bool> ImapSession::wait_for_news(base::Deadline deadline) {
    TRY(stream_.wait_readable_or(news_, deadline));
    return stream_.readable_now();
}

void ImapSession::end_for(const base::Error& error) {
    switch (error.code) {
        case base::Errc::Timeout:
            end("idle", account_ ? "Idle for too long" : "Sign in faster");
            break;
        case base::Errc::Cancelled:
            end("server stops", "[UNAVAILABLE] Server is shutting down");
            break;
        default:
            // Half a close perhaps: what was answered is sent still.
            end("client gone", "");
            break;
    }
}

void ImapSession::end(std::string_view reason, std::string_view bye) {
    if (!bye.empty()) {
        send(fmt::format("* BYE {}\r\n", bye));
    }
    ended_ = true;
    base::log::debug("access", "session ends", {{"session", id_}, {"reason", reason}});
}

void serve_imap(base::Stream& stream, AccessContext& context) {
    ImapSession session(stream, context);
    session.run();
}

}  // namespace accessd
