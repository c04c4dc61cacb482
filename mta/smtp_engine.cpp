#include "mta/smtp_engine.h"

#include <utility>

#include "base/check.h"
#include "mail/date.h"

namespace mta {

namespace {

constexpr int kServiceClosing = 421;

// What the error of a question means for the log; its reply is reply_for_error's.
Refusal refusal_of(base::Errc code, ReplyPhase phase) {
    if (code == base::Errc::Busy) {
        return Refusal::Overload;
    }
    if (phase == ReplyPhase::Sender) {
        return code == base::Errc::Refused ? Refusal::SenderBlocked : Refusal::SenderUnjudged;
    }
    if (phase != ReplyPhase::Recipient) {
        return Refusal::StoreFailed;
    }
    switch (code) {
        case base::Errc::NotFound:
            return Refusal::RecipientUnknown;
        case base::Errc::Refused:
            return Refusal::RelayDenied;
        case base::Errc::Invalid:
            return Refusal::RecipientSyntax;
        default:
            return Refusal::RecipientUnverified;
    }
}

struct FaultReply {
    Refusal refusal;
    Reply reply;
};

FaultReply reply_for_fault(DataFault fault) {
    switch (fault) {
        case DataFault::BareCr:
            return {Refusal::BareCr, {550, "5.6.0", "Message has a bare CR (RFC 5321 2.3.8)"}};
        case DataFault::BareLf:
            return {Refusal::BareLf, {550, "5.6.0", "Message has a bare LF (RFC 5321 2.3.8)"}};
        case DataFault::Nul:
            return {Refusal::Nul, {550, "5.6.0", "Message has a NUL octet"}};
        case DataFault::TooLarge:
            return {Refusal::MessageTooLarge, {552, "5.3.4", "Message too large"}};
        case DataFault::TooManyHops:
            return {Refusal::TooManyHops, {554, "5.4.6", "Too many hops, mail loop"}};
        case DataFault::NoMemory:
        case DataFault::None:
            break;
    }
    return {Refusal::NoMemory, {452, "4.3.1", "Not enough room now, try again later"}};
}

}  // namespace

SmtpEngine::SmtpEngine(const EngineSettings& settings,
                       std::string peer_literal,
                       ByteBudget& budget,
                       EngineObserver& observer)
    : settings_(settings),
      peer_literal_(std::move(peer_literal)),
      budget_(budget),
      observer_(observer) {
    CHECK(settings.recipients_max >= kRecipientsMin);
}

SmtpEngine::~SmtpEngine() {
    end_transaction(TransactionEnd::Abandoned);
}

void SmtpEngine::greet(EarlyTalk early_talk) {
    if (early_talk == EarlyTalk::Yes) {
        close_with(Refusal::EarlyTalk, {554, "5.5.0", "SMTP protocol synchronization"});
        return;
    }
    reply(220, "", settings_.host_name + " ESMTP Roundtable");
}

Action SmtpEngine::advance(std::string_view& input) {
    for (;;) {
        if (phase_ == Phase::Closing) {
            return Action::Close;
        }
        if (shutting_down_ && !in_transaction()) {
            close_with(Refusal::Shutdown, {421, "4.3.2", "Shutting down, try again later"});
            continue;
        }
        std::optional<Action> action;
        if (phase_ == Phase::Data) {
            if (data_->feed(input)) {
                action = on_data_end();
            } else if (data_->size_bytes() > 2 * settings_.size_max_bytes + kSkippedDataMax) {
                close_with(Refusal::MessageTooLarge, {552, "5.3.4", "Message too large"});
            } else {
                return Action::Read;
            }
        } else {
            const std::optional<Line> line = lines_.next(input);
            if (!line) {
                return Action::Read;
            }
            action = on_line(*line, input.empty() ? GroupEnd::Yes : GroupEnd::No);
        }
        if (action) {
            return *action;
        }
    }
}

std::optional<Action> SmtpEngine::on_line(const Line& line, GroupEnd group_end) {
    if (line.fault != LineFault::None) {
        on_line_fault(line.fault);
        return std::nullopt;
    }
    const CommandLine command = parse_command_line(line.text);
    if (breaks_synchronisation(command.verb, group_end)) {
        close_with(Refusal::Synchronisation, {554, "5.5.0", "SMTP protocol synchronization"});
        return std::nullopt;
    }
    const bool long_allowed = command.verb == Verb::Mail || command.verb == Verb::Rcpt;
    if (!long_allowed && line.text.size() + 2 > kCommandLineMax) {
        on_line_fault(LineFault::TooLong);
        return std::nullopt;
    }
    return on_command(command);
}

// RFC 2920 3.1. QUIT is let through: nothing behind it is read.
bool SmtpEngine::breaks_synchronisation(Verb verb, GroupEnd group_end) const {
    if (group_end == GroupEnd::Yes || verb == Verb::Quit) {
        return false;
    }
    return protocol_ == Protocol::Smtp || verb == Verb::Ehlo || verb == Verb::Helo ||
           verb == Verb::Data;
}

void SmtpEngine::on_line_fault(LineFault fault) {
    switch (fault) {
        case LineFault::TooLong:
            wrong_command(Refusal::LineTooLong, 500, "5.5.2", "Line too long");
            return;
        case LineFault::BareCr:
        case LineFault::BareLf:
            wrong_command(Refusal::LineEnd, 500, "5.5.2", "Lines end in CRLF, nothing else");
            return;
        case LineFault::Flood:
            close_with(Refusal::LineTooLong, {421, "4.7.0", "Too much that is no command"});
            return;
        case LineFault::Character:
        case LineFault::None:
            wrong_command(Refusal::Character, 500, "5.5.2", "Syntax error, invalid character");
            return;
    }
}

std::optional<Action> SmtpEngine::on_command(const CommandLine& command) {
    switch (command.verb) {
        case Verb::Ehlo:
        case Verb::Helo:
            on_hello(command);
            return std::nullopt;
        case Verb::Mail:
            return on_mail(command.argument);
        case Verb::Rcpt:
            return on_rcpt(command.argument);
        case Verb::Data:
            return on_data(command.argument);
        case Verb::Rset:
        case Verb::Noop:
        case Verb::Vrfy:
        case Verb::Help:
        case Verb::Quit:
            on_idle_command(command);
            return std::nullopt;
        case Verb::Expn:
        case Verb::StartTls:
        case Verb::Auth:
            wrong_command(Refusal::NotOffered, 502, "5.5.1", "Command not offered");
            return std::nullopt;
        case Verb::Bdat:
            // The chunk that follows would be read as commands (RFC 3030 2): nothing safe is left.
            close_with(Refusal::NotOffered, {554, "5.5.1", "CHUNKING is not offered"});
            return std::nullopt;
        case Verb::Foreign:
            close_with(Refusal::ForeignProtocol, {554, "5.5.1", "This is SMTP"});
            return std::nullopt;
        case Verb::Unknown:
            break;
    }
    if (++unknown_commands_ > settings_.unknown_commands_max) {
        close_with(Refusal::ErrorLimit, {421, "4.7.0", "Too many unknown commands"});
    } else {
        wrong_command(Refusal::UnknownCommand, 500, "5.5.1", "Unknown command");
    }
    return std::nullopt;
}

void SmtpEngine::on_hello(const CommandLine& command) {
    if (!is_client_name(command.argument)) {
        wrong_command(Refusal::Syntax, 501, "5.5.4", "Give a domain or an address literal");
        return;
    }
    // RFC 5321 4.1.4: a later EHLO clears the transaction as RSET does.
    end_transaction(TransactionEnd::Abandoned);
    client_name_ = command.argument;
    phase_ = Phase::Ready;
    if (command.verb == Verb::Helo) {
        protocol_ = Protocol::Smtp;
        reply(250, "", settings_.host_name);
        return;
    }
    protocol_ = Protocol::Esmtp;
    reply(250,
          "",
          settings_.host_name + "\nPIPELINING\nSIZE " + std::to_string(settings_.size_max_bytes) +
              "\n8BITMIME\nENHANCEDSTATUSCODES");
}

std::optional<Action> SmtpEngine::on_mail(std::string_view argument) {
    if (phase_ == Phase::Connected) {
        wrong_command(Refusal::Sequence, 503, "5.5.1", "Say EHLO first");
        return std::nullopt;
    }
    if (in_transaction()) {
        wrong_command(Refusal::Sequence, 503, "5.5.1", "A transaction is open");
        return std::nullopt;
    }
    MailArguments arguments = parse_mail_arguments(argument);
    if (arguments.fault == SyntaxFault::None && arguments.parameter_count > 0 &&
        protocol_ == Protocol::Smtp) {
        arguments.fault = SyntaxFault::UnknownParameter;  // none was offered to HELO
    }
    if (arguments.fault != SyntaxFault::None) {
        on_syntax_fault(arguments.fault, Refusal::SenderSyntax);
        return std::nullopt;
    }
    transaction_open_ = true;
    observer_.on_transaction_begun();
    sender_ = std::move(arguments.sender);
    announced_size_bytes_ = arguments.size_bytes.value_or(0);
    body_type_ = arguments.body_type;
    if (announced_size_bytes_ > settings_.size_max_bytes) {
        refuse(Refusal::MessageTooLarge, {552, "5.3.4", "Message too large"});
        end_transaction(TransactionEnd::Policy);
        return std::nullopt;
    }
    return Action::CheckSender;
}

void SmtpEngine::answer_sender(const base::Status& verdict, ReplyPhase phase) {
    const std::string sender = sender_ ? sender_->text() : std::string();
    if (!verdict) {
        const Reply refused = reply_for_error(verdict.error(), phase);
        const bool ours = refused.is_temporary();
        if (!ours && ++errors_ > settings_.errors_max) {
            end_transaction(TransactionEnd::Policy);
            close_with(Refusal::ErrorLimit, {421, "4.7.0", "Too many refused senders"});
            return;
        }
        refuse(refusal_of(verdict.error().code, phase), refused, sender);
        end_transaction(ours ? TransactionEnd::Resources : TransactionEnd::Policy);
        close_after(refused);
        return;
    }
    envelope_.sender = sender;
    envelope_.body_type = body_type_;
    phase_ = Phase::MailGiven;
    reply(250, "2.1.0", "Sender ok");
}

std::optional<Action> SmtpEngine::on_rcpt(std::string_view argument) {
    if (!in_transaction()) {
        wrong_command(Refusal::Sequence, 503, "5.5.1", "Say MAIL first");
        return std::nullopt;
    }
    RcptArguments arguments = parse_rcpt_arguments(argument);
    if (arguments.fault != SyntaxFault::None) {
        on_syntax_fault(arguments.fault, Refusal::RecipientSyntax);
        return std::nullopt;
    }
    recipient_ = std::move(arguments.recipient);
    if (recipient_keys_.contains(mail::normalised(recipient_).text())) {
        reply(250, "2.1.5", "Recipient ok");
        return std::nullopt;
    }
    if (envelope_.recipients.size() >= settings_.recipients_max) {
        refuse(Refusal::TooManyRecipients, {452, "4.5.3", "Too many recipients"});
        return std::nullopt;
    }
    return Action::CheckRecipient;
}

void SmtpEngine::answer_recipient(const base::Result<VerifiedRecipient>& verdict) {
    if (verdict) {
        // The key as given folds a repeated RCPT before it is asked about again; the key as
        // verified folds <Postmaster> with its full form.
        const base::Result<mail::Address> verified = mail::parse_mailbox(verdict.value().address);
        const bool is_new =
            recipient_keys_
                .insert(mail::normalised(verified ? verified.value() : recipient_).text())
                .second;
        recipient_keys_.insert(mail::normalised(recipient_).text());
        if (is_new) {
            mail::Recipient recipient;
            recipient.address = verdict.value().address;
            recipient.account_id = verdict.value().account_id;
            envelope_.recipients.push_back(std::move(recipient));
        }
        phase_ = Phase::RcptGiven;
        reply(250, "2.1.5", "Recipient ok");
        return;
    }
    const Reply refused = reply_for_error(verdict.error(), ReplyPhase::Recipient);
    if (refused.is_temporary()) {
        resources_refused_ = true;
    } else if (++unknown_recipients_ > settings_.unknown_recipients_max) {
        close_with(Refusal::ErrorLimit, {421, "4.7.0", "Too many refused recipients"});
        return;
    }
    refuse(refusal_of(verdict.error().code, ReplyPhase::Recipient), refused, recipient_.text());
    close_after(refused);
}

std::optional<Action> SmtpEngine::on_data(std::string_view argument) {
    if (!argument.empty()) {
        wrong_command(Refusal::Syntax, 501, "5.5.4", "DATA takes no argument");
        return std::nullopt;
    }
    if (!in_transaction()) {
        wrong_command(Refusal::Sequence, 503, "5.5.1", "Say MAIL first");
        return std::nullopt;
    }
    if (phase_ != Phase::RcptGiven) {
        // RFC 5321 3.3: 503 or 554. When we could not verify anyone it is not the client's error,
        // and the reply must not make it bounce.
        if (resources_refused_) {
            refuse(Refusal::RecipientUnverified, {451, "4.4.3", "No recipient verified yet"});
        } else {
            wrong_command(Refusal::Sequence, 554, "5.5.1", "No valid recipients");
        }
        return std::nullopt;
    }
    return Action::BeginData;
}

void SmtpEngine::answer_begin_data(std::string_view trace_id, std::int64_t now_us) {
    received_us_ = now_us;
    data_.emplace(trace_fields(trace_id), settings_.size_max_bytes, ByteShare(budget_));
    phase_ = Phase::Data;
    reply(354, "", "End data with <CR><LF>.<CR><LF>");
}

std::optional<Action> SmtpEngine::on_data_end() {
    if (data_->fault() == DataFault::None) {
        return Action::Store;
    }
    const FaultReply fault = reply_for_fault(data_->fault());
    refuse(fault.refusal, fault.reply, envelope_.sender);
    end_transaction(fault.reply.is_temporary() ? TransactionEnd::Resources
                                               : TransactionEnd::Policy);
    return std::nullopt;
}

ReceivedMail SmtpEngine::take_mail() {
    return ReceivedMail{
        std::move(envelope_), received_us_, data_->take_message(), data_->take_share()};
}

void SmtpEngine::answer_store(const Reply& reply) {
    if (!reply.is_positive()) {
        answer_refused(
            reply.is_temporary() ? Refusal::StoreFailed : Refusal::ContentRefused, reply, {});
        return;
    }
    append_reply(output_, reply);
    end_transaction(TransactionEnd::Accepted);
    errors_ = 0;
    unknown_commands_ = 0;
    unknown_recipients_ = 0;
    idle_commands_ = 0;
}

void SmtpEngine::answer_refused(Refusal refusal, const Reply& reply, std::string_view about) {
    refuse(refusal, reply, about);
    end_transaction(reply.is_temporary() ? TransactionEnd::Resources : TransactionEnd::Policy);
    close_after(reply);
}

void SmtpEngine::on_idle_command(const CommandLine& command) {
    if (command.verb == Verb::Quit) {
        if (command.argument.empty()) {
            end_transaction(TransactionEnd::Abandoned);
            reply(221, "2.0.0", settings_.host_name + " closing");
            phase_ = Phase::Closing;
        } else {
            wrong_command(Refusal::Syntax, 501, "5.5.4", "QUIT takes no argument");
        }
        return;
    }
    if (++idle_commands_ > settings_.idle_commands_max) {
        close_with(Refusal::ErrorLimit, {421, "4.7.0", "Too many commands without mail"});
        return;
    }
    switch (command.verb) {
        case Verb::Rset:
            if (!command.argument.empty()) {
                wrong_command(Refusal::Syntax, 501, "5.5.4", "RSET takes no argument");
                return;
            }
            end_transaction(TransactionEnd::Abandoned);
            reply(250, "2.0.0", "Ok");
            return;
        case Verb::Vrfy:
            if (command.argument.empty()) {
                wrong_command(Refusal::Syntax, 501, "5.5.4", "VRFY takes an address");
                return;
            }
            // RFC 5321 7.3: who exists is told to who sends mail, not to who asks around.
            reply(252, "2.5.0", "Cannot verify, but will take mail for it if it exists");
            return;
        case Verb::Help:
            reply(214, "2.0.0", "EHLO HELO MAIL RCPT DATA RSET NOOP QUIT VRFY HELP (RFC 5321)");
            return;
        default:
            reply(250, "2.0.0", "Ok");
            return;
    }
}

void SmtpEngine::on_syntax_fault(SyntaxFault fault, Refusal address_refusal) {
    const bool sender = address_refusal == Refusal::SenderSyntax;
    switch (fault) {
        case SyntaxFault::UnknownParameter:
            wrong_command(Refusal::Syntax, 555, "5.5.4", "Parameter not offered");
            return;
        case SyntaxFault::ParameterValue:
            wrong_command(Refusal::Syntax, 501, "5.5.4", "Bad parameter value");
            return;
        case SyntaxFault::Address:
        case SyntaxFault::AddressTooLong:
            wrong_command(address_refusal,
                          501,
                          sender ? "5.1.7" : "5.1.3",
                          fault == SyntaxFault::Address ? "Bad address" : "Address too long");
            return;
        case SyntaxFault::Syntax:
        case SyntaxFault::None:
            wrong_command(Refusal::Syntax,
                          501,
                          "5.5.2",
                          sender ? "Syntax: MAIL FROM:<address>" : "Syntax: RCPT TO:<address>");
            return;
    }
}

void SmtpEngine::shut_down() {
    shutting_down_ = true;
}

void SmtpEngine::abort(Refusal refusal, Reply reply) {
    if (phase_ != Phase::Closing) {
        resources_refused_ = resources_refused_ || refusal >= Refusal::RecipientUnverified;
        close_with(refusal, reply);
    }
}

void SmtpEngine::reply(int code, std::string_view enhanced, std::string text) {
    append_reply(output_, Reply{code, enhanced, std::move(text)});
}

void SmtpEngine::refuse(Refusal refusal, const Reply& reply, std::string_view about) {
    observer_.on_refused(refusal, reply, about);
    append_reply(output_, reply);
}

void SmtpEngine::wrong_command(Refusal refusal,
                               int code,
                               std::string_view enhanced,
                               std::string text) {
    if (++errors_ > settings_.errors_max) {
        close_with(Refusal::ErrorLimit, {421, "4.7.0", "Too many errors"});
        return;
    }
    refuse(refusal, Reply{code, enhanced, std::move(text)});
}

void SmtpEngine::close_with(Refusal refusal, const Reply& reply) {
    refuse(refusal, reply);
    end_transaction(resources_refused_ ? TransactionEnd::Resources : TransactionEnd::Abandoned);
    phase_ = Phase::Closing;
}

// RFC 5321 3.8: 421 says that the channel closes, whatever it was the reply to.
void SmtpEngine::close_after(const Reply& reply) {
    if (reply.code == kServiceClosing) {
        end_transaction(TransactionEnd::Abandoned);
        phase_ = Phase::Closing;
    }
}

void SmtpEngine::end_transaction(TransactionEnd end) {
    if (phase_ > Phase::Ready) {
        phase_ = Phase::Ready;
    }
    const bool resources_refused = std::exchange(resources_refused_, false);
    envelope_ = {};
    recipient_keys_.clear();
    data_.reset();
    if (std::exchange(transaction_open_, false)) {
        // A client that gives up because we could not serve it was refused by us.
        const bool ours = end == TransactionEnd::Abandoned && resources_refused;
        observer_.on_transaction_ended(ours ? TransactionEnd::Resources : end);
    }
}

// RFC 5321 4.4: Return-Path is ours to add because we make the final delivery; Received says how
// the message came. The recipient is named only if there is one: the others are nobody's business.
std::string SmtpEngine::trace_fields(std::string_view trace_id) const {
    std::string out = "Return-Path: <" + envelope_.sender + ">\r\n";
    out += "Received: from " + client_name_ + " (" + peer_literal_ + ")\r\n\tby " +
           settings_.host_name;
    out += protocol_ == Protocol::Esmtp ? " with ESMTP id " : " with SMTP id ";
    out += trace_id;
    if (envelope_.recipients.size() == 1) {
        out += "\r\n\tfor <" + envelope_.recipients.front().address + ">";
    }
    out += ";\r\n\t" + mail::format_header_date({received_us_ / 1'000'000, 0}) + "\r\n";
    return out;
}

}  // namespace mta
