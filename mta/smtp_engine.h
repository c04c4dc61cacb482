#pragma once

// The rules of an inbound SMTP session (RFC 5321) as a pure state machine: octets and answers in,
// replies and questions out. It has no socket, clock, file or database; mta/session does the
// waiting.
//
// Use: greet() once; then advance(input) again and again. It consumes input, appends replies to
// output(), and says what the shell has to do next (Action). A question (CheckSender,
// CheckRecipient, BeginData, Store) must be answered by its answer_... call before advance() is
// called again. After Close nothing may be called but output().
//
// Strictness (RFC 2920 3.1): EHLO, HELO and DATA end a group of commands. Octets that are already
// there behind them, or before the greeting, come from a peer that does not listen: 554 5.5.0 and
// close. A client that said HELO was not offered PIPELINING: for it each command ends a group.
//
// Thread rule: one thread at a time. Owner: the session. Borrows the settings, the budget and the
// observer, which outlive it. Limits: EngineSettings, line_reader.h, data_reader.h.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>

#include "mail/envelope.h"
#include "mail/kind.h"
#include "mta/byte_budget.h"
#include "mta/data_reader.h"
#include "mta/line_reader.h"
#include "mta/refusal.h"
#include "mta/smtp_grammar.h"
#include "mta/smtp_reply.h"

namespace mta {

struct EngineSettings {
    std::string host_name;  ///< in the greeting, the reply to EHLO and Received
    std::uint64_t size_max_bytes = std::uint64_t{50} << 20U;  ///< of one message, RFC 1870
    std::size_t recipients_max = 1000;  ///< of one message; RFC 5321 4.5.3.1.8: at least 100
    /// Wrong commands and blocked senders since the last accepted message.
    std::size_t errors_max = 20;
    std::size_t unknown_commands_max = 10;  ///< the same, of those that do not exist
    std::size_t unknown_recipients_max =
        100;                              ///< the same, recipients refused: a dictionary attack
    std::size_t idle_commands_max = 200;  ///< the same, commands that move nothing (NOOP, ...)
};

/// Octets of a message without an end after which the session is closed: twice the size limit and
/// this, so that a refused message can be read to its end but not for ever.
inline constexpr std::uint64_t kSkippedDataMax = std::uint64_t{1} << 20U;

/// RFC 5321 4.5.3.1.8 (the figure that no configuration may go below).
inline constexpr std::size_t kRecipientsMin = 100;

/// How a transaction that MAIL began has ended.
enum class TransactionEnd : std::uint8_t {
    Accepted,   ///< 250 at the end of data
    Resources,  ///< refused because of us: 421, 451, 452
    Policy,     ///< refused because of it: 5xx
    Abandoned,  ///< RSET, QUIT, EHLO, or the client went away
};

/// Hears what the log, the counters and the load report need. Called inside the engine's calls;
/// must not call back.
class EngineObserver {
  public:
    virtual ~EngineObserver() = default;
    virtual void on_refused(Refusal refusal, const Reply& reply, std::string_view about) = 0;
    virtual void on_transaction_begun() = 0;
    virtual void on_transaction_ended(TransactionEnd end) = 0;
};

/// What the shell has to do before it calls advance() again.
enum class Action : std::uint8_t {
    Read,            ///< the input is used up: send output(), wait for more
    CheckSender,     ///< may this sender() send, and is there room? -> answer_sender
    CheckRecipient,  ///< is recipient() one of ours? -> answer_recipient
    BeginData,       ///< name the transaction and the time of receipt -> answer_begin_data
    Store,           ///< take_mail() and make it safe -> answer_store
    Close,           ///< send output() and close
};

/// A recipient as the internal view knows it.
struct VerifiedRecipient {
    std::string address;  ///< Address::text()
    std::int64_t account_id = 0;
};

/// A message that arrived whole.
struct ReceivedMail {
    mail::Envelope envelope;
    std::int64_t received_us = 0;  ///< when DATA was accepted, microseconds since 1970
    std::string message;           ///< our trace fields, then the message octet for octet
    ByteShare share;               ///< what pays for the message: keep it as long as the message
    std::optional<mail::Kind> kind = std::nullopt;  ///< none: what the message says itself
};

/// The state machine of one session; see the top for its use.
class SmtpEngine {
  public:
    /// `peer_literal`: the client's address as a literal, "[192.0.2.1]" or "[IPv6:2001:db8::1]".
    SmtpEngine(const EngineSettings& settings,
               std::string peer_literal,
               ByteBudget& budget,
               EngineObserver& observer);
    ~SmtpEngine();
    SmtpEngine(const SmtpEngine&) = delete;
    SmtpEngine& operator=(const SmtpEngine&) = delete;

    /// The greeting, or, if the client has already talked, the refusal (then advance() says Close).
    enum class EarlyTalk : std::uint8_t { No, Yes };
    void greet(EarlyTalk early_talk);

    /// Takes octets from the front of `input`, which is advanced. See the top of this file.
    [[nodiscard]] Action advance(std::string_view& input);

    /// `phase` says which question an error answers: Sender (the blocklist) or Store (no room).
    void answer_sender(const base::Status& verdict, ReplyPhase phase);
    void answer_recipient(const base::Result<VerifiedRecipient>& verdict);
    /// `trace_id` stands in Received and in the log; `now_us`: microseconds since 1970.
    void answer_begin_data(std::string_view trace_id, std::int64_t now_us);
    /// `reply` is what mta/acceptance decided.
    void answer_store(const Reply& reply);
    /// The same when the message was not handed to the store at all, and why.
    void answer_refused(Refusal refusal, const Reply& reply, std::string_view about);

    /// 421 at the next occasion outside of the data phase; advance() then says Close.
    void shut_down();
    /// 421 now, whatever the state: no answer in time, or no room. advance() then says Close.
    void abort(Refusal refusal, Reply reply);

    /// Of the question CheckSender; none: the null reverse-path.
    [[nodiscard]] const std::optional<mail::Address>& sender() const { return sender_; }

    /// Of the question CheckSender: what MAIL announced (RFC 1870), 0 if nothing.
    [[nodiscard]] std::uint64_t announced_size_bytes() const { return announced_size_bytes_; }

    /// Of the question CheckRecipient.
    [[nodiscard]] const mail::Address& recipient() const { return recipient_; }

    /// All that there is of the message, our trace fields in front; empty when it has a fault, or
    /// there is none. It moves with advance().
    [[nodiscard]] std::string_view message_so_far() const {
        return data_ ? data_->so_far() : std::string_view();
    }

    /// Of the question Store, once.
    [[nodiscard]] ReceivedMail take_mail();

    /// Replies not sent yet; the shell empties it.
    [[nodiscard]] std::string& output() { return output_; }

    [[nodiscard]] bool in_transaction() const { return phase_ > Phase::Ready; }

    [[nodiscard]] bool in_data() const { return phase_ == Phase::Data; }

    /// As the client named itself; empty before EHLO.
    [[nodiscard]] const std::string& client_name() const { return client_name_; }

  private:
    enum class Phase : std::uint8_t { Closing, Connected, Ready, MailGiven, RcptGiven, Data };
    enum class Protocol : std::uint8_t { Smtp, Esmtp };
    enum class GroupEnd : std::uint8_t { No, Yes };  ///< nothing follows in the input yet: Yes

    [[nodiscard]] std::optional<Action> on_line(const Line& line, GroupEnd group_end);
    [[nodiscard]] std::optional<Action> on_command(const CommandLine& command);
    [[nodiscard]] bool breaks_synchronisation(Verb verb, GroupEnd group_end) const;
    void on_line_fault(LineFault fault);
    void on_hello(const CommandLine& command);
    [[nodiscard]] std::optional<Action> on_mail(std::string_view argument);
    [[nodiscard]] std::optional<Action> on_rcpt(std::string_view argument);
    [[nodiscard]] std::optional<Action> on_data(std::string_view argument);
    void on_idle_command(const CommandLine& command);
    void on_syntax_fault(SyntaxFault fault, Refusal address_refusal);
    [[nodiscard]] std::optional<Action> on_data_end();

    void reply(int code, std::string_view enhanced, std::string text);
    void refuse(Refusal refusal, const Reply& reply, std::string_view about = {});
    void wrong_command(Refusal refusal, int code, std::string_view enhanced, std::string text);
    void close_with(Refusal refusal, const Reply& reply);
    void close_after(const Reply& reply);
    void end_transaction(TransactionEnd end);
    [[nodiscard]] std::string trace_fields(std::string_view trace_id) const;

    const EngineSettings& settings_;
    const std::string peer_literal_;
    ByteBudget& budget_;
    EngineObserver& observer_;

    LineReader lines_;
    std::string output_;
    std::string client_name_;
    Phase phase_ = Phase::Connected;
    Protocol protocol_ = Protocol::Smtp;
    bool shutting_down_ = false;

    // The transaction.
    std::optional<mail::Address> sender_;
    std::uint64_t announced_size_bytes_ = 0;
    mail::BodyType body_type_ = mail::BodyType::SevenBit;
    mail::Address recipient_;
    mail::Envelope envelope_;
    std::unordered_set<std::string> recipient_keys_;  ///< normalised: duplicates fold
    bool resources_refused_ = false;
    bool transaction_open_ = false;
    std::int64_t received_us_ = 0;
    std::optional<DataReader> data_;

    // Since the last accepted message.
    std::size_t errors_ = 0;
    std::size_t unknown_commands_ = 0;
    std::size_t unknown_recipients_ = 0;
    std::size_t idle_commands_ = 0;
};

}  // namespace mta
