#include "access/pop3_session.h"

#include <algorithm>
#include <utility>

#include <fmt/core.h>

#include "access/imap_arguments.h"
#include "access/imap_chars.h"
#include "access/limits.h"
#include "access/pop3_format.h"
#include "base/fiber.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/random.h"

namespace accessd {
namespace {

/// Broken commands that a connection may send in its life.
constexpr unsigned kBadCommandsMax = 30;
/// Wrong passwords on one connection.
constexpr unsigned kFailedSignInsMax = 5;
constexpr base::Duration kGoodbyeTimeout = std::chrono::seconds(5);
/// How much of a response is made before it is sent.
constexpr std::size_t kPieceBytes = std::size_t{32} * 1024;
/// A response to AUTH's challenge may be longer than a command (RFC 5034 4).
constexpr std::size_t kSaslLineMax = std::size_t{4} * 1024;

static_assert(kPop3IdleTimeout % kMaildropRenewal == std::chrono::seconds(0));

base::Counter& bad_commands() {
    static base::Counter& counter = base::counter("roundtable_pop3_bad_commands_total",
                                                  "POP3 commands that made no sense",
                                                  {{"folder", "access"}});
    return counter;
}

}  // namespace

Pop3Session::Pop3Session(base::Stream& stream, AccessContext& context)
    : stream_(stream),
      context_(context),
      id_(fmt::format("{:016x}", base::random_u64())),
      reader_(kPop3LineMax),
      login_deadline_(base::Deadline::after(kLoginTimeout)) {
}

void Pop3Session::run() {
    ok(fmt::format("{} POP3 server ready", context_.settings.name));
    while (!ended_ && !broken_) {
        switch (read_line(kPop3LineMax)) {
            case Next::Line:
                run_line();
                break;
            case Next::Rejected:
                err(reject_text(reader_.reject_reason()));
                ++bad_commands_;
                bad_commands().add();
                break;
            case Next::End:
                ended_ = true;
                break;
        }
        if (bad_commands_ >= kBadCommandsMax && !ended_) {
            err("Too many bad commands");
            ended_ = true;
        }
    }
    signed_in_.reset();
    release_lock();
    if (!broken_) {
        (void)stream_.flush(base::Deadline::after(kGoodbyeTimeout));  // nobody is left to tell
    }
    base::log::debug("access", "session ends", {{"session", id_}});
}

// ---- lines

Pop3Session::Next Pop3Session::read_line(std::size_t bytes_max) {
    reader_.set_bytes_max(bytes_max);
    reader_.next_command(CommandReader::Mode::Line);
    while (true) {
        const CommandReader::Step step = reader_.feed(stream_.buffered());
        stream_.consume(step.consumed);
        switch (step.event) {
            case CommandReader::Event::NeedInput:
                if (!wait_for_input()) {
                    return Next::End;
                }
                break;
            case CommandReader::Event::Command:
                return Next::Line;
            case CommandReader::Event::Rejected:
                return Next::Rejected;
            case CommandReader::Event::Literal:
            case CommandReader::Event::Overflow:
                err("Too much input");
                return Next::End;
        }
    }
}

/// RFC 1939 3: a session that was idle for long ends without a word and without UPDATE state. The
/// lock is kept alive meanwhile.
base::Status Pop3Session::wait_for_input() {
    if (!maildrop_) {
        return stream_.fill(login_deadline_);
    }
    renew_lock_if_due();
    if (reader_.is_idle()) {
        base::Status soon = stream_.fill(base::Deadline::after(kShrinkAfter));
        if (soon || soon.error().code != base::Errc::Timeout) {
            return soon;
        }
        stream_.release_buffers();
    }
    for (auto waited = std::chrono::seconds(0); waited < kPop3IdleTimeout;
         waited += kMaildropRenewal) {
        base::Status filled = stream_.fill(base::Deadline::after(kMaildropRenewal));
        if (filled || filled.error().code != base::Errc::Timeout) {
            return filled;
        }
        renew_lock();
    }
    return base::Error{base::Errc::Timeout, "idle"};
}

void Pop3Session::run_line() {
    const base::Result<Pop3Command> command = parse_pop3_command(reader_.text());
    if (!command) {
        err(command.error().detail);
        ++bad_commands_;
        bad_commands().add();
        return;
    }
    base::set_fiber_note(pop3_verb_name(command.value().verb));
    run_command(command.value());
    base::set_fiber_note("");
}

// ---- commands

void Pop3Session::run_command(const Pop3Command& command) {
    switch (command.verb) {
        case Pop3Verb::Capa:
            capa();
            return;
        case Pop3Verb::Quit:
            quit();
            return;
        default:
            break;
    }
    if (maildrop_) {
        run_in_transaction(command);
    } else {
        run_before_sign_in(command);
    }
}

void Pop3Session::run_before_sign_in(const Pop3Command& command) {
    // PASS must follow its USER at once (RFC 1939 7).
    const std::optional<std::string> user = std::exchange(user_, std::nullopt);
    const bool signs_in = command.verb == Pop3Verb::User || command.verb == Pop3Verb::Pass ||
                          command.verb == Pop3Verb::Auth;
    if (!signs_in) {
        err("Sign in first");
        return;
    }
    if (!may_take_password(context_.settings, stream_)) {
        err("Encryption is required to sign in");
        return;
    }
    switch (command.verb) {
        case Pop3Verb::User:
            user_ = command.text;
            ok("Password please");  // whether the name exists is not told
            break;
        case Pop3Verb::Pass:
            if (user) {
                sign_in(*user, command.text);
            } else {
                err("USER first");
            }
            break;
        default:
            auth(command);
            break;
    }
}

void Pop3Session::run_in_transaction(const Pop3Command& command) {
    switch (command.verb) {
        case Pop3Verb::Stat:
            stat();
            break;
        case Pop3Verb::List:
        case Pop3Verb::Uidl:
            list(command);
            break;
        case Pop3Verb::Retr:
        case Pop3Verb::Top:
            retrieve(command);
            break;
        case Pop3Verb::Dele:
            remove(command);
            break;
        case Pop3Verb::Noop:
            ok("");
            break;
        case Pop3Verb::Rset:
            reset();
            break;
        default:
            err("Signed in already");
            break;
    }
}

/// RFC 2449 5 and 6.
void Pop3Session::capa() {
    std::string text =
        "+OK Capabilities\r\nTOP\r\nUIDL\r\nRESP-CODES\r\nAUTH-RESP-CODE\r\nPIPELINING\r\n"
        "EXPIRE NEVER\r\n";
    if (may_take_password(context_.settings, stream_)) {
        text += "USER\r\nSASL PLAIN\r\n";
    }
    text += "IMPLEMENTATION Roundtable\r\n.\r\n";
    send(text);
}

// ---- signing in

void Pop3Session::auth(const Pop3Command& command) {
    if (!equals_ignoring_case(command.text, "PLAIN")) {
        err("No such mechanism");
        return;
    }
    std::string response;
    if (command.initial_response) {
        response = *command.initial_response;
    } else {
        send("+ \r\n");
        const Next next = broken_ ? Next::End : read_line(kSaslLineMax);
        if (next == Next::End) {
            ended_ = true;
            return;
        }
        if (next == Next::Rejected) {
            err(reject_text(reader_.reject_reason()));
            return;
        }
        response = reader_.text();
        if (response == "*") {
            err("AUTH cancelled");
            return;
        }
    }
    const base::Result<std::string> message = decode_base64(response);
    const auto plain = message ? parse_plain_response(message.value())
                               : base::Result<PlainResponse>(message.error());
    if (!plain) {
        err("Malformed response");
        return;
    }
    const PlainResponse& who = plain.value();
    if (!who.authorization.empty() && !equals_ignoring_case(who.authorization, who.user)) {
        err("[AUTH] Not allowed to act for another");
        return;
    }
    sign_in(who.user, who.password);
}

void Pop3Session::sign_in(std::string_view user, std::string_view password) {
    const base::Result<AccountRecord> account =
        context_.sign_in.verify(user, password, stream_.peer().address());
    if (!account) {
        refuse_sign_in(user, account.error());
        return;
    }
    if (const base::Status opened = open_maildrop(account.value()); !opened) {
        release_lock();
        const bool in_use = opened.error().code == base::Errc::Exists;
        base::log::info(
            "access",
            "maildrop not opened",
            {{"session", id_}, {"login", account.value().login}, {"error", opened.error()}});
        err(in_use ? "[IN-USE] Another session has this maildrop"
                   : pop3_error_text({base::Errc::Unavailable, ""}));
        return;
    }
    base::log::info(
        "access",
        "signed in",
        {{"session", id_}, {"peer", stream_.peer().to_text()}, {"login", account.value().login}});
    signed_in_.emplace(context_.store, account.value(), SignedInNote::Service::Pop, id_, stream_);
    std::uint64_t octets = 0;
    for (const Message& message : maildrop_->messages) {
        octets += message.size;
    }
    ok(fmt::format("Maildrop has {} messages ({} octets)", maildrop_->messages.size(), octets));
}

void Pop3Session::refuse_sign_in(std::string_view user, const base::Error& error) {
    base::log::info(
        "access",
        "sign-in refused",
        {{"session", id_}, {"peer", stream_.peer().to_text()}, {"user", user}, {"error", error}});
    if (error.code != base::Errc::Refused) {
        err(error);
        return;
    }
    err("[AUTH] Name or password wrong");
    ended_ = ended_ || ++failed_sign_ins_ >= kFailedSignInsMax;
}

/// Exists: another session holds the maildrop. All other errors: it cannot be read now.
base::Status Pop3Session::open_maildrop(const AccountRecord& account) {
    base::Result<MaildropLock> lock =
        context_.store.lock_maildrop(account.id, context_.settings.name + "/" + id_);
    if (!lock) {
        const bool held = lock.error().code == base::Errc::Busy;
        return base::Error{held ? base::Errc::Exists : base::Errc::Unavailable,
                           lock.error().detail};
    }
    maildrop_ = Maildrop();  // clang 14 does not let emplace() see a nested class's defaults
    maildrop_->lock = lock.value();
    maildrop_->renewed = base::monotonic_now();
    const MailboxInfo info = TRY(context_.store.status(account.id, "INBOX"));
    // \Recent is left to IMAP.
    const MailboxView view = TRY(context_.store.open(info.id, OpenMode::Examine));
    maildrop_->mailbox = view.info.id;
    maildrop_->uid_validity = view.info.uid_validity;
    maildrop_->messages.reserve(view.messages.size());
    for (const MailboxMessage& message : view.messages) {
        maildrop_->messages.push_back({message.id, message.uid, message.size, false, false});
    }
    return base::Done{};
}

// ---- the transaction

void Pop3Session::stat() {
    std::uint64_t count = 0;
    std::uint64_t octets = 0;
    for (const Message& message : maildrop_->messages) {
        count += message.deleted ? 0U : 1U;
        octets += message.deleted ? 0U : message.size;
    }
    ok(fmt::format("{} {}", count, octets));
}

Pop3Session::Message* Pop3Session::find(const Pop3Command& command) {
    const std::size_t number = command.message.value_or(0);
    if (number == 0 || number > maildrop_->messages.size()) {
        err("No such message");
        return nullptr;
    }
    Message& message = maildrop_->messages[number - 1];
    if (message.deleted) {
        err("The message is marked as deleted");
        return nullptr;
    }
    return &message;
}

/// "1 120" or "1 4711.17".
std::string Pop3Session::listing(const Message& message, Pop3Verb verb) const {
    const auto number = &message - maildrop_->messages.data() + 1;
    if (verb == Pop3Verb::Uidl) {
        return fmt::format("{} {}", number, pop3_unique_id(maildrop_->uid_validity, message.uid));
    }
    return fmt::format("{} {}", number, message.size);
}

void Pop3Session::list(const Pop3Command& command) {
    if (command.message) {
        if (const Message* const message = find(command)) {
            ok(listing(*message, command.verb));
        }
        return;
    }
    std::string text = "+OK\r\n";
    for (const Message& message : maildrop_->messages) {
        if (!message.deleted) {
            text.append(listing(message, command.verb)).append("\r\n");
        }
        if (text.size() >= kPieceBytes) {
            send(text);
            text.clear();
        }
    }
    send(text.append(".\r\n"));
}

void Pop3Session::retrieve(const Pop3Command& command) {
    Message* const message = find(command);
    if (message == nullptr) {
        return;
    }
    const base::Result<MailStore::MessagePtr> read = context_.store.read_message(message->id);
    if (!read) {
        base::log::warning(
            "access",
            "message not read",
            {{"session", id_}, {"message", message->id.text()}, {"error", read.error()}});
        err(read.error());
        return;
    }
    const bool whole = command.verb == Pop3Verb::Retr;
    Pop3MessageText lines(*read.value(), whole ? std::nullopt : std::optional(command.lines));
    std::string piece =
        whole ? fmt::format("+OK {} octets\r\n", message->size) : std::string("+OK\r\n");
    while (!broken_ && lines.append_piece(piece, kPieceBytes)) {
        send(piece);
        piece.clear();
        renew_lock_if_due();
    }
    send(piece);
    message->retrieved = message->retrieved || whole;
}

void Pop3Session::remove(const Pop3Command& command) {
    if (Message* const message = find(command)) {
        message->deleted = true;
        ok("Will be deleted at QUIT");
    }
}

void Pop3Session::reset() {
    for (Message& message : maildrop_->messages) {
        message.deleted = false;
    }
    ok("Nothing is marked as deleted");
}

void Pop3Session::quit() {
    ended_ = true;
    if (!maildrop_) {
        ok("Bye");
        return;
    }
    const base::Status updated = update();
    release_lock();
    if (!updated) {
        base::log::warning(
            "access", "messages not deleted", {{"session", id_}, {"error", updated.error()}});
        err("[SYS/TEMP] Some deleted messages were not removed");
        return;
    }
    ok("Bye");
}

/// UPDATE state, RFC 1939 6.
base::Status Pop3Session::update() {
    mail::UidSet deleted;
    mail::UidSet seen;
    for (const Message& message : maildrop_->messages) {
        if (message.deleted) {
            deleted.add(message.uid);
        } else if (message.retrieved) {
            seen.add(message.uid);
        }
    }
    if (!seen.empty()) {
        FlagRequest request;
        request.uids = seen;
        request.flags.flags = mail::Flags::Seen;
        if (const auto stored = context_.store.store_flags(maildrop_->mailbox, request); !stored) {
            // Nothing is lost but a mark.
            base::log::info("access",
                            "messages not marked seen",
                            {{"session", id_}, {"error", stored.error()}});
        }
    }
    if (deleted.empty()) {
        return base::Done{};
    }
    // A session elsewhere may hold the maildrop if our lease lapsed: then nothing is deleted.
    TRY(context_.store.renew_maildrop(maildrop_->lock));
    (void)TRY(context_.store.expunge(maildrop_->mailbox, deleted, ExpungeWhich::All));
    return base::Done{};
}

// ---- the lock

void Pop3Session::renew_lock() {
    maildrop_->renewed = base::monotonic_now();
    if (const base::Status renewed = context_.store.renew_maildrop(maildrop_->lock); !renewed) {
        // QUIT asks again, and deletes nothing if it lapsed.
        base::log::info(
            "access", "maildrop lock not renewed", {{"session", id_}, {"error", renewed.error()}});
    }
}

void Pop3Session::renew_lock_if_due() {
    if (base::monotonic_now() - maildrop_->renewed >= kMaildropRenewal) {
        renew_lock();
    }
}

void Pop3Session::release_lock() {
    if (!maildrop_) {
        return;
    }
    (void)context_.store.release_maildrop(maildrop_->lock);  // else it lapses
    maildrop_.reset();
}

// ---- replies

void Pop3Session::ok(std::string_view text) {
    send(text.empty() ? "+OK\r\n" : fmt::format("+OK {}\r\n", text));
}

void Pop3Session::err(std::string_view text) {
    send(fmt::format("-ERR {}\r\n", text));
}

void Pop3Session::err(const base::Error& error) {
    err(pop3_error_text(error));
    ended_ = ended_ || error.code == base::Errc::Cancelled;
}

void Pop3Session::send(std::string_view bytes) {
    if (!broken_ && !stream_.write(bytes)) {
        broken_ = true;
    }
}

void serve_pop3(base::Stream& stream, AccessContext& context) {
    Pop3Session session(stream, context);
    session.run();
}

}  // namespace accessd
